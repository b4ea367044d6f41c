import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { demoFlow } from "../../flows/demo-flow.ts";
import { command } from "../../gateway/commands/bundle.ts";
import { GATEWAY_FILES } from "../../gateway/identity/site-files.ts";
import { makeSite, writeSignedSettings } from "../../provisioning/site.ts";
import { run } from "../gateway/commands/wardgate.ts";

const LINE = "tcp://127.0.0.1:9";

test("from keys to a gateway: every command of a bundle's way, as docs/bundles.md shows it", async () => {
  const directory = await mkdtemp(join(tmpdir(), "wardgate-bundle-commands-"));
  const at = (...names: string[]): string => join(directory, ...names);
  const bundle = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(command, args);
    assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  process.env["WARD_PASSPHRASE"] = "correct horse battery";
  try {
    for (const [file, role] of [
      ["anna", "biomedical-engineering"],
      ["ben", "information-technology"],
      ["publisher", "publisher"],
    ] as const) {
      await bundle("keys", "new", at(file), "--role", role, "--name", file);
    }
    const repository = ["--repository", at("repository")];
    const signers = ["--signer", at("anna.pub"), "--signer", at("ben.pub")];
    await bundle("keys", "root", ...repository, ...signers, "--publisher", at("publisher.pub"));
    await bundle("sign", ...repository, "--key", at("anna"));
    await bundle("sign", ...repository, "--key", at("ben"));

    const names = { gateway: "icu-1", hub: "hub-1", brokerNames: ["127.0.0.1"] };
    const site = await makeSite({ directory: at("site"), ...names });
    await writeSignedSettings({
      authority: site.authority,
      gatewayDirectory: site.gatewayDirectory,
      gateway: names.gateway,
      hubKeys: site.hubKeys,
      settings: {
        authoring: false,
        broker: { url: "mqtts://127.0.0.1:1", serverName: "127.0.0.1" },
        lines: [LINE],
        opcuaTrust: [],
        bundles: { channel: "icu" },
        flows: [],
      },
    });
    const flow = demoFlow([
      { device: "bed-4/monitor", model: "nonin-format7", line: LINE, unit: null, kind: "stream" },
    ]);
    await writeFile(at("flows.json"), JSON.stringify(flow));
    await writeFile(at("coarser.json"), JSON.stringify(flow).replace('"size":"0"', '"size":"2"'));
    await writeFile(at("recipients.json"), JSON.stringify(site.hubKeys.recipients));
    const build = (version: string, flows: string): Promise<string> =>
      bundle(
        "build",
        "--out",
        at(`${version}.bundle`),
        "--channel",
        "icu",
        "--version",
        version,
        "--flows",
        at(flows),
        "--recipients",
        at("recipients.json"),
      );
    await build("1", "flows.json");
    await build("2", "coarser.json");
    assert.equal(
      (await bundle("diff", at("1.bundle"), at("2.bundle"))).replace(
        /filter [0-9a-f]{16}/,
        "filter",
      ),
      "  Ward tab: ward-filter: By more than 0 → 2\n",
    );
    const shown = await bundle(
      "sign",
      ...repository,
      "--key",
      at("anna"),
      "--bundle",
      at("1.bundle"),
    );
    assert.match(shown, /Ward tab: ward-serial "bed-4\/monitor" added[^]*1 of 2 signatures/);
    assert.match(await bundle("sign", ...repository, "--key", at("ben")), /can be published/);
    await bundle("publish", ...repository, "--key", at("publisher"));
    const root = at("repository", "metadata", "1.root.json");
    const verify = ["verify", ...repository, "--root", root, "--channel", "icu"];
    assert.match(await bundle(...verify), /^Right: bundle 1 of channel icu/);

    const data = ["--data", site.gatewayDirectory];
    await writeFile(join(site.gatewayDirectory, GATEWAY_FILES.bundleRoot), await readFile(root));
    const installed = await bundle("install", ...data, "--from", at("repository"), "--json");
    assert.equal(JSON.parse(installed).state, "waiting");
    assert.ok((await readdir(join(site.gatewayDirectory, "bundles"))).includes("incoming.cbor"));

    await cp(at("repository"), at("tampered"), { recursive: true });
    const [target = ""] = await readdir(at("tampered", "targets"));
    const bytes = await readFile(at("tampered", "targets", target));
    bytes[bytes.length - 9]! ^= 1;
    await writeFile(at("tampered", "targets", target), bytes);
    const refused = await run(command, ["install", ...data, "--from", at("tampered")]);
    assert.equal(refused.code, "WARD_BUNDLE_TAMPERED");
    const wrong = await run(command, [
      "verify",
      "--repository",
      at("tampered"),
      "--root",
      root,
      "--channel",
      "icu",
    ]);
    assert.equal(wrong.code, 3);
    process.env["WARD_PASSPHRASE"] = "another passphrase";
    const locked = await run(command, ["publish", ...repository, "--key", at("publisher")]);
    assert.equal(locked.code, "WARD_PASSPHRASE");
  } finally {
    delete process.env["WARD_PASSPHRASE"];
    await rm(directory, { recursive: true, force: true });
  }
});
