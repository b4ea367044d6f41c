import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { collectorFlow } from "../../../gateway/flowhost/collector-flow.ts";
import { wardFlow } from "../../fakes/flowhost-kit.ts";

const MODBUS = {
  id: "room",
  z: "tab-1",
  g: "group-1",
  type: "ward-modbus",
  device: "room-7/pressure",
  line: "bus",
  wires: [["check"]],
};
const BUS = { id: "bus", type: "ward-modbus-line", url: "modbus-tcp://127.0.0.1:502" };

function typesOf(flow: unknown): unknown[] {
  return collectorFlow(flow).map((node) => node["type"]);
}

test("every source goes straight to one seal and one outbox, with its line", () => {
  const flow = collectorFlow(wardFlow(["bed-1/spo2", "bed-2/spo2"], [MODBUS, BUS]));
  const ids = flow.map((node) => node["id"]);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(typesOf(wardFlow(["bed-1/spo2", "bed-2/spo2"], [MODBUS, BUS])), [
    "tab",
    "ward-serial-line",
    "ward-modbus-line",
    "ward-serial",
    "ward-serial",
    "ward-modbus",
    "ward-notices",
    "ward-seal",
    "ward-outbox",
  ]);
  const seal = flow.find((node) => node["type"] === "ward-seal");
  const outbox = flow.find((node) => node["type"] === "ward-outbox");
  assert.deepEqual(seal?.["wires"], [[outbox?.["id"]]]);
  for (const node of flow.filter(({ device }) => device !== undefined)) {
    assert.deepEqual(node["wires"], [[seal?.["id"]]]);
    assert.equal(node["z"], "collector-tab");
    assert.equal(node["g"], undefined);
    assert.ok(ids.includes(node["line"]), "its line is there");
  }
});

test("what is switched off, twice, or made of an environment is left out", () => {
  const off = { ...MODBUS, id: "off", device: "a", d: true };
  const onOffTab = { ...MODBUS, id: "tab-off", device: "b", z: "tab-2" };
  const twice = { ...MODBUS, id: "twice" };
  const fromEnvironment = { ...MODBUS, id: "env", device: "${BED}" };
  const tab = { id: "tab-2", type: "tab", disabled: true };
  const flow = collectorFlow([MODBUS, BUS, off, onOffTab, twice, fromEnvironment, tab]);
  assert.deepEqual(
    flow.filter(({ type }) => type === "ward-modbus").map(({ id }) => id),
    ["room"],
  );
});

test("anything at all gives a flow that can run", () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.array(fc.object())), (anything) => {
      const types = typesOf(anything);
      assert.deepEqual(types.slice(-3), ["ward-notices", "ward-seal", "ward-outbox"]);
    }),
  );
});
