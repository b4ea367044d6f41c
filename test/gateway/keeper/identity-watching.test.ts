import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { WardError } from "../../../gateway/errors.ts";
import type { GatewayIdentity } from "../../../gateway/identity/identity.ts";
import { loadGatewayIdentity } from "../../../gateway/identity/identity.ts";
import { nearEndOfLists, readRevocationLists } from "../../../gateway/identity/revocation.ts";
import { ClockFloor } from "../../../gateway/keeper/clock-floor.ts";
import { ExpiryWatch } from "../../../gateway/keeper/expiry-watch.ts";
import { IdentityTrial } from "../../../gateway/keeper/identity-trial.ts";
import { renewalTime } from "../../../gateway/keeper/renewal.ts";
import { createAuthority } from "../../../provisioning/authority.ts";
import { createRoot, issueGateway, validFor } from "../../../provisioning/ca.ts";
import { issueLists } from "../../../provisioning/lists.ts";
import { addGateway } from "../../../provisioning/site.ts";

/** What watches over the identity of a running gateway: trial of a new one, clock, ends, time of renewal. */

const DAY_MS = 86_400_000;
const refusal = new WardError("WARD_IDENTITY_REFUSED", "no");
const away = new WardError("WARD_BROKER_UNREACHABLE", "no");

async function makeTrial(t: { after: (act: () => void) => void }): Promise<{
  trial: IdentityTrial;
  current: GatewayIdentity;
  waiting: { next: GatewayIdentity | null };
  told: string[];
}> {
  const root = mkdtempSync(join(tmpdir(), "ward-trial-"));
  t.after(() => rmSync(root, { recursive: true }));
  const authority = await createAuthority({
    directory: join(root, "ca"),
    site: "T",
    passphrase: null,
  });
  const [current, next] = await Promise.all(
    ["a", "b"].map(async (name) => {
      await addGateway(authority, join(root, name), "gw-001");
      return loadGatewayIdentity(join(root, name, "identity"));
    }),
  );
  assert.ok(current !== undefined && next !== undefined);
  const waiting: { next: GatewayIdentity | null } = { next };
  const told: string[] = [];
  const trial = new IdentityTrial({
    current: () => current,
    next: () => waiting.next,
    accepted: () => told.push("accepted"),
    refused: () => told.push("refused"),
  });
  return { trial, current, waiting, told };
}

test("a new identity is accepted when it has connected, and not before", async (t) => {
  const { trial, current, waiting, told } = await makeTrial(t);
  assert.equal(trial.choose(true), waiting.next);
  assert.deepEqual(told, []);
  trial.succeeded();
  assert.deepEqual(told, ["accepted"]);
  waiting.next = null;
  assert.equal(trial.choose(true), current);
  trial.succeeded();
  trial.failed(refusal);
  assert.deepEqual(told, ["accepted"]);
});

test("without a connection the old and the new take turns; only refusals speak against the new", async (t) => {
  const { trial, current, waiting, told } = await makeTrial(t);
  for (let turn = 0; turn < 10; turn += 1) {
    assert.equal(trial.choose(false), waiting.next);
    trial.failed(away);
    assert.equal(trial.choose(false), current);
    trial.failed(refusal);
  }
  assert.deepEqual(told, []);
  for (let turn = 0; turn < 3; turn += 1) {
    assert.deepEqual(told, []);
    assert.equal(trial.choose(true), waiting.next);
    trial.failed(refusal);
  }
  assert.deepEqual(told, ["refused"]);
});

test("the clock's floor is what others have signed, never our own clock run ahead, and is kept", () => {
  const directory = mkdtempSync(join(tmpdir(), "ward-floor-"));
  const path = join(directory, "clock-floor");
  const now = Date.UTC(2027, 5, 1);
  const floor = new ClockFloor(path);
  assert.equal(floor.fault(now), null);
  assert.equal(floor.fault(0)?.code, "WARD_CLOCK", "before this was written");
  floor.heard(now, now);
  assert.equal(floor.fault(now - 60_000), null);
  const fault = floor.fault(now - DAY_MS);
  assert.match(fault?.message ?? "", /the clock says 2027-05-31T00:00.*2027-06-01T00:00 has been/);
  floor.heard(now + 400 * DAY_MS, now);
  assert.equal(floor.fault(now), null, "the hub's clock ran ahead");
  floor.heard(now, now + 400 * DAY_MS);
  assert.equal(floor.fault(now), null, "ours did");
  assert.equal(new ClockFloor(path).fault(now - DAY_MS)?.code, "WARD_CLOCK");
  assert.equal(Number(readFileSync(path, "utf8")), now);
  rmSync(directory, { recursive: true });
});

test("ends that come near are said once a day", () => {
  const watch = new ExpiryWatch();
  const month = { from: 0, until: 28 * DAY_MS };
  const named = (now: number): string[] =>
    watch.look(month, 90 * DAY_MS, now).map(({ notice }) => notice);
  assert.deepEqual(watch.look(month, null, 20 * DAY_MS), []);
  assert.deepEqual(named(22 * DAY_MS), ["certificate-near-end", "revocation-list-near-end"]);
  assert.deepEqual(named(22.5 * DAY_MS), []);
  assert.deepEqual(named(23.5 * DAY_MS), ["certificate-near-end", "revocation-list-near-end"]);
  const [notice] = new ExpiryWatch().look(month, 90 * DAY_MS, 5 * DAY_MS);
  assert.equal(notice?.notice, "revocation-list-near-end");
  assert.match(notice.text, /1970-04-01/);
  const year = { from: 0, until: 400 * DAY_MS };
  assert.deepEqual(new ExpiryWatch().look(year, null, 369 * DAY_MS), []);
  assert.equal(new ExpiryWatch().look(year, null, 371 * DAY_MS).length, 1);
});

test("renewal comes when a third of the life is over, and not for a whole fleet at once", async () => {
  const root = await createRoot("gateways", "Test");
  const times = new Set<number>();
  for (let each = 0; each < 20; each += 1) {
    const { certificate } = await issueGateway(root, "gw-001", validFor(30));
    const read = new X509Certificate(certificate);
    const at = renewalTime(read);
    assert.equal(renewalTime(new X509Certificate(certificate)), at, "the same after a restart");
    const passed = (at - read.validFromDate.getTime()) / DAY_MS;
    assert.ok(passed >= 10 && passed <= 12.6, `${passed} days`);
    times.add(at);
  }
  assert.equal(times.size, 20);
});

test("a revocation list says when it was made and how long it counts", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ward-lists-"));
  const authority = await createAuthority({ directory, site: "Test", passphrase: null });
  const lists = (await issueLists(authority, 7)).servers;
  const [issuing, root] = readRevocationLists(lists);
  const days = ((issuing?.nextUpdate ?? 0) - Date.now()) / DAY_MS;
  assert.ok(days > 6.9 && days < 7.1, `${days} days`);
  assert.ok(Math.abs((issuing?.thisUpdate ?? 0) - Date.now()) < 0.1 * DAY_MS);
  assert.ok((root?.nextUpdate ?? 0) > Date.now() + 1000 * DAY_MS);
  assert.equal(nearEndOfLists(lists, Date.now()), null);
  assert.equal(nearEndOfLists(lists, Date.now() + 6 * DAY_MS), issuing?.nextUpdate);
  rmSync(directory, { recursive: true });
});
