import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";

import { takeEnvironment } from "../../../gateway/commands/boot-environment.ts";
import { loadSite } from "../../../gateway/house/site.ts";
import { loadGatewayIdentity } from "../../../gateway/identity/identity.ts";
import { claimText } from "../../../provisioning/fleet/fleet-keys.ts";
import { EstSite } from "../../provisioning/est-site.ts";
import { signedSite } from "../../provisioning/fleet/certified.ts";

const est = await EstSite.open();
after(() => est.close());
const data = join(est.directory, "data");
const FILES = { provider: "file", device: "/dev/null", pcrs: [] } as const;

function claim(gateway = "east-a"): Promise<string> {
  return claimText(est.authority, { gateway, server: est.url, validMs: 3_600_000 });
}

function site(issuedAt: number, lines: readonly string[] = []): string {
  const signed = signedSite(est.authority, { gateway: "east-a", lines, issuedAt });
  return Buffer.from(signed).toString("base64");
}

test("a gateway without anything does not start, and says what is missing", async () => {
  await assert.rejects(takeEnvironment(data, { WARD_CLAIM: "no claim" }, FILES), {
    code: "WARD_CLAIM",
  });
  const { gateway, token } = JSON.parse(await claim()) as { gateway: string; token: string };
  const bare = { WARD_CLAIM: JSON.stringify({ gateway, token }) };
  await assert.rejects(takeEnvironment(data, bare, FILES), {
    code: "WARD_CLAIM",
    message: /names no server/,
  });
  await assert.rejects(takeEnvironment(data, { WARD_SITE: site(1) }, FILES), { code: "ENOENT" });
});

test("claim, settings and root for bundles make a gateway, with keys that were born on it", async () => {
  const environment = {
    WARD_CLAIM: await claim(),
    WARD_SITE: site(Date.UTC(2026, 10, 2)),
    WARD_BUNDLE_ROOT: Buffer.from("{}").toString("base64"),
  };
  assert.deepEqual(await takeEnvironment(data, environment, FILES), [
    "east-a is enrolled.",
    "The signed settings of 2026-11-02T00:00:00.000Z are in force.",
    "The root for bundles is put down.",
  ]);
  assert.equal(loadGatewayIdentity(join(data, "identity")).gateway, "east-a");
  assert.equal((await loadSite(data)).gateway, "east-a");
  assert.equal(statSync(join(data, "identity/gateway.key.pem")).mode & 0o777, 0o600);
  // The same variables at the next start change nothing: the claim is used once.
  assert.deepEqual(await takeEnvironment(data, environment, FILES), []);
});

test("newer settings count; older, foreign and damaged ones do not, and the gateway runs on", async () => {
  const newer = site(Date.UTC(2026, 10, 3), ["tcp://10.0.0.7:4001"]);
  assert.match(
    (await takeEnvironment(data, { WARD_SITE: newer }, FILES)).join(),
    /2026-11-03.* in force/,
  );
  for (const text of [site(Date.UTC(2026, 10, 2)), "AAAA"]) {
    assert.match(
      (await takeEnvironment(data, { WARD_SITE: text }, FILES)).join(),
      /stay as they are/,
    );
  }
  assert.deepEqual((await loadSite(data)).lines, ["tcp://10.0.0.7:4001"]);
});

test("a new claim brings the next certificate; one that cannot be used leaves the gateway as it is", async () => {
  const before = readFileSync(join(data, "identity/gateway.crt.pem"), "utf8");
  assert.deepEqual(await takeEnvironment(data, { WARD_CLAIM: await claim() }, FILES), [
    "east-a is enrolled.",
  ]);
  // It takes its place when it has connected.
  assert.equal(readFileSync(join(data, "identity/gateway.crt.pem"), "utf8"), before);
  assert.equal(existsSync(join(data, "identity/claim.used")), true);
  const said = await takeEnvironment(data, { WARD_CLAIM: await claim("east-b") }, FILES);
  assert.match(said.join(), /^The gateway keeps the identity it has: Cannot enrol east-b here/);
});

test("the root for bundles is never replaced", async () => {
  const other = Buffer.from("other").toString("base64");
  assert.deepEqual(await takeEnvironment(data, { WARD_BUNDLE_ROOT: other }, FILES), []);
  assert.equal(readFileSync(join(data, "identity/bundle-root.json"), "utf8"), "{}");
});
