import assert from "node:assert/strict";
import { once } from "node:events";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { readSealedHeader } from "../../gateway/sealing/envelope.ts";
import type { EmbeddedBroker } from "../../hub/broker.ts";
import { Hub } from "../../hub/hub.ts";
import {
  FakeGateway,
  freshDirectory,
  identitiesIn,
  makeHubSite,
  reportOf,
  rowOf,
  takeOf,
  type GatewayRecord,
  type HubSite,
} from "../fakes/hub-kit.ts";
import { GatewayLink, openBroker } from "../fakes/hub-link.ts";

let site: HubSite;
let broker: EmbeddedBroker;

before(async () => {
  site = await makeHubSite();
});
after(() => site.remove());
beforeEach(async () => {
  broker = await openBroker(site);
});
afterEach(async () => await broker.close());

interface RunningHub {
  readonly hub: Hub;
  readonly notices: string[];
  ready(): Promise<void>;
  stop(): Promise<void>;
}

async function startHub(directory: string): Promise<RunningHub> {
  const controller = new AbortController();
  const events = new EventTarget();
  const notices: string[] = [];
  const hub = await Hub.open({
    directory,
    identity: site.identity,
    broker: { url: `mqtts://127.0.0.1:${broker.hubPort}`, serverName: "localhost" },
    onReady: () => events.dispatchEvent(new Event("ready")),
    onNotice: (code) => notices.push(code),
  });
  const ready = once(events, "ready");
  const running = hub.run(controller.signal);
  await ready;
  return {
    hub,
    notices,
    ready: async () => void (await once(events, "ready")),
    stop: async () => {
      controller.abort();
      await running;
    },
  };
}

function putsOf(gateway: FakeGateway, from: number, to: number): GatewayRecord[] {
  const puts: GatewayRecord[] = [];
  for (let take = from; take <= to; take += 1) {
    const items = takeOf({ device: "bed-1/monitor", take, count: 3, at: Date.now() });
    puts.push(...gateway.put({ batches: [{ class: "vital", items }], takes: [rowOf(items)] }));
  }
  return puts;
}

test("records come over mutual TLS and signed receipts go back", async () => {
  const directory = freshDirectory(site);
  const running = await startHub(directory);
  const gateway = FakeGateway.ofSite(site);
  const link = await GatewayLink.open(site, broker.gatewayPort);
  const records = putsOf(gateway, 1, 20);
  await link.send([...gateway.epochs(), ...records]);
  await link.until(() => records.every((record) => link.has(record)));
  const counters = running.hub.counters();
  assert.equal(counters.ready, true);
  assert.equal(counters.records, 40);
  assert.equal(counters.classes.vital.opened, 60);
  assert.ok(counters.latencyMs.p99 >= counters.latencyMs.p50);
  assert.equal(counters.firstOpenedAt !== null, true);
  await link.connection.close();
  await running.stop();
  assert.equal(identitiesIn(directory).length, 60);
  assert.equal((await reportOf(site, directory)).totals.unaccounted, 0);
});

test("a record before its epoch waits, and the hub asks for the epoch", async () => {
  const running = await startHub(freshDirectory(site));
  const gateway = FakeGateway.ofSite(site);
  const link = await GatewayLink.open(site, broker.gatewayPort);
  const records = putsOf(gateway, 1, 3);
  await link.send(records);
  await link.until(() => link.asked.length > 0);
  assert.equal(link.receipts.length, 0);
  const sealed = gateway.sealer.sealItems("vital", takeOf({ device: "x", take: 9, count: 1 }));
  assert.deepEqual(link.asked, [readSealedHeader(sealed.bytes).epoch]);
  assert.equal(running.hub.counters().parked, 6);
  await link.send(gateway.epochs());
  await link.until(() => records.every((record) => link.has(record)));
  assert.equal(running.hub.counters().parked, 0);
  await link.connection.close();
  await running.stop();
});

test("one new record makes up for receipts that were lost", async () => {
  const directory = freshDirectory(site);
  const gateway = FakeGateway.ofSite(site);
  const records = putsOf(gateway, 1, 5);
  const first = await startHub(directory);
  const link = await GatewayLink.open(site, broker.gatewayPort);
  await link.send([...gateway.epochs(), ...records]);
  await link.until(() => records.every((record) => link.has(record)));
  await first.stop();
  link.receipts.length = 0;
  const second = await startHub(directory);
  const [next, tally] = putsOf(gateway, 6, 6);
  await link.send([next!]);
  await link.until(() => link.has(next!));
  assert.deepEqual(link.receipts.at(-1)?.ranges, { vital: [[1, 6]] });
  await link.send([records[1]!, tally!]);
  await link.until(() => link.has(tally!));
  assert.equal(second.hub.counters().classes.vital.opened, 18);
  assert.equal(second.hub.counters().classes.vital.duplicates, 0);
  await link.connection.close();
  await second.stop();
});

test("what can never be taken is rejected by a signed receipt", async () => {
  const running = await startHub(freshDirectory(site));
  const gateway = FakeGateway.ofSite(site);
  const sealed = gateway.sealer.sealItems("vital", takeOf({ device: "bed-1", take: 1, count: 2 }));
  sealed.bytes[sealed.bytes.length - 1]! ^= 1;
  const link = await GatewayLink.open(site, broker.gatewayPort);
  await link.send([...gateway.epochs(), gateway.record(sealed, false)]);
  await link.until(() => link.receipts.length > 0);
  assert.deepEqual(link.receipts[0]?.rejects, [{ class: "vital", sequence: 1, reason: "open" }]);
  assert.deepEqual(link.receipts[0]?.ranges, {});
  assert.equal(running.hub.counters().rejected, 1);
  await link.connection.close();
  await running.stop();
});

test("the hub comes back by itself when the broker does", async () => {
  const directory = freshDirectory(site);
  const running = await startHub(directory);
  const gateway = FakeGateway.ofSite(site);
  const early = putsOf(gateway, 1, 2);
  const link = await GatewayLink.open(site, broker.gatewayPort);
  await link.send([...gateway.epochs(), ...early]);
  await link.until(() => early.every((record) => link.has(record)));
  const back = running.ready();
  await broker.close();
  broker = await openBroker(site, broker);
  await back;
  const again = await GatewayLink.open(site, broker.gatewayPort);
  const records = putsOf(gateway, 3, 4);
  await again.send(records);
  await again.until(() => records.every((record) => again.has(record)));
  assert.ok(running.notices.includes("WARD_BROKER_LOST"));
  await again.connection.close();
  await running.stop();
  assert.equal(identitiesIn(directory).length, 12);
});
