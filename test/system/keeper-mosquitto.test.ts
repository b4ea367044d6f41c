import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { TestKeeper, TestSite } from "../fakes/keeper-kit.ts";
import { startMosquitto, type RunningMosquitto } from "../fakes/mosquitto.ts";

let site: TestSite;
let broker: RunningMosquitto;

before(async () => {
  site = await TestSite.make();
  broker = await startMosquitto({ directory: site.site.brokerDirectory, hubs: ["hub-1"] });
  await site.sign(false, broker.gatewayPort);
});

after(async () => {
  await site.stopHub();
  await broker.stop();
  await site.remove();
});

test("with mosquitto in between, kills of broker and keeper lose nothing and double nothing", async (t) => {
  const hub = await site.startHub(broker.hubPort);
  const first = await TestKeeper.start(t, site);
  const flowhost = await first.link();
  for (let count = 0; count < 30; count += 1) {
    assert.equal((await flowhost.put(4)).t, "stored");
  }
  await first.reports(({ batches }) => batches === 0);
  await broker.stop("SIGKILL");
  for (let count = 0; count < 10; count += 1) {
    assert.equal((await flowhost.put(4)).t, "stored");
  }
  await first.reports(({ connected }) => !connected);
  const { directory, gatewayPort, hubPort } = {
    directory: site.site.brokerDirectory,
    ...broker,
  };
  broker = await startMosquitto({ directory, hubs: ["hub-1"], gatewayPort, hubPort });
  first.child.kill();
  await first.gone();
  const second = await TestKeeper.start(t, site);
  const report = await second.reports(({ batches, connected }) => connected && batches === 0);
  assert.equal(report.classes["vital"]?.receipted, 10);
  const { opened, duplicates } = hub.counters().classes.vital;
  assert.deepEqual({ opened, duplicates }, { opened: 160, duplicates: 0 });
  await second.child.stop(5000);
});

test("while no hub listens mosquitto says so: records wait on the gateway, and go when one comes", async (t) => {
  await site.stopHub();
  const keeper = await TestKeeper.start(t, site);
  const flowhost = await keeper.link();
  await flowhost.put(4);
  const waiting = await keeper.reports(({ connected }) => connected);
  assert.equal(waiting.batches, 2);
  assert.equal(waiting.classes["vital"]?.forwarded, 0);
  await site.startHub(broker.hubPort);
  await keeper.reports(({ batches }) => batches === 0);
  await keeper.child.stop(5000);
});
