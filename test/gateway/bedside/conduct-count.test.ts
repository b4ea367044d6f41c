import assert from "node:assert/strict";
import { test } from "node:test";

import { Clock } from "../../../gateway/bedside/clock.ts";
import { ConductCount } from "../../../gateway/bedside/conduct-count.ts";
import { ConductReports } from "../../../gateway/bedside/conduct-reports.ts";
import { LinePool } from "../../../gateway/bedside/line-pool.ts";
import { BedsideLines } from "../../../gateway/bedside/lines.ts";
import { isConduct } from "../../../gateway/conduct-shape.ts";
import { driverOf } from "../../../gateway/devices/catalog.ts";
import type { Frame } from "../../../gateway/devices/device.ts";
import type { DeviceSink } from "../../../gateway/lines/line.ts";
import type { DeviceConduct } from "../../../gateway/conduct.ts";
import type { Subscription } from "../../../gateway/rooms.ts";

const AT = Date.UTC(2026, 10, 27);
const SUBSCRIPTION: Subscription = {
  device: "bed-1/monitor",
  model: "masimo-ascii1",
  line: "tcp://10.20.0.7:4001",
  unit: null,
  options: {},
};

function frame(count: number, deviceAt: number | null = null): Frame {
  const reading = {
    code: "MDC_PULS_OXIM_SAT_O2",
    mdc: 150456,
    value: 97,
    text: "97",
    unit: "%",
    quality: ["valid" as const],
    path: "1.1.1",
    deviceAt,
  };
  return { kind: "frame", readings: Array.from({ length: count }, () => reading), waves: [] };
}

function counted(act: (count: ConductCount) => void): DeviceConduct {
  const count = new ConductCount(SUBSCRIPTION, 1);
  count.state("online");
  count.take("bed-1/monitor", SUBSCRIPTION.line, new Set());
  act(count);
  return count.take("bed-1/monitor", SUBSCRIPTION.line, new Set([1, 3]));
}

test("a device's frames, faults and refusals are counted, and nothing of what it says", () => {
  const conduct = counted((count) => {
    count.frame(frame(3), AT);
    count.frame(frame(5), AT);
    count.fault({ kind: "fault", fault: "checksum", bytes: 9, text: "a 97 %" });
    count.fault({ kind: "fault", fault: "exception", bytes: 0, text: "" });
    count.fault({ kind: "fault", fault: "certificate-changed", bytes: 0, text: "" });
    count.refused(4);
    count.identity("SN 4711");
  });
  assert.deepEqual(conduct, {
    device: "bed-1/monitor",
    line: SUBSCRIPTION.line,
    opened: 1,
    asked: conduct.asked,
    isOnline: true,
    frames: 2,
    items: 8,
    refused: 4,
    faults: 1,
    certificates: 1,
    identity: conduct.identity,
    clockLeadMs: null,
    strangers: [],
  });
  assert.doesNotMatch(JSON.stringify(conduct), /97|4711|SAT_O2/);
  assert.equal(counted((count) => count.identity("SN 4711")).identity, conduct.identity);
  assert.notEqual(counted((count) => count.identity("SN 4712")).identity, conduct.identity);
});

test("of the units that answer in place of another, those that are read are no strangers, and they are few", () => {
  const conduct = counted((count) => {
    for (let unit = 1; unit < 100; unit += 1) {
      count.fault({ kind: "fault", fault: "foreign", bytes: 7, text: "", unit });
    }
  });
  assert.deepEqual(conduct.strangers, [2, 4, 5, 6, 7, 8]);
});

test("its clock is taken from what came freshest, and asked anew for each report", () => {
  const count = new ConductCount(SUBSCRIPTION, 1);
  for (const age of [900_000, 2000, 60_000]) {
    count.frame(frame(1, AT - age), AT);
  }
  const take = (): DeviceConduct => count.take("bed-1/monitor", SUBSCRIPTION.line, new Set());
  assert.equal(take().clockLeadMs, -2000);
  count.frame(frame(1), AT);
  assert.equal(take().clockLeadMs, null);
});

test("only a device that was on line all the time is on line", () => {
  const count = new ConductCount(SUBSCRIPTION, 1);
  const isOnline = (): boolean => count.take("b", SUBSCRIPTION.line, new Set()).isOnline;
  assert.equal(isOnline(), false);
  count.state("online");
  assert.equal(isOnline(), false, "since the last report it was not");
  assert.equal(isOnline(), true);
  count.state("stale");
  count.state("online");
  assert.equal(isOnline(), false);
  assert.equal(isOnline(), true);
});

test("what is open is reported in a form that the keeper takes, every ten looks, with the steps of the clock", async () => {
  const sinks: DeviceSink[] = [];
  const line = {
    attach: (_spec: unknown, sink: DeviceSink) => {
      sinks.push(sink);
      return () => undefined;
    },
    close: async () => undefined,
  };
  const pool = new LinePool({ allowedLines: [SUBSCRIPTION.line], openLine: async () => line });
  const lines = new BedsideLines({
    pool,
    driver: driverOf,
    frame: () => undefined,
    fault: () => undefined,
    notice: () => undefined,
    status: () => undefined,
    now: () => AT,
  });
  let wall = AT;
  const clock = new Clock({ wall: () => wall, steady: () => 1000 });
  const boot = "0123456789abcdef";
  const reports = new ConductReports({ boot, clock, devices: () => lines.conduct() });
  lines.subscribe([SUBSCRIPTION]);
  await new Promise(setImmediate);
  sinks[0]?.frame(frame(2), AT);
  sinks[0]?.refused?.(2);
  const said = (): unknown[] => Array.from({ length: 10 }, () => reports.look());
  const first = said();
  assert.deepEqual(
    first.slice(0, 9),
    Array.from({ length: 9 }, () => null),
  );
  const report = first[9];
  assert.ok(isConduct(report));
  assert.deepEqual(
    report.devices.map(({ frames, items, refused }) => [frames, items, refused]),
    [[1, 2, 2]],
  );
  wall += 60_000;
  clock.now();
  lines.subscribe([{ ...SUBSCRIPTION, options: { other: 1 } }]);
  lines.subscribe([SUBSCRIPTION]);
  await new Promise(setImmediate);
  const next = said()[9];
  assert.ok(isConduct(next));
  assert.equal(next.clockSteps, 1);
  const [before, after] = [report.devices[0], next.devices[0]];
  assert.equal(after?.asked, before?.asked);
  assert.notEqual(after?.opened, before?.opened);
  assert.equal(after?.frames, 0);
});
