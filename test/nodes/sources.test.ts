import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import type { LineState } from "../../gateway/devices/device.ts";
import type { LineStatus } from "../../gateway/rooms.ts";
import { aMessage, aReading, aTake, BOOT, FakeServices } from "../fakes/flow-services.ts";
import { TestRed } from "../fakes/node-red.ts";
import { readWard } from "../../nodes/ward-message.ts";

const services = new FakeServices();
let red: TestRed;
before(async () => {
  red = await TestRed.open({ ward: services });
});
after(() => red.close());
beforeEach(() => red.forget());

const TAB = { id: "t", type: "tab", label: "Ward A" };
const LINES = [
  { id: "l1", type: "ward-serial-line", url: "serial:/dev/ttyUSB0?baud=9600&format=8N1" },
  { id: "l2", type: "ward-modbus-line", url: "modbus-tcp://10.0.0.8:502" },
  { id: "l3", type: "ward-opcua-line", url: "opc.tcp://10.0.0.9:4840/lads" },
];
const SINK = { id: "sink", type: "test-sink", z: "t", x: 1, y: 1, wires: [] };

function source(type: string, fields: object): object {
  return {
    id: "s",
    type,
    z: "t",
    x: 1,
    y: 1,
    device: "bed-1/monitor",
    model: "nonin-oem3-format2",
    wires: [["sink"]],
    ...fields,
  };
}

async function start(...nodes: object[]): Promise<void> {
  await red.deploy([TAB, ...LINES, SINK, ...nodes]);
}

test("each source subscribes to its device on its line, and ends that on close", async () => {
  const options = [
    { name: "offset", value: 2 },
    { name: "fast", value: true },
    { name: "bed", value: "left" },
  ];
  const common = { device: "bed-1/monitor", model: "nonin-oem3-format2", options: {} };
  const cases = [
    [
      source("ward-serial", { line: "l1", options }),
      {
        ...common,
        line: "serial:/dev/ttyUSB0?baud=9600&format=8N1",
        unit: null,
        options: { offset: 2, fast: true, bed: "left" },
      },
    ],
    [
      source("ward-modbus", { line: "l2", unit: "17", options: [] }),
      { ...common, line: "modbus-tcp://10.0.0.8:502", unit: 17 },
    ],
    [
      source("ward-modbus", { line: "l2" }),
      { ...common, line: "modbus-tcp://10.0.0.8:502", unit: 1 },
    ],
    [
      source("ward-opcua", { line: "l3" }),
      { ...common, line: "opc.tcp://10.0.0.9:4840/lads", unit: null },
    ],
  ] as const;
  for (const [node, subscription] of cases) {
    await start(node);
    const asked = services.subscriptions.get("s");
    assert.deepEqual(asked?.subscription, subscription);
    assert.deepEqual([asked?.source.id, asked?.source.tab], ["s", "Ward A"]);
    await start();
    assert.equal(services.subscriptions.size, 0);
  }
});

test("a take becomes one message: payload, topic and ward, and nothing else", async () => {
  await start(source("ward-serial", { line: "l1" }));
  const take = aTake([aReading(), aReading({ index: 1, value: null, text: "" })]);
  const ward = readWard(aMessage(take, 3));
  services.subscriptions.get("s")?.source.take(take, ward);
  const [message] = await red.received("sink", 1);
  assert.deepEqual(Object.keys(message ?? {}).toSorted(), ["_msgid", "payload", "topic", "ward"]);
  assert.deepEqual(
    [message?.topic, message?.payload, message?.ward],
    ["bed-1/monitor", take.items, ward],
  );
});

test("two wires carry two copies, so that a change on one branch is not seen on the other", async () => {
  const second = { ...SINK, id: "second" };
  const spoil = {
    id: "spoil",
    type: "change",
    z: "t",
    x: 1,
    y: 1,
    rules: [{ t: "set", p: "payload[0].value", pt: "msg", to: "1", tot: "num" }],
    wires: [["second"]],
  };
  await start(source("ward-serial", { line: "l1", wires: [["spoil", "sink"]] }), spoil, second);
  const take = aTake([aReading()]);
  services.subscriptions.get("s")?.source.take(take, readWard(aMessage(take)));
  const [changed] = await red.received("second", 1);
  const [kept] = await red.received("sink", 1);
  assert.deepEqual(
    [changed?.payload, kept?.payload],
    [[{ ...aReading(), value: 1 }], [aReading()]],
  );
});

test("forms that cannot be used are said to be so, name the field, and read nothing", async () => {
  const cases: [object, RegExp][] = [
    [
      { line: "l1", device: "Bed 1" },
      /Cannot use field "device": it is not a device id such as bed-12\/monitor/,
    ],
    [{ line: "l1", model: "" }, /Cannot use field "model"/],
    [{ line: "" }, /Cannot use field "line"/],
    [{ line: "nowhere" }, /its line is missing, disabled or not usable/],
    [{ line: "l1", options: [{ name: "__proto__", value: 1 }] }, /Cannot use field "options"/],
    [{ line: "l1", options: [{ name: "a", value: {} }] }, /Cannot use field "options"/],
    [{ line: "l1", options: "none" }, /Cannot use field "options"/],
  ];
  for (const [fields, problem] of cases) {
    red.forget();
    await start(source("ward-serial", fields));
    assert.equal(services.subscriptions.size, 0);
    assert.match(red.log.join("\n"), problem);
    assert.deepEqual(red.statuses.get("s")?.at(-1), {
      fill: "red",
      shape: "dot",
      text: "ward-serial.status.unusable",
    });
  }
  await start(source("ward-modbus", { line: "l2", unit: "256" }));
  assert.match(
    red.log.join("\n"),
    /Cannot use field "unit": it is not a whole number from 0 to 255/,
  );
});

test("a line URL of the wrong kind or with a mistake is named", async () => {
  const cases = [
    [
      "modbus-tcp://10.0.0.8:502",
      /not a line URL that starts with serial, rfc2217, tcp, unix, udp/,
    ],
    ["serial:ttyUSB0", /Cannot use line "serial:ttyUSB0": the path is not absolute/],
    ["", /it is empty/],
  ] as const;
  for (const [url, problem] of cases) {
    red.forget();
    await red.deploy([
      TAB,
      SINK,
      { id: "l1", type: "ward-serial-line", url },
      source("ward-serial", { line: "l1" }),
    ]);
    assert.match(red.log.join("\n"), problem);
    assert.equal(services.subscriptions.size, 0);
  }
});

test("a subflow sets the device from outside", async () => {
  await red.deploy([
    TAB,
    ...LINES,
    {
      id: "sub",
      type: "subflow",
      name: "Bed",
      in: [],
      out: [],
      env: [{ name: "BED", type: "str", value: "" }],
    },
    {
      id: "inner",
      type: "ward-serial",
      z: "sub",
      x: 1,
      y: 1,
      device: "${BED}",
      model: "nonin-oem3-format2",
      line: "l1",
      wires: [[]],
    },
    {
      id: "i",
      type: "subflow:sub",
      z: "t",
      x: 1,
      y: 1,
      env: [{ name: "BED", type: "str", value: "bed-7/monitor" }],
      wires: [],
    },
  ]);
  const [asked] = services.subscriptions.values();
  assert.deepEqual([asked?.subscription.device, asked?.source.tab], ["bed-7/monitor", "Ward A"]);
});

test("the status follows the line, and trouble is told once", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  await start(source("ward-serial", { line: "l1" }));
  const line = (state: LineState, text = "", rate = 0): void => {
    const status: LineStatus = { state, text, since: 0, rate, badBytes: 0 };
    services.subscriptions.get("s")?.source.line(status);
    context.mock.timers.tick(1000);
  };
  const silent = "no bytes since 10:32: check cable and device menu";
  line("connecting");
  line("online", "", 0);
  line("online", "", 3.14);
  line("stale", silent);
  line("stale", silent);
  line("backoff", "connection refused");
  line("closed");
  line("online", "", 1);
  line("backoff", "connection refused");
  const shown = red.statuses.get("s")?.map(({ fill, shape, text }) => `${fill} ${shape} ${text}`);
  assert.deepEqual(shown, [
    "grey ring ward-serial.status.waiting",
    "yellow ring ward-serial.status.connecting",
    "green dot ward-serial.status.online",
    "green dot 3.1/s",
    "yellow dot ward-serial.status.silent",
    "red ring ward-serial.status.disconnected",
    "grey ring ward-serial.status.closed",
    "green dot 1.0/s",
    "red ring ward-serial.status.disconnected",
  ]);
  assert.deepEqual(red.log, [silent, "connection refused", "connection refused"]);
});

test("ward-notices sends on what the gateway has to say", async () => {
  await start({ id: "n", type: "ward-notices", z: "t", x: 1, y: 1, wires: [["sink"]] });
  const notices = services.notices.get("n");
  assert.equal(notices?.tab, "Ward A");
  const item = {
    kind: "notice",
    device: "gateway",
    boot: BOOT,
    take: 1,
    index: 0,
    notice: "device-silent",
    text: "Bed 1 is silent.",
    at: 1,
    clock: "synchronised",
    since: null,
  } as const;
  const take = aTake([item], "notice");
  notices?.take(take, readWard(aMessage(take)));
  const [message] = await red.received("sink", 1);
  assert.deepEqual(
    [message?.topic, message?.payload, message?.ward.class],
    ["gateway", [item], "notice"],
  );
  await start();
  assert.equal(services.notices.size, 0);
});
