import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { parseFlowhostToBedside } from "../../../gateway/bedside/inbox.ts";
import { ProbeDesk } from "../../../gateway/flowhost/probe-desk.ts";
import { readProbe } from "../../../gateway/flowhost/probe-request.ts";
import type { FlowhostToBedside, ProbeView } from "../../../gateway/rooms.ts";

const WANTED = {
  device: "bed-1/monitor",
  model: "masimo-ascii1",
  line: "tcp://127.0.0.1:4001",
  unit: null,
  options: { "hemoglobin-unit": "g/dL" },
};
const VIEW: ProbeView = {
  state: "running",
  text: "reading",
  line: "online",
  shared: null,
  frames: 3,
  serial: null,
  readings: [],
  waves: [],
  faults: [],
  registers: [],
  nodes: [],
};

test("a test that nobody looks at any more ends", () => {
  const said: FlowhostToBedside[] = [];
  let now = 0;
  const desk = new ProbeDesk(
    (message) => said.push(message),
    () => now,
  );
  const id = desk.start(readProbe(WANTED));
  assert.equal(desk.view(id), null);
  desk.told(id, VIEW);
  desk.told(99, VIEW);
  now = 9000;
  desk.tick();
  assert.deepEqual(desk.view(id), VIEW);
  now = 18_000;
  desk.tick();
  assert.deepEqual(desk.view(id), VIEW);
  now = 29_000;
  desk.tick();
  assert.throws(() => desk.view(id), /it has ended. Start it again/);
  assert.deepEqual(
    said.map(({ t }) => t),
    ["probe", "probe-end"],
  );
});

for (const [what, change, says] of [
  ["no model", { model: "" }, /choose a model first/],
  ["no line", { line: undefined }, /choose a line first/],
  ["no function", { kind: "scan", function: 6, address: 0, count: 1 }, /function from 1 to 4/],
  [
    "registers that do not exist",
    { kind: "scan", function: 3, address: 65_530, count: 10 },
    /registers from 0 to 65535/,
  ],
  [
    "too many registers",
    { kind: "scan", function: 3, address: 0, count: 251 },
    /count of at most 250/,
  ],
  ["no node", { kind: "browse", node: 7 }, /choose a node first/],
  ["a wrong unit", { unit: 300 }, /enter a unit from 0 to 255 first/],
  ["options that are none", { options: [] }, /correct its options first/],
] as const) {
  test(`a form with ${what} is told what to do`, () => {
    assert.throws(() => readProbe({ ...WANTED, ...change }), says);
  });
}

test("a device can be tested before it has a usable id", () => {
  const probe = readProbe({ ...WANTED, device: "Bed 1" });
  assert.equal(probe.kind === "read" && probe.subscription.device, "test");
});

test("whatever a browser sends, bedside can use what is handed on", () => {
  const messy = fc.oneof(fc.anything(), fc.constantFrom(...Object.values(WANTED)));
  fc.assert(
    fc.property(
      fc.record(
        {
          kind: fc.constantFrom("read", "scan", "browse"),
          device: messy,
          model: messy,
          line: messy,
          unit: messy,
          options: messy,
          function: fc.nat({ max: 6 }),
          address: fc.nat({ max: 70_000 }),
          count: fc.nat({ max: 300 }),
          node: messy,
        },
        { requiredKeys: [] },
      ),
      (wanted) => {
        let probe;
        try {
          probe = readProbe({ ...WANTED, ...wanted });
        } catch {
          return;
        }
        const message = { t: "probe", id: 1, probe };
        assert.deepEqual(parseFlowhostToBedside(JSON.parse(JSON.stringify(message))), message);
      },
    ),
  );
});
