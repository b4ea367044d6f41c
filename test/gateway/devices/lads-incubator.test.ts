import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { Measured, OpcuaChange } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/lads-incubator/driver.ts";
import { simulator } from "../../../gateway/devices/lads-incubator/simulator.ts";
import { meaningOf } from "../../../gateway/devices/status-code.ts";

const LADS = "http://opcfoundation.org/UA/LADS/";

function read(code: string, change: Partial<OpcuaChange>): Measured {
  const point = driver.points({}).find((known) => known.code === code)!;
  const outputs = driver.decode(
    point,
    { value: null, statusCode: 0, sourceAt: null, ...change },
    {},
  );
  const [frame] = outputs;
  assert.ok(frame?.kind === "frame" && frame.readings.length === 1);
  return frame.readings[0]!;
}

test("points are found by LADS browse paths and the names in the options", () => {
  const nodes = driver.points({}).map(({ node }) => node);
  assert.equal(
    nodes[0],
    `http://opcfoundation.org/UA/DI/;DeviceSet > * > ${LADS};FunctionalUnitSet > * > ${LADS};FunctionSet > Temperature > ${LADS};SensorValue`,
  );
  assert.equal(nodes.length, 4);
  const some = driver.points({ device: "Inc 7", unit: "A", co2: "", humidity: "", door: "Lid" });
  assert.deepEqual(
    some.map(({ code }) => code),
    ["LADS_TEMPERATURE", "LADS_DOOR"],
  );
  assert.match(some[0]!.node, /DeviceSet > Inc 7 > .* > A > /);
  assert.match(some[1]!.node, / > Lid > .*CurrentState > .*;Id$/);
});

test("a good number is a reading with the server's time", () => {
  const reading = read("LADS_TEMPERATURE", { value: 37.05, sourceAt: 1_795_475_502_598 });
  assert.deepEqual([reading.value, reading.text, reading.unit], [37.05, "37.05", "Cel"]);
  assert.deepEqual([reading.quality, reading.deviceAt], [["valid"], 1_795_475_502_598]);
});

test("the door is told by the node of its state, not by its name in some language", () => {
  assert.equal(read("LADS_DOOR", { value: `nsu=${LADS};i=5025` }).value, "open");
  assert.equal(read("LADS_DOOR", { value: `nsu=${LADS};i=5028` }).value, "closed");
  assert.deepEqual(read("LADS_DOOR", { value: "Geöffnet" }).quality, ["invalid"]);
});

test("status codes become quality", () => {
  assert.deepEqual(meaningOf(0), { usable: true, quality: ["valid"] });
  assert.deepEqual(meaningOf(0x0000_0480), { usable: true, quality: ["valid"] });
  assert.deepEqual(meaningOf(0x4093_0000), { usable: true, quality: ["questionable"] });
  assert.deepEqual(meaningOf(0x0096_0000), { usable: true, quality: ["questionable"] });
  assert.deepEqual(meaningOf(0x808c_0000), { usable: false, quality: ["unavailable"] });
  assert.deepEqual(meaningOf(0x8000_0000), { usable: false, quality: ["invalid"] });
  const off = read("LADS_TEMPERATURE", { value: 37, statusCode: 0x808c_0000 });
  assert.deepEqual([off.value, off.text, off.quality], [null, "", ["unavailable"]]);
});

test("any change gives one reading that has a value only when it is a good or uncertain one", () => {
  const value = fc.oneof(fc.double(), fc.string(), fc.boolean(), fc.constant(null));
  fc.assert(
    fc.property(
      fc.constantFrom(...driver.points({}).map(({ code }) => code)),
      value,
      fc.integer({ min: 0, max: 0xffff_ffff }),
      (code, given, statusCode) => {
        const reading = read(code, { value: given, statusCode });
        assert.equal(reading.value === null, reading.text === "");
        if (reading.value !== null) {
          assert.ok(statusCode < 0x8000_0000);
          assert.ok(code === "LADS_DOOR" || (reading.value === given && Number.isFinite(given)));
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("options of any kind give points or none, never an error", () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.constantFrom(...driver.options.map(({ name }) => name)),
        fc.oneof(fc.string(), fc.integer(), fc.boolean()),
      ),
      (options) => assert.ok(driver.points(options).length <= 4),
    ),
  );
});

test("the simulated incubator opens its door now and then, and stays in its ranges", () => {
  const states = new Set<string>();
  for (let seconds = 0; seconds < 120; seconds += 1) {
    const [chamber] = simulator.units;
    states.add(chamber!.covers[0]!.state(seconds, 3));
    for (const { range, value } of chamber!.sensors) {
      assert.ok(value(seconds, 3) > range.low && value(seconds, 3) < range.high);
    }
  }
  assert.deepEqual([...states].sort(), ["Closed", "Opened"]);
});
