import assert from "node:assert/strict";
import { test } from "node:test";

import {
  coerceNodeId,
  DataType,
  StatusChangeNotification,
  StatusCode,
  StatusCodes,
} from "node-opcua-client";

import type { OpcuaPoint } from "../../../gateway/devices/device.ts";
import { limitsOf } from "../../../gateway/lines/opcua-limits.ts";
import type { FoundPoint } from "../../../gateway/lines/opcua-nodes.ts";
import { isReading } from "../../../gateway/lines/opcua-services.ts";
import type { PointChange } from "../../../gateway/lines/opcua-session.ts";
import { Slices } from "../../../gateway/lines/opcua-slices.ts";
import { PointWatch } from "../../../gateway/lines/opcua-watch.ts";
import { FakeSession, valueOf } from "../../fakes/opcua-session.ts";

test("requests are as large as the server takes, and halved when it takes less", async () => {
  const sizes: number[] = [];
  const takes = 7;
  const ask = async (slice: readonly number[]): Promise<readonly number[]> => {
    sizes.push(slice.length);
    if (slice.length > takes) {
      throw new Error("serviceResult = BadTooManyOperations (0x80100000)");
    }
    return slice.map((item) => 10 * item);
  };
  const slices = new Slices(100);
  const items = Array.from({ length: 50 }, (_, place) => place);
  assert.deepEqual(
    await slices.ask(items, ask),
    items.map((item) => 10 * item),
  );
  assert.deepEqual(sizes.slice(0, 4), [50, 25, 13, 7]);
  assert.equal(slices.most, 7);
  assert.ok(sizes.slice(3).every((size) => size <= 7));
});

test("what fails for another reason, or for one node, is not tried again", async () => {
  let asked = 0;
  const fail = (text: string) => async (): Promise<never> => {
    asked += 1;
    throw new Error(text);
  };
  await assert.rejects(new Slices(10).ask([1, 2], fail("BadSessionClosed")), /BadSessionClosed/);
  assert.equal(asked, 1);
  await assert.rejects(new Slices(10).ask([1, 2], fail("BadTooManyOperations")), /TooMany/);
  assert.equal(asked, 3);
  await assert.rejects(
    new Slices(10).ask([1, 2], async () => [1]),
    /another number of nodes/,
  );
});

test("limits are the smaller of what the server says and what is known of its make", () => {
  const silent = limitsOf({});
  assert.deepEqual([silent.read.most, silent.browse.most, silent.monitor.most], [100, 100, 100]);
  assert.equal(silent.items.take(1e9), 1e9);
  const small = limitsOf({
    nodesPerRead: 7,
    nodesPerBrowse: 0,
    continuationPoints: 3,
    itemsPerCall: 5,
  });
  assert.deepEqual([small.read.most, small.browse.most, small.monitor.most], [7, 3, 5]);
  const plc = limitsOf({
    manufacturer: "Siemens AG",
    product: "S7-1200 CPU 1214C",
    itemsPerCall: 1000,
    itemsInAll: 4_294_967_295,
  });
  assert.deepEqual([plc.monitor.most, plc.items.take(5000), plc.hasFilters], [100, 1000, false]);
  assert.deepEqual(limitsOf({ nodesPerRead: "x", product: 3, itemsInAll: -1 }).read.most, 100);
});

/** Points with handles 1, 2, ... */
function points(count: number, more: Partial<OpcuaPoint> = {}): FoundPoint[] {
  return Array.from({ length: count }, (_, place) => ({
    nodeId: coerceNodeId(`ns=2;s=V${place}`),
    point: { node: `V${place}`, code: `FAKE_V${place}`, mdc: null, unit: "1", path: "", ...more },
  }));
}

interface Told {
  readonly changes: PointChange[][];
  readonly faults: string[];
}

async function watch(
  session: FakeSession,
  found: FoundPoint[],
  limits = limitsOf({}),
): Promise<{ watched: PointWatch; told: Told }> {
  const told: Told = { changes: [], faults: [] };
  const watched = await PointWatch.open(session.use(limits), found, {
    watching: { samplingMs: 100 },
    events: {
      onChanges: (changes) => told.changes.push([...changes]),
      onFault: (fault, text) => told.faults.push(`${fault}: ${text}`),
    },
  });
  return { watched, told };
}

test("one publish response is one list of changes, with 64-bit and single values as they are", async () => {
  const session = new FakeSession();
  const { told } = await watch(session, points(3));
  session.subscriptions[0]!.publish(
    [1, valueOf(DataType.Float, Math.fround(36.9))],
    [3, valueOf(DataType.Int64, [0xffff_ffff, 0xffff_fffb])],
    [99, valueOf(DataType.Double, 1)],
  );
  assert.deepEqual(
    told.changes.map((changes) => changes.map(({ point, change }) => [point.code, change.value])),
    [
      [
        ["FAKE_V0", 36.9],
        ["FAKE_V2", -5],
      ],
    ],
  );
});

test("a read that was under way when a newer value came gives the old one to nobody", async () => {
  const session = new FakeSession();
  const { watched } = await watch(session, points(2));
  const reading = Promise.withResolvers<ReturnType<typeof valueOf>[]>();
  session.read = () => reading.promise;
  const refreshed = watched.refresh();
  session.subscriptions[0]!.publish([1, valueOf(DataType.Double, 2)]);
  reading.resolve([valueOf(DataType.Double, 1), valueOf(DataType.Double, 1)]);
  assert.deepEqual(
    (await refreshed).map(({ point }) => point.code),
    ["FAKE_V1"],
  );
});

test("a point whose dead-band the server does not know is watched without it, and that is said", async () => {
  const session = new FakeSession();
  session.answer = ({ node, hasFilter }) =>
    hasFilter && node.includes("V1") ? StatusCodes.BadFilterNotAllowed : StatusCodes.Good;
  const deadband = { kind: "absolute", value: 1 } as const;
  const { watched, told } = await watch(session, points(2, { deadband }));
  assert.deepEqual(told.faults, [
    "unfiltered: FAKE_V1 comes with every change: the server has no dead-band for it",
  ]);
  assert.equal(watched.pollMs, null);
  assert.deepEqual(
    session.items.map(({ node, hasFilter }) => `${node} ${hasFilter}`),
    ["i=2258 false", "ns=2;s=V0 true", "ns=2;s=V1 true", "ns=2;s=V1 false"],
  );
});

test("points that the server has no room for are polled, and those that it refuses are not read", async () => {
  const session = new FakeSession();
  session.answer = ({ handle }) =>
    [
      StatusCodes.Good,
      StatusCodes.Good,
      StatusCodes.BadTooManyMonitoredItems,
      StatusCodes.BadUserAccessDenied,
    ][handle] ?? StatusCodes.Good;
  const { watched, told } = await watch(session, points(4));
  assert.deepEqual(told.faults, ["unknown-field: FAKE_V2 is not read: the user may not read it"]);
  assert.equal(watched.pollMs, 100);
  let read = 0;
  session.read = async () => {
    read += 1;
    return [valueOf(DataType.Double, 5)];
  };
  const polled = await watched.poll();
  assert.deepEqual(
    polled.map(({ point }) => point.code),
    ["FAKE_V1"],
  );
  assert.equal(read, 1);
});

test("items that are left of the server's limit are shared, and given back", async () => {
  // Each subscription watches the server's clock too.
  const limits = limitsOf({ itemsInAll: 5 });
  const session = new FakeSession();
  const first = await watch(session, points(2), limits);
  const second = await watch(session, points(2), limits);
  assert.deepEqual([first.watched.pollMs, second.watched.pollMs], [null, 100]);
  await first.watched.close();
  assert.equal(limits.items.take(10), 3);
});

test("values that the server had no room to keep are told as lost", async () => {
  const session = new FakeSession();
  const { told } = await watch(session, points(1));
  const overflow = StatusCode.makeStatusCode(StatusCodes.Good, "Overflow | InfoTypeDataValue");
  session.subscriptions[0]!.publish([1, valueOf(DataType.Double, 1, overflow)]);
  assert.match(told.faults[0] ?? "", /^overflow: values of FAKE_V0 are lost/);
  assert.equal(told.changes[0]?.[0]?.change.value, 1);
});

test("a subscription is in trouble when it is silent, when it ends, and when it lives without its clock", async () => {
  const session = new FakeSession();
  const { watched } = await watch(session, points(1));
  const [subscription] = session.subscriptions;
  const clock = (): void =>
    subscription!.publish([0, valueOf(DataType.DateTime, new Date(Date.now() + 600_000))]);
  const now = performance.now();
  assert.equal(watched.trouble(now + 2000), null);
  assert.equal(watched.trouble(now + 4000), "the server publishes nothing");
  assert.equal(watched.clockLeadMs, null);
  clock();
  assert.ok(Math.abs((watched.clockLeadMs ?? 0) - 600_000) < 60_000);
  clock();
  clock();
  // Its clock came a few times and then no more, while it goes on saying that it lives.
  const quiet = performance.now();
  const real = performance.now.bind(performance);
  performance.now = () => real() + 7000;
  subscription!.publish();
  assert.match(watched.trouble(quiet + 7100) ?? "", /its own clock stands still/);
  clock();
  assert.equal(watched.trouble(quiet + 7100), null);
  performance.now = real;
  const ended = new StatusChangeNotification({ status: StatusCodes.BadTimeout });
  subscription!.emit("raw_notification", { notificationData: [ended] });
  assert.match(watched.trouble(quiet) ?? "", /ended the subscription \(BadTimeout\)/);
});

test("a server that told its clock once only is no trouble for that", async () => {
  const session = new FakeSession();
  const { watched } = await watch(session, points(1));
  const [subscription] = session.subscriptions;
  subscription!.publish([0, valueOf(DataType.DateTime, new Date())]);
  const real = performance.now.bind(performance);
  const now = real();
  performance.now = () => real() + 60_000;
  subscription!.publish();
  assert.equal(watched.trouble(now + 60_100), null);
  performance.now = real;
});

test("only requests of the services for reading pass the gate", () => {
  const request = (value: unknown): boolean =>
    isReading({ schema: { encodingDefaultBinary: { value } } });
  assert.ok([428, 446, 452, 461, 467, 473, 527, 533, 631, 751, 787, 826, 847].every(request));
  const passing = Array.from({ length: 20_000 }, (_, id) => id).filter(request);
  assert.equal(passing.length, 13);
  assert.ok(!request("631") && !isReading({ schema: {} }));
});
