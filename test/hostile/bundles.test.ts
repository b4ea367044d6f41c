import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:https";
import { readdir, rm } from "node:fs/promises";
import { once } from "node:events";
import type { Socket } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { packFiles } from "../../gateway/bundles/archive.ts";
import { canonicalJson, flowHash, sha256 } from "../../gateway/bundles/canonical-json.ts";
import { readBundle } from "../../gateway/bundles/content.ts";
import { httpsSource } from "../../gateway/bundles/https-source.ts";
import { errorCode } from "../../gateway/errors.ts";
import { createRoot, issueServer } from "../../provisioning/ca.ts";
import { BundleRepository } from "../../provisioning/bundle-repository.ts";
import { comparedText } from "../../gateway/commands/bundle-diff.ts";
import {
  BundleGateway,
  BundleKit,
  bundleOf,
  DAY_MS,
  newSigner,
  RECIPIENTS,
} from "../fakes/bundle-kit.ts";
import { isPolluted } from "../fakes/hostile-kit.ts";

/** Bundles from a stick, a server and a signer that mean harm. */

let kit: BundleKit;
let sticks = 0;
before(async () => {
  kit = await BundleKit.open();
  await kit.publish(bundleOf(1));
});
after(async () => await rm(kit.directory, { recursive: true, force: true }));

async function gatewayFor(name: string): Promise<BundleGateway> {
  return new BundleGateway(join(kit.directory, `gateway-${name}`), await kit.pinned);
}

function stick(): string {
  sticks += 1;
  const to = join(kit.directory, `stick-${sticks}`);
  cpSync(kit.repository.directory, to, { recursive: true });
  return to;
}

test("a stick with links, pipes, folders and endless files in place of files is refused at once, and nothing is remembered", async () => {
  const secret = join(kit.directory, "secret");
  writeFileSync(secret, readFileSync(join(kit.repository.directory, "metadata/timestamp.json")));
  const evil: Readonly<Record<string, (file: string) => void>> = {
    "a link to another file": (file) => symlinkSync(secret, file),
    "a link to itself": (file) => symlinkSync(file, file),
    "a pipe that nobody writes": (file) => execFileSync("mkfifo", [file]),
    "a folder": (file) => mkdirSync(file),
    "a link to a device without end": (file) => symlinkSync("/dev/zero", file),
    "a file of a terabyte": (file) => {
      writeFileSync(file, "{}");
      truncateSync(file, 2 ** 40);
    },
  };
  for (const [what, make] of Object.entries(evil)) {
    for (const name of ["metadata/timestamp.json", "metadata/2.root.json"]) {
      const directory = stick();
      const file = join(directory, name);
      rmSync(file, { force: true });
      make(file);
      const gateway = await gatewayFor(`${sticks}`);
      await assert.rejects(gateway.fetch(directory), (error) => {
        assert.match(
          errorCode(error),
          /^WARD_BUNDLE_(SOURCE|TAMPERED)$/,
          `${what}: ${String(error)}`,
        );
        return true;
      });
      assert.deepEqual(await readdir(gateway.directory), []);
    }
  }
});

test("a server that trickles, lies about lengths, floods headers or packs its answers gets nowhere", async () => {
  const root = await createRoot("servers", "Test");
  const { certificate: cert, key } = await issueServer(root, ["localhost"]);
  let how: (socket: Socket) => void = () => undefined;
  const server = createServer({ cert, key });
  server.on("secureConnection", (socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => how(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const ok = "HTTP/1.1 200 OK\r\n";
  const answers: Readonly<Record<string, string>> = {
    "less than it said": `${ok}Content-Length: 1000\r\nConnection: close\r\n\r\n{}`,
    "headers without end": `${ok}${"X-Much: more\r\n".repeat(20_000)}\r\n{}`,
    "two lengths": `${ok}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    "a place to go to":
      "HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
    "no HTTP": "SSH-2.0-x\r\n",
    "an upgrade": "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
    "early hints without end": "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(2000),
  };
  for (const [what, answer] of Object.entries(answers)) {
    how = (socket) => socket.end(answer);
    const source = httpsSource(`https://localhost:${port}/`, { ca: root.certificate, cert, key });
    await assert.rejects(source.read("metadata/timestamp.json", 1000), (error) => {
      assert.match(
        errorCode(error),
        /^WARD_BUNDLE_(SOURCE|TAMPERED)$/,
        `${what}: ${String(error)}`,
      );
      return true;
    });
    source.close();
  }
  server.closeAllConnections();
  server.close();
});

/** A bundle whose files are given as text, with a manifest that fits. */
function bundleFrom(files: Readonly<Record<string, string>>): Uint8Array {
  const flows: { readonly id: string }[] = JSON.parse(files["flows.json"] ?? "[]");
  const manifest = {
    format: 1,
    channel: "icu",
    version: 2,
    createdAt: 1,
    minRuntime: "0.1.0",
    note: "",
    files: Object.fromEntries(Object.entries(files).map(([path, text]) => [path, sha256(text)])),
    flowHash: flowHash(flows),
  };
  return packFiles(new Map([["manifest.json", canonicalJson(manifest)], ...Object.entries(files)]));
}

test("what two signers may have been made to sign pollutes no object and has no name but its own", () => {
  const plain = {
    "flows.json": '[{"id":"t","type":"tab"}]',
    "recipients.json": canonicalJson(RECIPIENTS),
    "roles.json": "{}",
    "policy.json": "{}",
  };
  assert.equal(readBundle(bundleFrom(plain)).manifest.version, 2);
  const flows = '[{"__proto__":{"polluted":true},"id":"t","type":"tab"}]';
  assert.equal(readBundle(bundleFrom({ ...plain, "flows.json": flows })).flows.length, 1);
  assert.equal(isPolluted(), false);
  const evil: readonly Readonly<Record<string, string>>[] = [
    { "roles.json": '{"__proto__":["x"]}' },
    { "policy.json": '{"__proto__":{"deleteOn":"broker"}}' },
    { "policy.json": '{"constructor":1}' },
    { "flows.json": `[{"id":"t","x":${"[".repeat(65)}${"]".repeat(65)}}]` },
    { "flows.json": '[{"id":"t"},{"id":"t"}]' },
    { "recipients.json": "[]" },
  ];
  for (const files of evil) {
    assert.throws(() => readBundle(bundleFrom({ ...plain, ...files })), {
      code: "WARD_BUNDLE_CONTENT",
    });
  }
  for (const path of [
    "../x.json",
    "devices/../../x.json",
    "devices/__proto__.json",
    "/etc/passwd",
    "flows.json/",
  ]) {
    assert.throws(() => bundleFrom({ ...plain, [path]: "{}" }), { code: "WARD_BUNDLE_CONTENT" });
  }
  assert.equal(isPolluted(), false);
});

test("whoever signs sees a new root, a bundle that is taken away, and signs nothing that was exchanged after it was shown", async () => {
  const own = await BundleKit.open();
  try {
    await own.publish(bundleOf(1));
    const { repository } = own;
    const mallory = newSigner("biomedical-engineering", "Mallory\u001b[2J");
    const helper = newSigner("information-technology", "Ben");
    await own.draftRoot([own.biomed, own.it, mallory, helper], [own.publisher]);
    await repository.draftBundle(bundleOf(2), new Date(Date.now() + DAY_MS));
    const shown = await comparedText(new BundleRepository(repository.directory));
    assert.match(shown, /A NEW ROOT, which decides who signs from now on:/);
    assert.match(
      shown,
      /\+ targets: signed by Mallory \[2J \(biomedical-engineering\), key [0-9a-f]{64}/,
    );
    assert.ok(
      shown.includes(`key ${helper.signer.public}`),
      "by the key, not by a name that is there already",
    );
    assert.ok(!shown.includes("\u001b"));

    const drafts = join(repository.directory, "drafts");
    const root = readFileSync(join(drafts, "root.json"));
    rmSync(join(drafts, "root.json"));
    const signer = new BundleRepository(repository.directory);
    await signer.hold();
    assert.doesNotMatch(await comparedText(signer), /NEW ROOT/);
    writeFileSync(join(drafts, "root.json"), root);
    const signed = await signer.sign(own.it.key);
    assert.deepEqual(
      signed.map(({ what }) => what),
      ["targets"],
      "what came later was not shown and is not signed",
    );
    const late = new BundleRepository(repository.directory);
    rmSync(join(drafts, "root.json"));
    await late.hold();
    const targets = join(drafts, "targets.json");
    const json = JSON.parse(readFileSync(targets, "utf8"));
    json.signed.version = 2 ** 30;
    writeFileSync(targets, JSON.stringify({ ...json, signatures: [] }));
    await assert.rejects(late.sign(own.it.key), {
      code: "WARD_BUNDLE_DRAFT",
      message: /not what was shown/,
    });

    await own.sign(own.biomed, own.it);
    await assert.rejects(own.renew(), { code: "WARD_BUNDLE_TAMPERED", message: /1073741824/ });
    json.signed.version = 2;
    json.signed.targets = {};
    writeFileSync(targets, JSON.stringify({ ...json, signatures: [] }));
    const taken = await comparedText(new BundleRepository(repository.directory));
    assert.match(taken, /Channel icu: its bundle is taken away/);
  } finally {
    await rm(own.directory, { recursive: true });
  }
});
