import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { writeMosquittoConfig } from "../../provisioning/mosquitto.ts";

let directory: string;
const base = { gatewayPort: 18_883, hubPort: 18_884, hubs: ["hub-1", "hub-2"] };

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "ward-mosquitto-"));
});

after(async () => {
  await rm(directory, { recursive: true });
});

test("fills in every blank and gives each hub its own block", async () => {
  const path = await writeMosquittoConfig({ ...base, directory, user: "mosquitto" });
  const config = await readFile(path, "utf8");
  assert.doesNotMatch(config.replaceAll(/^#.*$/gm, ""), /@/);
  assert.match(config, /^listener 18883 127\.0\.0\.1$/m);
  assert.match(config, /^listener 18884 127\.0\.0\.1$/m);
  assert.equal(config.match(/^tls_version tlsv1\.3$/gm)?.length, 2);
  assert.equal(config.match(/^require_certificate true$/gm)?.length, 2);
  assert.equal(config.match(/^allow_anonymous false$/gm)?.length, 2);
  const hubs = await readFile(join(directory, "hubs.acl"), "utf8");
  assert.deepEqual(hubs.match(/^user .*$/gm), ["user hub-1", "user hub-2"]);
  assert.equal((await stat(join(directory, "gateways.acl"))).mode & 0o077, 0);
});

test("refuses values that would add lines of their own", async () => {
  const bad = { code: "WARD_MOSQUITTO_OPTIONS" };
  const write = async (more: object): Promise<string> =>
    await writeMosquittoConfig({ ...base, directory, ...more });
  await assert.rejects(write({ host: "127.0.0.1\nallow_anonymous true" }), bad);
  await assert.rejects(write({ user: "" }), bad);
  await assert.rejects(write({ hubs: ["hub-1\ntopic readwrite #"] }), bad);
  await assert.rejects(write({ hubs: ["#"] }), bad);
  await assert.rejects(write({ gatewayPort: 0 }), bad);
  await assert.rejects(write({ hubPort: 70_000 }), bad);
});
