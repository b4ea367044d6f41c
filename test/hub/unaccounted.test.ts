import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { oneIndex } from "../../gateway/indices.ts";
import type { TakeGap } from "../../gateway/rooms.ts";
import {
  commitAll,
  FakeGateway,
  freshDirectory,
  keptOf,
  makeHubSite,
  openDesk,
  readingsLines,
  readingsText,
  reportOf,
  rowOf,
  takeOf,
  type GatewayRecord,
  type HubSite,
} from "../fakes/hub-kit.ts";
import { AT, BOOT } from "../fakes/sealing-kit.ts";

const DEVICE = "bed-1/monitor";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let hub: HubSite;
before(async () => {
  hub = await makeHubSite();
});
after(() => hub.remove());

function putOf(gateway: FakeGateway, take: number, device = DEVICE): GatewayRecord[] {
  const items = takeOf({ device, take, count: 3 });
  return gateway.put({ batches: [{ class: "vital", items }], takes: [rowOf(items)] });
}

test("what nothing explains is told once it had its time, and again when it is explained", async () => {
  const directory = freshDirectory(hub);
  const gateway = FakeGateway.ofSite(hub);
  const told: string[] = [];
  let now = Date.now();
  const desk = await openDesk(hub, directory, {
    now: () => now,
    onUnaccounted: (text) => told.push(text),
  });
  const puts = [1, 2, 3, 5, 6, 7, 8, 9].map((take) => putOf(gateway, take));
  await commitAll(desk, [...gateway.epochs(), ...puts.slice(0, 4).flat()]);
  now += 10 * MINUTE;
  await commitAll(desk, puts[4]!);
  assert.deepEqual(told, []);
  now += 10 * MINUTE;
  await commitAll(desk, puts[5]!);
  await desk.tick();
  assert.equal(told.length, 1);
  assert.match(told[0]!, /^1 readings of bed-1\/monitor on gw-001 are unaccounted for since 20/);
  const gap: TakeGap = {
    id: "g",
    device: DEVICE,
    boot: BOOT,
    from: 4,
    to: 4,
    reason: "something-new",
    atMost: false,
    start: AT,
    end: AT,
  };
  now += MINUTE;
  await commitAll(desk, gateway.put({ batches: [], takes: [], gaps: [gap] }));
  now += MINUTE;
  await commitAll(desk, puts[6]!);
  await desk.close();
  assert.equal(told.length, 2);
  assert.match(told[1]!, /^All of bed-1\/monitor on gw-001 is accounted for again/);
  const lines = readingsLines(directory).filter(({ kind }) => kind === "unaccounted");
  assert.deepEqual(
    lines.map(({ gateway: id, device, items }) => [id, device, items]),
    [
      ["gw-001", DEVICE, 1],
      ["gw-001", DEVICE, 0],
    ],
  );
  const report = await reportOf(hub, directory);
  assert.deepEqual(report.reasons, { "something-new": 1 });
  const text = readingsText(directory);
  await (await openDesk(hub, directory, { rebuild: true })).close();
  assert.equal(readingsText(directory), text);
});

test("what the gateway still has is not unexplained, however long it takes", async () => {
  const gateway = FakeGateway.ofSite(hub);
  const told: string[] = [];
  let now = Date.now();
  const desk = await openDesk(hub, freshDirectory(hub), {
    now: () => now,
    onUnaccounted: (text) => told.push(text),
  });
  const [lost, lostTally] = putOf(gateway, 1);
  await commitAll(desk, [...gateway.epochs(), lostTally!]);
  for (let take = 2; take < 8; take += 1) {
    now += HOUR;
    await commitAll(desk, putOf(gateway, take));
  }
  assert.deepEqual(told, []);
  await commitAll(desk, [gateway.giveUp([lost!], "expired")]);
  now += HOUR;
  await commitAll(desk, putOf(gateway, 1, "bed-2/monitor"));
  await desk.close();
  assert.deepEqual(told, []);
});

test("the ledger tells per device and interval what became of everything, by whatever reason", async () => {
  const directory = freshDirectory(hub);
  const desk = await openDesk(hub, directory);
  const gateway = FakeGateway.ofSite(hub);
  const startOf = (at: number): number => Math.floor(at / HOUR) * HOUR;
  const first = startOf(AT);
  const takeAt = (take: number, at: number) => takeOf({ device: DEVICE, take, count: 4, at });
  const whole = takeAt(1, first + MINUTE);
  const filtered = takeAt(2, first + 2 * MINUTE);
  const row = rowOf(filtered, { withheld: oneIndex(1), refused: oneIndex(2) });
  const evicted = takeAt(3, first + HOUR + MINUTE);
  const late = takeAt(6, first + 2 * HOUR + MINUTE);
  const gap: TakeGap = {
    id: "gap",
    device: DEVICE,
    boot: BOOT,
    from: 4,
    to: 4,
    reason: "buffer-full",
    atMost: true,
    start: first + HOUR + 5 * MINUTE,
    end: first + HOUR + 6 * MINUTE,
  };
  const put = (items: typeof whole, tallied = rowOf(items), gaps: TakeGap[] = []) =>
    gateway.put({
      batches: [{ class: "vital", items: keptOf(items, tallied) }],
      takes: [tallied],
      gaps,
    });
  const [batch, tally] = put(evicted);
  const messages = [
    ...put(whole),
    ...put(filtered, row),
    tally!,
    gateway.giveUp([batch!], "evicted"),
    ...put(late, rowOf(late), [gap]),
  ];
  await commitAll(desk, [...gateway.epochs(), ...messages]);
  await desk.close();
  const { devices } = await reportOf(hub, directory, { hours: 1 });
  const intervals = devices[0]!.intervals.map((interval) => [
    (interval.from - first) / HOUR,
    interval.taken,
    interval.kept,
    interval.withheld,
    interval.refused,
    interval.unaccounted,
    interval.reasons,
  ]);
  // The evicted take has no item here, so it stands where its tally was sealed; take 5 beside take 6.
  assert.deepEqual(intervals, [
    [0, 4 + 4 + 4, 6, 1, 1, 0, { evicted: 4 }],
    [1, 1, 0, 0, 0, 0, { "buffer-full": 1 }],
    [2, 1 + 4, 4, 0, 0, 1, {}],
  ]);
  const [device] = devices;
  assert.equal(device!.taken, 12 + 1 + 4 + 1);
  assert.equal(device!.unaccounted, 1, "take 5");
  assert.equal(device!.atMost, 1);
  const days = await reportOf(hub, directory, { hours: 24, device: DEVICE });
  const sum = days.devices[0]!.intervals.reduce((total, { taken }) => total + taken, 0);
  assert.equal(sum, device!.taken);
  assert.deepEqual((await reportOf(hub, directory, { device: "bed-9" })).devices, []);
});
