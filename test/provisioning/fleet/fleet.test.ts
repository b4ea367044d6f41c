import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";

import { command } from "../../../gateway/commands/fleet.ts";
import { parseClaim } from "../../../gateway/enrolment/claim-file.ts";
import { createAuthority, type Authority } from "../../../provisioning/authority.ts";
import { burnClaim } from "../../../provisioning/claims.ts";
import { openBalenaCloud } from "../../../provisioning/fleet/balena-cloud.ts";
import { readIssued } from "../../../provisioning/issued.ts";
import { FakeBalenaApi } from "../../fakes/balena-api.ts";
import { run as runVerb, type Run } from "../../gateway/commands/wardgate.ts";
import { issuedGateway, signedSite } from "./certified.ts";
import { inventory, uuidOf } from "./ward.ts";

const root = mkdtempSync(join(tmpdir(), "wardgate-fleet-"));
after(() => rmSync(root, { recursive: true }));

/** `wardgate fleet` through balena-sdk, over HTTP, to an API that keeps to the rules of the real one. */
describe("wardgate fleet", () => {
  let api: FakeBalenaApi;
  let authority: Authority;
  let directory = "";
  let made = 0;
  let devices: Record<"a" | "b" | "c", number>;
  let releases: Record<"old" | "new" | "foreign" | "draft", number>;

  before(async () => {
    api = await FakeBalenaApi.open();
  });
  after(() => api.close());

  beforeEach(async () => {
    made += 1;
    directory = join(root, String(made));
    authority = await createAuthority({
      directory: join(directory, "ca"),
      site: "Test",
      passphrase: null,
    });
    const slug = `hospital/fleet-${made}`;
    const [application, other] = [slug, `${slug}-other`].map((one) =>
      api.add("application", { slug: one }),
    );
    const release = (raw_version: string, o: object = {}): number =>
      api.add("release", {
        raw_version,
        commit: raw_version,
        belongs_to__application: application,
        ...o,
      });
    releases = {
      old: release("0.1.0"),
      new: release("0.2.0"),
      foreign: release("7.7.7", { belongs_to__application: other }),
      draft: release("0.3.0", { is_final: false }),
    };
    const device = (letter: string): number =>
      api.add("device", {
        uuid: uuidOf(letter),
        device_name: `falling-leaf-${letter}`,
        is_online: true,
        last_connectivity_event: "2026-11-27T03:00:00.000Z",
        os_version: "balenaOS 8.0.2",
        belongs_to__application: application,
        is_running__release: releases.old,
      });
    devices = { a: device("a"), b: device("b"), c: device("c") };
    writeWard({ fleet: slug });
    writeFileSync(join(directory, "key"), `${api.token}\n`);
  });

  function writeWard(o: object): void {
    const ward = { ...inventory(), fleet: `hospital/fleet-${made}`, ...o };
    writeFileSync(join(directory, "ward.json"), JSON.stringify(ward));
  }

  function fleet(verb: string, ...more: string[]): Promise<Run> {
    const place = ["--inventory", join(directory, "ward.json"), "--directory", authority.directory];
    return runVerb(command, [
      verb,
      ...place,
      "--token-file",
      join(directory, "key"),
      "--api",
      api.url,
      ...more,
    ]);
  }

  test("plan changes nothing, apply does, and after it there is nothing to do", async () => {
    const planned = await fleet("plan");
    assert.equal(planned.code, 3, planned.stderr);
    assert.match(
      planned.stdout,
      /east-a\n  ~ name     falling-leaf-a -> east-a\n  \+ WARD_CLAIM = a new claim/,
    );
    assert.deepEqual(api.variables(devices.a), {});
    const json = JSON.parse((await fleet("plan", "--json")).stdout) as { changes: unknown[] };
    assert.equal(json.changes.length, 10);

    assert.equal((await fleet("apply")).code, 0);
    assert.equal(api.row("device", devices.a)?.["device_name"], "east-a");
    assert.equal(api.row("device", devices.a)?.["is_pinned_on__release"], releases.new);
    assert.equal(api.row("device", devices.c)?.["is_pinned_on__release"], releases.old);
    assert.equal(api.variables(devices.b)["WARD_KEEPALIVE_S"], "10");
    const again = await fleet("plan");
    assert.deepEqual([again.code, again.stdout], [0, "Nothing to change.\n"]);
  });

  test("the claim on the device is good at the authority, once, for that gateway", async () => {
    await fleet("apply");
    const claim = parseClaim(api.variables(devices.a)["WARD_CLAIM"] ?? "");
    assert.deepEqual([claim.gateway, claim.server], ["east-a", "https://ca.hospital.example:8443"]);
    const publicKey = createPublicKey(authority.settingsSignerPublic);
    const burn = (gateway: string): Promise<string> =>
      burnClaim(authority.directory, { gateway, token: claim.token, publicKey });
    assert.equal(await burn("east-b"), "unknown");
    assert.equal(await burn("east-a"), "good");
    const { stdout } = await fleet("plan", "--json");
    assert.equal(stdout.includes(claim.token), false);
  });

  test("the rings move on as the fleet follows", async () => {
    writeWard({ rings: { canary: "0.2.0", ward: "0.2.0", house: "0.2.0" } });
    const first = await fleet("apply");
    assert.match(
      first.stdout,
      /ring ward waits with 0\.2\.0: 1 of ring canary do not run it yet \(east-a\)/,
    );
    assert.equal(api.row("device", devices.b)?.["is_pinned_on__release"], null);
    api.change("device", devices.a, { is_running__release: releases.new });
    await fleet("apply");
    assert.equal(api.row("device", devices.b)?.["is_pinned_on__release"], releases.new);
    assert.equal(api.row("device", devices.c)?.["is_pinned_on__release"], null);
  });

  test("a draft, and a release of another fleet, are none to pin to", async () => {
    for (const release of ["0.3.0", "7.7.7"]) {
      writeWard({ rings: { canary: release, ward: "0.1.0", house: "0.1.0" } });
      const refused = await fleet("apply");
      assert.equal(refused.code, "WARD_FLEET_PROBLEMS");
      assert.match(refused.stderr, /the fleet has no finished release/);
    }
    assert.deepEqual(api.variables(devices.a), {});
  });

  test("signed settings go to their gateway when they fit the inventory", async () => {
    const ward = inventory();
    const [east] = ward.wards;
    Object.assign(east!.gateways[0]!, { site: "site.cose" });
    writeWard(ward.wards.length > 0 ? { wards: ward.wards } : {});
    const file = join(directory, "site.cose");
    writeFileSync(file, signedSite(authority, { gateway: "east-a", lines: [] }));
    assert.match(
      (await fleet("plan")).stderr,
      /do not allow bed-1\/oximeter on serial:\/run\/ward\/ports\/usb-1\.sock/,
    );
    const flows = [{ id: "a", type: "comment", info: "x".repeat(100_000) }];
    const oximeter = "serial:/run/ward/ports/usb-1.sock";
    writeFileSync(file, signedSite(authority, { gateway: "east-a", lines: [oximeter], flows }));
    assert.match(
      (await fleet("plan")).stderr,
      /too large for a variable\. Let the flows come in bundles/,
    );
    writeFileSync(file, signedSite(authority, { gateway: "east-b", lines: [] }));
    assert.match((await fleet("plan")).stderr, /they are east-b's/);
    const signed = signedSite(authority, { gateway: "east-a", lines: [oximeter] });
    writeFileSync(file, signed);
    assert.equal((await fleet("apply")).code, 0);
    assert.equal(api.variables(devices.a)["WARD_SITE"], Buffer.from(signed).toString("base64"));
  });

  test("an inventory is YAML too, and one of hundreds of gateways is none too many", async () => {
    const { wards } = inventory();
    const many = Array.from({ length: 600 }, (_, at) => ({
      ...wards[0]!.gateways[0]!,
      id: `more-${at}`,
      uuid: at.toString(16).padStart(32, "0"),
      beds: [],
    }));
    const ward = { ...inventory(), fleet: `hospital/fleet-${made}` };
    writeFileSync(
      join(directory, "ward.json"),
      `# JSON is YAML\n${JSON.stringify({ ...ward, wards: [...wards, { name: "More", gateways: many }] })}`,
    );
    const { code, stdout } = await fleet("plan");
    assert.equal(code, 3);
    assert.match(
      stdout,
      /more-599: the fleet .* has no device 0+257[^]*600 problems: nothing can be applied/,
    );
    writeFileSync(join(directory, "ward.json"), "{ broken");
    assert.match((await fleet("plan")).stderr, /it is no JSON/);
  });

  test("status shows every gateway, with its certificate", async () => {
    await issuedGateway(authority, "east-b");
    const { code, stdout } = await fleet("status");
    assert.equal(code, 3);
    assert.match(stdout, /\neast-a  .*online  0\.1\.0  0\.2\.0 +none +3\n/);
    assert.match(stdout, /\neast-b  .*online  0\.1\.0  0\.1\.0 +20\d\d-\d\d-\d\d +3\n/);
    const json = JSON.parse((await fleet("status", "--json")).stdout) as {
      gateways: { devices: number }[];
    };
    assert.deepEqual(
      json.gateways.map((one) => one.devices),
      [1, 1, 1],
    );
  });

  test("rotate gives a new claim; revoke takes certificates and claim, and apply does not let it in again", async () => {
    await fleet("apply");
    const first = api.variables(devices.a)["WARD_CLAIM"];
    assert.equal((await fleet("rotate", "--gateway", "east-a")).code, 0);
    const second = parseClaim(api.variables(devices.a)["WARD_CLAIM"] ?? "");
    assert.notEqual(JSON.stringify(second), first);

    await issuedGateway(authority, "east-a");
    const { stdout } = await fleet("revoke", "--gateway", "east-a", "--why", "stolen");
    assert.match(stdout, /^east-a: 1 certificates revoked\.\nTake it out of the inventory/);
    assert.equal(api.variables(devices.a)["WARD_CLAIM"], undefined);
    const [record] = await readIssued(authority.directory, "gateways");
    assert.deepEqual([record?.why, typeof record?.revokedAt], ["stolen", "number"]);
    const publicKey = createPublicKey(authority.settingsSignerPublic);
    const burnt = await burnClaim(authority.directory, { ...second, publicKey });
    assert.equal(burnt, "unknown");
    const applied = await fleet("apply");
    assert.match(applied.stdout, /east-a is revoked: take it out of the inventory/);
    assert.equal(api.variables(devices.a)["WARD_CLAIM"], undefined);
    assert.match((await fleet("rotate", "--gateway", "nobody")).stderr, /no gateway nobody/);
  });

  test("what balena refuses is said in plain words", async () => {
    writeFileSync(join(directory, "key"), "not-the-key-0123456789abcdef0123");
    assert.equal((await fleet("plan")).code, "WARD_FLEET_API");
    writeFileSync(join(directory, "key"), " \n");
    assert.equal((await fleet("plan")).code, "WARD_USAGE");
    writeFileSync(join(directory, "key"), api.token);
    writeWard({ fleet: "hospital/nothing" });
    assert.equal((await fleet("plan")).code, "WARD_FLEET_UNKNOWN");
    assert.equal((await fleet("destroy")).code, "WARD_USAGE");
  });

  test("the cloud itself refuses a foreign release and names that are none, and one name has one value", async () => {
    const cloud = await openBalenaCloud({ apiUrl: api.url, token: api.token });
    await assert.rejects(cloud.pin(devices.a, releases.foreign), {
      code: "WARD_FLEET_API",
      message: /belongs to the application that the device belongs to/,
    });
    await assert.rejects(cloud.setVariable(devices.a, { name: "1 WARD", value: "" }), {
      code: "WARD_FLEET_API",
    });
    await cloud.setVariable(devices.a, { name: "WARD_X", value: "1" });
    await cloud.setVariable(devices.a, { name: "WARD_X", value: "2" });
    assert.deepEqual(api.variables(devices.a), { WARD_X: "2" });
    await cloud.removeVariable(devices.a, "WARD_X");
    await cloud.removeVariable(devices.a, "WARD_X");
    assert.deepEqual(api.variables(devices.a), {});
  });
});

test("the fake refuses what the real one refuses", async () => {
  const api = await FakeBalenaApi.open();
  const application = api.add("application", { slug: "a/b" });
  const device = api.add("device", { uuid: uuidOf("a"), belongs_to__application: application });
  const ask = async (path: string, o: RequestInit & { login?: boolean } = {}): Promise<number> => {
    const headers = o.login === false ? {} : { authorization: `Bearer ${api.token}` };
    return (await fetch(`${api.url}${path}`, { ...o, headers })).status;
  };
  const variable = JSON.stringify({ device, name: "A", value: "1" });
  const post = { method: "POST", body: variable };
  assert.equal(await ask("/v7/device", { login: false }), 401);
  assert.equal(await ask("/v7/toaster"), 404);
  assert.equal(await ask("/v6/device"), 404);
  assert.equal(await ask("/v7/device?$filter=colour%20eq%20'red'"), 400);
  assert.equal(await ask("/v7/device?$filter=uuid%20like%20'a'"), 400);
  assert.equal(await ask("/v7/device?$select=colour"), 400);
  assert.equal(await ask("/v7/device?$expand=colour"), 400);
  assert.equal(await ask("/v7/device_environment_variable", post), 200);
  assert.equal(await ask("/v7/device_environment_variable", post), 409);
  assert.equal(await ask("/v7/device?$filter=uuid%20eq%20'x'"), 200);
  api.close();
});
