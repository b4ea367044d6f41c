import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type {
  Measured,
  OpcuaChange,
  OpcuaNode,
  OpcuaPoint,
} from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/lads-device/driver.ts";
import { simulator } from "../../../gateway/devices/lads-device/simulator.ts";

const LADS = "nsu=http://opcfoundation.org/UA/LADS/;i=";
const OPC = "nsu=http://opcfoundation.org/UA/;i=";
const DEVICE = `${LADS}1002`;
const UNIT = `${LADS}1003`;
const FUNCTION = `${LADS}1004`;
const ANALOG = [`${OPC}17570`, `${OPC}2368`, `${OPC}15318`];
const DISCRETE = [`${OPC}2373`, `${OPC}2372`];
const CELSIUS = 4_408_652;

/** A node of a made tree; its node id is its place in it. */
function node(name: string, more: Partial<OpcuaNode> = {}): OpcuaNode {
  const rest = { namespace: "urn:maker", isVariable: false, types: [], unitId: null, children: [] };
  return { node: `nsu=urn:maker;s=${name}`, name, ...rest, ...more };
}

function machine(name: string): OpcuaNode {
  const id = node(`${name}.Id`, { isVariable: true });
  return node(name, { children: [node("CurrentState", { children: [{ ...id, name: "Id" }] })] });
}

function sensor(name: string, unitId: number | null = CELSIUS, types = ANALOG): OpcuaNode {
  const value = node("SensorValue", {
    isVariable: true,
    types,
    unitId,
    node: `nsu=urn:maker;s=${name}.Value`,
  });
  // A maker's own type, derived from a LADS type.
  return node(name, { types: ["nsu=urn:maker;i=7", `${LADS}1016`, FUNCTION], children: [value] });
}

function unitOf(name: string, ...functions: readonly OpcuaNode[]): OpcuaNode {
  const set = node("FunctionSet", { children: functions });
  return node(name, { types: [UNIT], children: [set, machine("FunctionalUnitState")] });
}

function deviceOf(name: string, ...units: readonly OpcuaNode[]): OpcuaNode {
  return node(name, {
    types: [DEVICE],
    children: [node("FunctionalUnitSet", { children: units })],
  });
}

function choose(
  devices: readonly OpcuaNode[],
  options = {},
): ReturnType<NonNullable<typeof driver.discovery>["choose"]> {
  return driver.discovery!.choose(node("DeviceSet", { children: devices }), options);
}

function codes(points: readonly OpcuaPoint[]): string[] {
  return points.map(({ code }) => code);
}

test("names of units and functions become codes, and sorted by name they get their paths", () => {
  const unit = unitOf(
    "Küvette 2",
    sensor("Temperature sensor"),
    sensor("pHValue", null),
    sensor("CO2Level", 20_529),
  );
  const { points, skipped } = choose([deviceOf("Reader", unit)]);
  assert.deepEqual(
    points.map(({ code, unit: ucum, path }) => [code, ucum, path]),
    [
      ["LADS_KUVETTE_2_STATE", "1", "1.1"],
      ["LADS_KUVETTE_2_CO2_LEVEL", "%", "1.1.1"],
      ["LADS_KUVETTE_2_TEMPERATURE_SENSOR", "Cel", "1.1.2"],
    ],
  );
  assert.deepEqual(skipped, [
    "LADS_KUVETTE_2_PHVALUE is not read: the server does not say its unit",
  ]);
});

test("a unit that is not known, a value of no known kind and names too much alike are told, not guessed", () => {
  const unit = unitOf(
    "U",
    sensor("A", 12_345_678),
    sensor("B", CELSIUS, [`${OPC}63`]),
    sensor("Tank 1"),
    sensor("Tank_1"),
    sensor("温度"),
  );
  const { points, skipped } = choose([deviceOf("D", unit)]);
  assert.deepEqual(codes(points), ["LADS_U_STATE", "LADS_U_TANK_1"]);
  assert.deepEqual(skipped, [
    "LADS_U_A is not read: the server gives it in unit 12345678, which is not known here",
    "LADS_U_B is not read: it is neither a measured value nor one of a few",
    "LADS_U_TANK_1 is not read a second time: two names in the server differ too little",
    "LADS_U_ is not read: its name in the server makes no code",
  ]);
});

test("controls, covers, switches and functions in functions are read", () => {
  const variable = (name: string, types: readonly string[]): OpcuaNode =>
    node(name, { isVariable: true, types, unitId: CELSIUS });
  const control = node("Heater", {
    types: [`${LADS}1014`, `${LADS}1009`, FUNCTION],
    children: [
      variable("CurrentValue", ANALOG),
      variable("TargetValue", ANALOG),
      variable("TotalizedValue", ANALOG),
      machine("ControlFunctionState"),
      node("FunctionSet", { children: [sensor("Inner")] }),
    ],
  });
  const door = node("Door", {
    types: [`${LADS}1011`, FUNCTION],
    children: [machine("CoverState")],
  });
  const lamp = sensor("Lamp", null, DISCRETE);
  const { points, skipped } = choose([deviceOf("D", unitOf("U", control, door, lamp))]);
  assert.deepEqual(codes(points), [
    "LADS_U_STATE",
    "LADS_U_DOOR",
    "LADS_U_HEATER",
    "LADS_U_HEATER_TARGET",
    "LADS_U_HEATER_TOTAL",
    "LADS_U_HEATER_STATE",
    "LADS_U_HEATER_INNER",
    "LADS_U_LAMP",
  ]);
  assert.deepEqual(skipped, []);
  assert.equal(points.at(-2)?.path, "1.1.2.1");
});

test("of several devices one must be named", () => {
  const devices = [deviceOf("A", unitOf("U")), deviceOf("B", unitOf("V"))];
  assert.match(choose(devices).skipped[0] ?? "", /several LADS devices \(A, B\)/);
  assert.deepEqual(codes(choose(devices, { device: "B" }).points), ["LADS_V_STATE"]);
  assert.match(choose(devices, { device: "C" }).skipped[0] ?? "", /no such LADS device/);
  assert.deepEqual(codes(choose([deviceOf("A", unitOf("U"), unitOf("V"))], { unit: "V" }).points), [
    "LADS_V_STATE",
  ]);
});

test("only what may hold points is followed: never alarms, methods' objects or other devices", () => {
  const follows = (one: OpcuaNode, above: readonly OpcuaNode[], options = {}): boolean =>
    driver.discovery!.follows(one, above, options);
  const set = node("DeviceSet");
  const reader = deviceOf("Reader");
  assert.ok(follows(set, []));
  assert.ok(follows(reader, [set]));
  assert.ok(!follows(reader, [set], { device: "Other" }));
  assert.ok(!follows(node("Plc", { types: [`${OPC}58`] }), [set]));
  const above = [set, reader];
  assert.ok(follows(node("FunctionalUnitSet"), above));
  assert.ok(!follows(node("AlarmMonitor"), above));
  assert.ok(!follows(node("Identification"), above));
  assert.ok(!follows(unitOf("U"), [...above, node("FunctionalUnitSet")], { unit: "V" }));
});

function read(point: Partial<OpcuaPoint>, change: Partial<OpcuaChange>): Measured {
  const whole = { node: "n", code: "LADS_U_X", mdc: null, unit: "1", path: "1", ...point };
  const given = { value: null, statusCode: 0, sourceAt: null, ...change };
  const [frame] = driver.decode(whole, given, {});
  assert.ok(frame?.kind === "frame" && frame.readings.length === 1);
  return frame.readings[0]!;
}

test("states are told by their nodes, in whatever language the server speaks", () => {
  assert.equal(read({}, { value: `${LADS}5025` }).value, "open");
  assert.equal(read({}, { value: `${LADS}5099` }).value, "running");
  assert.equal(read({}, { value: `${LADS}5178` }).value, "operate");
  assert.deepEqual(read({}, { value: "Läuft" }).quality, ["invalid"]);
  assert.deepEqual(read({}, { value: "nsu=urn:maker;i=5025" }).quality, ["invalid"]);
  assert.equal(read({ code: "LADS_DEVICE_HEALTH" }, { value: 4 }).value, "maintenance-required");
  assert.equal(read({ code: "LADS_DEVICE_HEALTH" }, { value: 9 }).value, null);
  assert.equal(read({}, { value: true }).value, "true");
});

test("any change gives one reading that has a value only when it is a good or uncertain one", () => {
  const value = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
  );
  fc.assert(
    fc.property(value, fc.integer({ min: 0, max: 0xffff_ffff }), (given, statusCode) => {
      const reading = read({}, { value: given, statusCode });
      assert.equal(reading.value === null, reading.text === "");
      assert.ok(reading.value === null || statusCode < 0x8000_0000);
    }),
  );
});

test("the simulated cooler stays in its ranges, and its door opens now and then", () => {
  const states = new Set<string>();
  for (let seconds = 0; seconds < 120; seconds += 1) {
    for (const { sensors, covers, controls = [] } of simulator.units) {
      covers.forEach(({ state }) => states.add(state(seconds, 3)));
      for (const { range, value } of [...sensors, ...controls]) {
        assert.ok(value(seconds, 3) > range.low && value(seconds, 3) < range.high);
      }
    }
  }
  assert.deepEqual([...states].sort(), ["Closed", "Opened"]);
});
