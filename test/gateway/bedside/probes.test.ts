import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { LinePool } from "../../../gateway/bedside/line-pool.ts";
import { BedsideLines } from "../../../gateway/bedside/lines.ts";
import { Probes } from "../../../gateway/bedside/probes.ts";
import { driverOf } from "../../../gateway/devices/catalog.ts";
import type { Frame, Measured } from "../../../gateway/devices/device.ts";
import type { DeviceSink, DeviceSpec, Line } from "../../../gateway/lines/line.ts";
import type { ProbeNode, ProbeView, Subscription } from "../../../gateway/rooms.ts";

const TCP = "tcp://127.0.0.1:4001";
const BUS = "modbus-tcp://127.0.0.1:502";
const SERVER = "opc.tcp://127.0.0.1:4840";
const NODE: ProbeNode = {
  node: "nsu=urn:x;i=1",
  name: "Temperature",
  class: "variable",
  type: "AnalogItemType",
  dataType: "Double",
  unit: "Cel",
  value: 4.5,
  status: "Good",
};

/** A line that says what the test tells it to. */
class FakeLine implements Line {
  readonly sinks = new Map<string, DeviceSink>();
  readonly specs = new Map<string, DeviceSpec>();
  closed = false;

  attach(spec: DeviceSpec, sink: DeviceSink): () => void {
    const { device } = spec;
    this.specs.set(device, spec);
    this.sinks.set(device, sink);
    return () => this.sinks.delete(device);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

function setup(context: TestContext) {
  const opened: { readonly url: string; readonly line: FakeLine }[] = [];
  const views: { readonly id: number; readonly view: ProbeView }[] = [];
  const taken: string[] = [];
  const browsed: string[] = [];
  const pool = new LinePool({
    allowedLines: [TCP, BUS, SERVER],
    openLine: async (url) => {
      const line = new FakeLine();
      opened.push({ url, line });
      return line;
    },
  });
  const lines = new BedsideLines({
    pool,
    driver: driverOf,
    frame: (device) => taken.push(device),
    fault: () => undefined,
    notice: () => undefined,
    status: () => undefined,
    now: () => 1e12,
  });
  context.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
  const probes = new Probes({
    pool,
    lines,
    driver: driverOf,
    browse: async (line, node) => {
      browsed.push(`${line} ${node}`);
      return Promise.resolve([NODE]);
    },
    tell: (id, view) => views.push({ id, view }),
  });
  const lastView = (): ProbeView => {
    context.mock.timers.tick(300);
    return views.at(-1)!.view;
  };
  return { opened, views, taken, browsed, lines, pool, probes, lastView };
}

test("a test reads a device that no flow reads, and its readings go nowhere but to the editor", async (context) => {
  const { opened, taken, probes, lastView } = setup(context);
  probes.start(1, { kind: "read", subscription: oximeter("test") });
  await turns();
  assert.deepEqual(
    opened.map(({ url }) => url),
    [TCP],
  );
  const sink = opened[0]!.line.sinks.get("test")!;
  sink.state("online", "reading", 0);
  sink.frame(frameOf(97), 0);
  sink.frame(frameOf(98), 0);
  sink.fault({ kind: "fault", fault: "checksum", bytes: 5, text: "Frame given up" }, 0);
  sink.fault({ kind: "fault", fault: "checksum", bytes: 7, text: "Frame given up" }, 0);
  sink.identity("SN 1", 0);
  const view = lastView();
  assert.equal(view.state, "running");
  assert.equal(view.line, "online");
  assert.equal(view.frames, 2);
  assert.equal(view.serial, "SN 1");
  assert.deepEqual(view.readings, [
    { code: "MDC_PULS_OXIM_SAT_O2", path: "1.1.1", text: "98", unit: "%", quality: ["valid"] },
  ]);
  assert.deepEqual(view.faults, [
    { fault: "checksum", text: "Frame given up", count: 2, bytes: 12 },
  ]);
  assert.deepEqual(taken, []);
  probes.end(1);
  await turns();
  assert.equal(opened[0]!.line.closed, true);
});

test("what the running flow reads is shown as it reads it, and its line is not opened again", async (context) => {
  const { opened, taken, lines, probes, lastView } = setup(context);
  lines.subscribe([oximeter("bed-1/monitor")]);
  await turns();
  probes.start(1, { kind: "read", subscription: oximeter("test") });
  await turns();
  assert.equal(opened.length, 1);
  opened[0]!.line.sinks.get("bed-1/monitor")!.frame(frameOf(95), 0);
  const view = lastView();
  assert.equal(view.shared, "bed-1/monitor");
  assert.equal(view.readings[0]?.text, "95");
  assert.deepEqual(taken, ["bed-1/monitor"]);
  probes.end(1);
  await turns();
  assert.equal(opened[0]!.line.closed, false, "the flow goes on");
});

test("a stream line that the flow reads as something else is refused; a bus takes one more unit", async (context) => {
  const { opened, lines, probes, views, lastView } = setup(context);
  lines.subscribe([oximeter("bed-1/monitor"), pressure("room-1/pressure", 1)]);
  await turns();
  const other = { ...oximeter("test"), model: "nonin-oem3-format2" };
  probes.start(1, { kind: "read", subscription: other });
  assert.equal(views.at(-1)!.view.state, "failed");
  assert.match(
    views.at(-1)!.view.text,
    /bed-1\/monitor \(masimo-ascii1\) is read over this line by the running flow/,
  );
  probes.start(2, { kind: "read", subscription: pressure("test", 2) });
  await turns();
  assert.equal(opened.length, 2, "the bus is shared");
  assert.deepEqual([...opened[1]!.line.sinks.keys()], ["room-1/pressure", "test"]);
  assert.equal(lastView().shared, null);
});

for (const [what, change, says] of [
  ["a line that is not allowed", { line: "tcp://10.9.9.9:1" }, /not in the signed settings/],
  ["a line that is none", { line: "tcp://" }, /Cannot use line/],
  ["a model that does not exist", { model: "no-such" }, /no driver for the model "no-such"/],
  [
    "options that are none",
    { options: { "hemoglobin-unit": "stone" } },
    /Option hemoglobin-unit cannot be "stone". Use one of g\/dL, mmol\/L/,
  ],
  ["an unknown option", { options: { colour: 1 } }, /has no option "colour"/],
] as const) {
  test(`${what} is refused in plain words, and nothing is opened`, async (context) => {
    const { opened, probes, views } = setup(context);
    probes.start(1, { kind: "read", subscription: { ...oximeter("test"), ...change } });
    await turns();
    assert.equal(views.at(-1)!.view.state, "failed");
    assert.match(views.at(-1)!.view.text, says);
    assert.equal(opened.length, 0);
  });
}

test("tests are few, end by themselves, and end when the flow wants the lines", async (context) => {
  const { probes, views, opened } = setup(context);
  for (const id of [1, 2, 3, 4]) {
    probes.start(id, { kind: "read", subscription: pressure("test", id) });
  }
  probes.start(5, { kind: "read", subscription: pressure("test", 5) });
  assert.match(views.at(-1)!.view.text, /4 tests running already/);
  probes.end(1);
  probes.endAll("the flow was deployed: test again");
  assert.deepEqual(
    views.slice(-3).map(({ id, view }) => [id, view.state, view.text]),
    [2, 3, 4].map((id) => [id, "done", "the flow was deployed: test again"]),
  );
  await turns();
  assert.equal(opened[0]!.line.closed, true);
  probes.start(6, { kind: "read", subscription: pressure("test", 6) });
  context.mock.timers.tick(600_000);
  assert.deepEqual(
    [views.at(-1)!.view.state, views.at(-1)!.view.text],
    ["done", "ended after 10 minutes"],
  );
});

test("registers are read once, by the line's own plan, and the refused ones are said", async (context) => {
  const { opened, probes, views } = setup(context);
  probes.start(1, { kind: "scan", line: BUS, unit: 3, function: 4, address: 10, count: 3 });
  await turns();
  const spec = opened[0]!.line.specs.get("scan")!;
  assert.equal(spec.unit, 3);
  assert.equal(spec.driver.kind, "modbus");
  const [poll] = spec.driver.kind === "modbus" ? spec.driver.polls({}) : [];
  assert.deepEqual(poll?.blocks, [
    { function: 4, address: 10, count: 1 },
    { function: 4, address: 11, count: 1 },
    { function: 4, address: 12, count: 1 },
  ]);
  poll?.decode([[7], null, [65_535]]);
  assert.equal(views.at(-1)!.view.state, "done");
  assert.deepEqual(views.at(-1)!.view.registers, [
    { address: 10, value: 7 },
    { address: 11, value: null },
    { address: 12, value: 65_535 },
  ]);
  await turns();
  assert.equal(opened[0]!.line.closed, true);
});

test("a server is browsed one node at a time, and only one that is allowed", async (context) => {
  const { browsed, probes, views } = setup(context);
  probes.start(1, { kind: "browse", line: SERVER, node: "" });
  await turns();
  assert.deepEqual(browsed, [`${SERVER} `]);
  assert.deepEqual([views.at(-1)!.view.state, views.at(-1)!.view.nodes], ["done", [NODE]]);
  probes.start(2, { kind: "browse", line: "opc.tcp://10.9.9.9:4840", node: "" });
  await turns();
  assert.equal(browsed.length, 1);
  assert.match(views.at(-1)!.view.text, /not in the signed settings/);
});

test("a device with endless names is shown in part", async (context) => {
  const { opened, probes, lastView } = setup(context);
  probes.start(1, { kind: "read", subscription: oximeter("test") });
  await turns();
  const sink = opened[0]!.line.sinks.get("test")!;
  for (let name = 0; name < 2000; name += 1) {
    const readings = [{ ...reading(1), code: `PRIVATE_${name}` }];
    sink.frame({ kind: "frame", readings, waves: [] }, 0);
    sink.fault({ kind: "fault", fault: `f${name}`, bytes: 1, text: "x".repeat(9999) }, 0);
  }
  const view = lastView();
  assert.equal(view.readings.length, 300);
  assert.equal(view.faults.length, 30);
  assert.ok(view.faults.every(({ text }) => text.length <= 300));
});

function oximeter(device: string): Subscription {
  return { device, model: "masimo-ascii1", line: TCP, unit: null, options: {} };
}

function pressure(device: string, unit: number): Subscription {
  return { device, model: "tsi-rpc30", line: BUS, unit, options: {} };
}

function reading(value: number): Measured {
  return {
    code: "MDC_PULS_OXIM_SAT_O2",
    mdc: 150456,
    value,
    text: String(value),
    unit: "%",
    quality: ["valid"],
    path: "1.1.1",
    deviceAt: null,
  };
}

function frameOf(value: number): Frame {
  return { kind: "frame", readings: [reading(value)], waves: [] };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
