import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { GATEWAY, TestKeeper, TestSite } from "../../fakes/keeper-kit.ts";
import { until } from "../../ward/house.ts";

let site: TestSite;

before(async () => {
  site = await TestSite.make();
  await site.startBroker();
});

after(async () => {
  await site.remove();
});

test("what is stored reaches the hub, and is forgotten when the hub has receipted it", async (t) => {
  const hub = await site.startHub();
  const keeper = await TestKeeper.start(t, site);
  const flowhost = await keeper.link();
  for (let count = 1; count <= 20; count += 1) {
    assert.equal((await flowhost.put(5)).t, "stored");
  }
  const report = await keeper.reports(({ batches }) => batches === 0);
  assert.equal(report.classes["vital"]?.receipted, 20);
  assert.equal(report.classes["vital"]?.forwarded, 20);
  assert.equal(report.classes["vital"]?.forwardedItems, 100);
  assert.equal(report.classes["tally"]?.receipted, 20);
  assert.equal(hub.counters().classes.vital.opened, 100);
  assert.equal(hub.counters().refused, 0);
  await site.stopHub();
  await keeper.child.stop(5000);
  assert.ok(keeper.heard.some((message) => message.t === "stopped"));
});

test("kill -9 and a hub that was away: everything arrives once, in spite of it", async (t) => {
  const first = await TestKeeper.start(t, site);
  const flowhost = await first.link();
  for (let count = 0; count < 10; count += 1) {
    await flowhost.put(3);
  }
  assert.equal((await first.status()).batches, 20);
  first.child.kill();
  await first.gone();
  // There before the second one connects: what this broker takes while nobody listens is only sent again half a minute later.
  const hub = await site.startHub();
  const earlier = hub.counters().classes.vital;
  const second = await TestKeeper.start(t, site);
  await second.reports(({ batches }) => batches === 0);
  const { opened, duplicates } = hub.counters().classes.vital;
  assert.equal(opened - earlier.opened, 30);
  assert.equal(duplicates - earlier.duplicates, 0);
  await site.stopHub();
  await second.child.stop(5000);
});

test("a broker that comes and goes delays, and loses nothing", async (t) => {
  const keeper = await TestKeeper.start(t, site);
  const flowhost = await keeper.link();
  const hub = await site.startHub();
  const earlier = hub.counters().classes.vital.opened;
  await flowhost.put(2);
  await keeper.reports(({ batches }) => batches === 0);
  await site.stopBroker();
  await keeper.reports(({ connected }) => !connected);
  await flowhost.put(2);
  await flowhost.put(2);
  assert.equal((await keeper.status()).batches, 4);
  // The hub first: what this broker takes while nobody listens is only sent again half a minute later.
  await until("the hub has noticed", () => !hub.counters().ready);
  process.kill(keeper.child.pid, "SIGSTOP");
  await site.startBroker();
  await until("the hub is back", () => hub.counters().ready);
  process.kill(keeper.child.pid, "SIGCONT");
  await keeper.reports(({ batches, connected }) => connected && batches === 0);
  assert.equal(hub.counters().classes.vital.opened - earlier, 6);
  await site.stopHub();
  await keeper.child.stop(5000);
});

test("a locked gateway keeps nothing of the flow host and gives out the signed flows only", async (t) => {
  const flows = JSON.stringify(site.settings.flows);
  await site.sign(true);
  const bench = await TestKeeper.start(t, site);
  const author = await bench.link();
  assert.equal(await author.load("flows"), flows);
  for (const what of ["flows", "settings", "credentials"] as const) {
    assert.equal(await author.save(what, `no JSON of ${what}`), "saved");
    assert.equal(await author.load(what), `no JSON of ${what}`);
  }
  assert.ok(!bench.heard.some(({ t: kind }) => kind === "notice"));
  assert.equal(await author.load("signed-flows"), flows);
  await bench.until(() =>
    bench.heard.some((m) => m.t === "notice" && m.notice.notice === "document-damaged"),
  );
  bench.child.send({ t: "keep-checkpoint", n: 7, text: "counted so far", isUrgent: false });
  await bench.until(() => bench.heard.some((m) => m.t === "checkpoint-kept" && m.n === 7));
  bench.child.kill();
  await bench.gone();

  await site.sign(false);
  const keeper = await TestKeeper.start(t, site);
  assert.equal(await keeper.child.ask("checkpoint", 5000), "counted so far");
  const flowhost = await keeper.link();
  const hello = await flowhost.heard((message) => message.t === "hello");
  assert.equal(hello.t === "hello" && hello.policy.gateway, GATEWAY);
  assert.equal(await flowhost.load("flows"), flows);
  assert.equal(await flowhost.load("signed-flows"), flows);
  for (const what of ["flows", "settings", "credentials"] as const) {
    assert.equal(await flowhost.save(what, "[]"), "WARD_FLOWS_LOCKED");
  }
  assert.equal(await flowhost.load("settings"), null);
  assert.equal(await flowhost.load("credentials"), null);
  await keeper.child.stop(5000);
});

test("nonsense from the flow host ends the link and nothing else", async (t) => {
  const keeper = await TestKeeper.start(t, site);
  const hostile = await keeper.link();
  await assert.rejects(hostile.ask({ t: "put", epochs: [9], batches: [], tally: 0 }));
  assert.ok(hostile.closed);
  const flowhost = await keeper.link();
  const wrong = await flowhost.ask({ t: "put", epochs: [], batches: [], tally: 0 }, [
    Buffer.from("x"),
  ]);
  assert.equal(wrong.t === "failed" && wrong.code, "WARD_ROOM_MESSAGE");
  assert.equal((await flowhost.put(1)).t, "stored");
  const newer = await keeper.link();
  assert.equal((await newer.put(1)).t, "stored");
  assert.ok(flowhost.closed, "a new link takes the place of the old one");
  await keeper.child.stop(5000);
});

test("settings of another gateway are said before the end", async () => {
  const { settings } = site;
  site.settings = { ...settings, gateway: "gw-other" };
  const keeper = new TestKeeper(site);
  await keeper.gone();
  site.settings = settings;
  assert.match(keeper.ended ?? "", /WARD_SITE/);
});
