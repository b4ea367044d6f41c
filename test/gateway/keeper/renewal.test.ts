import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { after, before, test } from "node:test";

import { readRevocationLists } from "../../../gateway/identity/revocation.ts";
import { GATEWAY_FILES } from "../../../gateway/identity/site-files.ts";
import { TestKeeper } from "../../fakes/keeper-kit.ts";
import { noticesOf, RenewalSite, storeUntil } from "../../fakes/renewal-kit.ts";
import { daysFrom } from "../../provisioning/pki.ts";

let house: RenewalSite;

before(async () => {
  house = await RenewalSite.open();
});

after(() => house.close());

test("a certificate whose time has come is renewed under load, with nothing lost and nothing doubled", async (t) => {
  const { site } = house;
  await site.startBroker();
  rmSync(house.path(GATEWAY_FILES.serversCrl));
  const old = await house.install(-15, 15);
  const hub = await site.startHub();
  const keeper = await TestKeeper.start(t, site);
  const flowhost = await keeper.link();
  const first = await storeUntil(flowhost, () => house.serial !== old);
  const later = Date.now() + 300;
  const puts = first + (await storeUntil(flowhost, () => Date.now() > later));
  const report = await keeper.reports(({ batches, connected }) => connected && batches === 0);
  assert.equal(report.classes["vital"]?.receipted, puts);
  assert.equal(hub.counters().classes.vital.opened, puts * 3);
  assert.equal(hub.counters().refused, 0);
  assert.ok(house.certificate.validToDate > daysFrom(new Date(), 29));
  assert.ok(!house.hasNext);
  const lists = readRevocationLists(readFileSync(house.path(GATEWAY_FILES.serversCrl), "utf8"));
  assert.equal(lists.length, 2, "and the lists that were missing were fetched");
  assert.match(readFileSync(house.path(GATEWAY_FILES.key), "utf8"), /SEALED KEY/);
  assert.deepEqual(noticesOf(keeper), []);
  await keeper.child.stop(5000);
});
