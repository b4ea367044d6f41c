import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { text } from "node:stream/consumers";

import { textAt } from "../../gateway/json-value.ts";
import { Listener } from "../../gateway/console/listener.ts";
import { StaticFiles } from "../../gateway/console/static-files.ts";
import { openConsole } from "../fakes/console-kit.ts";
import { EmbeddedBroker } from "../../hub/broker.ts";
import { createRoot, issueServer } from "../../provisioning/ca.ts";
import { makeTestPki, type TestPki } from "../provisioning/pki.ts";
import { EstSite } from "../provisioning/est-site.ts";
import { canTry } from "./programs.ts";

/** What OpenSSL, which has nothing of ours, gets out of every TLS listener; with WARD_TESTSSL=1 testssl.sh too. */

interface Listening {
  readonly name: string;
  readonly port: number;
  readonly ca: string;
}

let directory: string;
let pki: TestPki;
let listening: readonly Listening[];
const closing: (() => Promise<void>)[] = [];

before(async () => {
  directory = mkdtempSync(join(tmpdir(), "ward-hostile-tls-"));
  pki = await makeTestPki();
  const broker = await EmbeddedBroker.open({
    identity: pki.brokerIdentity,
    gatewayPort: 0,
    hubPort: 0,
  });
  const est = await EstSite.open();
  const root = await createRoot("servers", "Console");
  const { certificate: cert, key } = await issueServer(root, ["localhost"]);
  const editor = new Listener({
    host: "127.0.0.1",
    port: 0,
    cert,
    key,
    console: openConsole().console,
    files: new StaticFiles("/nowhere"),
    journal: async () => undefined,
    connectEditor: async () => {
      throw new Error("away");
    },
  });
  const editorPort = await editor.open();
  closing.push(
    () => broker.close(),
    () => est.close(),
    () => editor.close(),
  );
  listening = [
    { name: "gateways' port", port: broker.gatewayPort, ca: pki.servers.certificate },
    { name: "hubs' port", port: broker.hubPort, ca: pki.servers.certificate },
    { name: "enrolment", port: est.port, ca: est.authority.roots.servers },
    { name: "editor", port: editorPort, ca: root.certificate },
  ];
});

after(async () => {
  await Promise.all(closing.map((close) => close()));
  rmSync(directory, { recursive: true });
});

function put(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** Connects with `openssl s_client`; what it prints. */
async function client({ port, ca, name }: Listening, ...more: readonly string[]): Promise<string> {
  const file = put(`${name.replaceAll(/\W/g, "-")}.pem`, ca);
  const args = ["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "localhost"];
  const child = spawn("openssl", [...args, "-CAfile", file, "-verify_return_error", ...more], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end();
  const [out, error] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return out + error;
}

test("another program finds nothing but TLS 1.3 on any listener", async () => {
  const own = [
    "-cert",
    put("gw.crt", pki.gateway.certificate),
    "-key",
    put("gw.key", pki.gateway.key),
  ];
  for (const place of listening) {
    const good = await client(place, ...own);
    assert.match(good, /New, TLSv1\.3, Cipher is TLS_/, place.name);
    assert.match(good, /Verify return code: 0 \(ok\)/, place.name);
    assert.doesNotMatch(good, /Compression: (?!NONE)/, place.name);
    for (const version of ["-tls1", "-tls1_1", "-tls1_2"]) {
      const old = await client(place, ...own, version, "-cipher", "ALL:@SECLEVEL=0");
      assert.match(old, /Cipher is \(NONE\)/, `${place.name} ${version}`);
    }
    const early = await client(place, ...own, "-tls1_3");
    assert.doesNotMatch(early, /Max Early Data: [1-9]/, place.name);
  }
});

test("testssl.sh finds no weakness on any listener", async (t) => {
  if (!canTry(t, { variable: "WARD_TESTSSL", programs: ["testssl"], install: "testssl.sh" })) {
    return;
  }
  for (const { name, port } of listening) {
    const out = join(directory, `${port}.json`);
    const args = ["--quiet", "--color", "0", "-p", "-s", "-U", "--jsonfile", out];
    const child = spawn("testssl", [...args, `127.0.0.1:${port}`], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await text(child.stdout);
    const value: unknown = JSON.parse(readFileSync(out, "utf8"));
    const found: readonly unknown[] = Array.isArray(value) ? value : [];
    assert.ok(found.length > 20, name);
    const isBad = (row: unknown): boolean =>
      ["MEDIUM", "HIGH", "CRITICAL"].includes(textAt(row, "severity"));
    assert.deepEqual(found.filter(isBad), [], name);
    const offered = found
      .filter((row) => textAt(row, "finding").startsWith("offered"))
      .map((row) => textAt(row, "id"))
      .filter((id) => /^(SSL|TLS)/.test(id));
    assert.deepEqual(offered, ["TLS1_3"], name);
  }
});
