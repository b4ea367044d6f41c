import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { after, afterEach, before, test } from "node:test";

import { FileKeys } from "../../gateway/identity/file-keys.ts";
import { NextIdentity } from "../../gateway/identity/next-identity.ts";
import { certifyGateway } from "../../provisioning/ca.ts";
import { recordIssued } from "../../provisioning/issued.ts";
import { publishLists } from "../../provisioning/site.ts";
import { GATEWAY, TestKeeper, type TestSite } from "../fakes/keeper-kit.ts";
import { noticesOf, RenewalSite } from "../fakes/renewal-kit.ts";
import { revoke } from "../provisioning/pki.ts";

/** What may go wrong with the identity of a running gateway: ended, refused, and a clock that is wrong. */

let house: RenewalSite;
let site: TestSite;

before(async () => {
  house = await RenewalSite.open();
  ({ site } = house);
});

afterEach(() => site.stopBroker());

after(() => house.close());

test("a certificate that ended while the gateway was off is renewed within the grace, and connects", async (t) => {
  await site.startBroker();
  const old = await house.install(-40, -2);
  const keeper = await TestKeeper.start(t, site);
  const flowhost = await keeper.link();
  assert.equal((await flowhost.put(1)).t, "stored", "collecting goes on");
  await keeper.reports(({ connected }) => connected);
  assert.notEqual(house.serial, old);
  assert.ok(!house.hasNext);
  await keeper.child.stop(5000);
});

test("what is collected after a certificate's end arrives once the next one is there", async (t) => {
  await site.startBroker();
  const hub = await site.startHub();
  await house.install(-40, -2);
  const keeper = await TestKeeper.start(t, site);
  const flowhost = await keeper.link();
  assert.equal((await flowhost.put(1)).t, "stored");
  await keeper.reports(({ connected }) => connected);
  // Its epoch key is the first that the new certificate vouches for.
  const second = await keeper.link();
  assert.equal((await second.put(1)).t, "stored");
  await keeper.reports(({ batches }) => batches === 0);
  assert.equal(hub.counters().classes.vital.opened, 3, "with the one of the test before");
  assert.equal(hub.counters().rejected, 0);
  await keeper.child.stop(5000);
  await site.stopHub();
});

test("past the grace the server says that a new claim is needed, and so does the gateway", async (t) => {
  await house.install(-40, -6);
  const keeper = await TestKeeper.start(t, site);
  await keeper.until(() => noticesOf(keeper).includes("ward-est-refused"));
  const said = keeper.heard.find(
    (one) => one.t === "notice" && one.notice.notice === "ward-est-refused",
  );
  assert.match(said?.t === "notice" ? said.notice.text : "", /a new claim is needed/);
  await keeper.child.stop(5000);
});

test("a new certificate that the broker does not take is given up; the old one stays", async (t) => {
  const old = await house.install(-1, 30);
  const next = new NextIdentity(house.path("identity"));
  const keys = new FileKeys(house.path("identity"));
  const key = keys.createTlsKey(next.keyPath);
  const { authority, brokerDirectory } = site.site;
  const chain = await certifyGateway(authority.gateways, GATEWAY, key.publicKey);
  await recordIssued(authority.directory, { kind: "gateways", by: "claim", certificate: chain });
  await revoke(authority, "gateways", chain);
  await publishLists(authority, { brokers: [brokerDirectory], hubs: [], gateways: [] });
  await site.startBroker();
  next.keep(chain, house.bindingOf(chain, key));
  const keeper = await TestKeeper.start(t, site);
  await keeper.reports(({ connected }) => connected);
  await keeper.until(() => noticesOf(keeper).includes("certificate-refused"));
  assert.equal(house.serial, old);
  assert.ok(!house.hasNext);
  assert.ok((await keeper.status()).connected);
  await keeper.child.stop(5000);
});

test("a clock that is certainly wrong is named, and delays nothing but the connection", async (t) => {
  await house.install(-1, 30);
  await site.startBroker();
  writeFileSync(house.path("clock-floor"), `${Date.now() + 86_400_000}\n`);
  const keeper = await TestKeeper.start(t, site);
  const flowhost = await keeper.link();
  await keeper.until(() => noticesOf(keeper).includes("clock-fault"));
  assert.equal((await flowhost.put(2)).t, "stored");
  assert.ok(!(await keeper.status()).connected);
  await keeper.child.stop(5000);
  await rm(house.path("clock-floor"));
  const right = await TestKeeper.start(t, site);
  await right.reports(({ connected }) => connected);
  await right.child.stop(5000);
});
