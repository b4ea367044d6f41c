import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { driver } from "../../../gateway/devices/bender-comtraxx/driver.ts";
import { simulator } from "../../../gateway/devices/bender-comtraxx/simulator.ts";
import type { DeviceOptions, Measured } from "../../../gateway/devices/device.ts";
import { planRequests, TCP_COST } from "../../../gateway/lines/modbus-plan.ts";

const UNITS = new Map([
  [1, "1"],
  [2, "Ohm"],
  [3, "A"],
  [4, "V"],
  [5, "%"],
  [6, "Hz"],
  [7, "Bd"],
  [8, "F"],
  [9, "H"],
  [10, "Cel"],
  [11, "[degF]"],
  [12, "s"],
  [13, "min"],
  [14, "h"],
  [15, "d"],
  [16, "mo"],
]);

/** One channel: value, alarm-and-test byte, range-and-unit byte, description. */
function channel(value: number, alarm: number, range: number, description: number): number[] {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return [view.getUint16(0), view.getUint16(2), (alarm << 8) | range, description];
}

function read(registers: number[]): Measured[] {
  const poll = driver.polls({ channels: registers.length / 4 })[0]!;
  const outputs = poll.decode(poll.blocks.map((_, at) => registers.slice(4 * at, 4 * at + 4)));
  return outputs.flatMap((output) => (output.kind === "frame" ? output.readings : []));
}

function one(...parts: Parameters<typeof channel>): Measured {
  return read(channel(...parts))[0]!;
}

function requestsOf(options: DeviceOptions): number[][] {
  const requests = planRequests(driver.polls(options)[0]!.blocks, { cost: TCP_COST, limits: {} });
  return requests.map(({ function: code, address, count }) => [code, address, count]);
}

test("requests follow the options, and no channel is torn", () => {
  assert.deepEqual(requestsOf({}), [[4, 1000, 32]]);
  const both = requestsOf({ address: 2000, channels: 32, function: 3 });
  assert.equal(both.length, 2);
  assert.deepEqual(
    both.map(([code, , count = 0]) => [code, count % 4, count <= 125]),
    [
      [3, 0, true],
      [3, 0, true],
    ],
  );
});

test("a channel that the device refuses is unavailable, the others are read", () => {
  const poll = driver.polls({ channels: 2 })[0]!;
  const [output] = poll.decode([null, channel(230.4, 0, 4, 76)]);
  const readings = output?.kind === "frame" ? output.readings : [];
  assert.deepEqual(
    readings.map(({ code, value, quality }) => [code, value, quality]),
    [
      ["BENDER_CHANNEL_1", null, ["unavailable"]],
      ["BENDER_CHANNEL_2", 230.4, ["valid"]],
      ["BENDER_CHANNEL_2_SHOWS", "voltage", ["valid"]],
    ],
  );
});

test("a channel is a single, its unit and what it shows", () => {
  const [value, shows] = read(channel(230.4, 0, 4, 76));
  assert.deepEqual(
    [value?.value, value?.text, value?.unit, value?.path],
    [230.4, "230.4", "V", "1.1.1"],
  );
  assert.deepEqual(value?.quality, ["valid"]);
  assert.deepEqual(
    [shows?.code, shows?.value, shows?.text],
    ["BENDER_CHANNEL_1_SHOWS", "voltage", "76"],
  );
});

test("every unit code has its UCUM unit, and an unknown one has no value", () => {
  for (let code = 1; code < 32; code += 1) {
    const { value, unit } = one(2.5, 0, code, 1022);
    if (code === 30) {
      assert.deepEqual([value, unit], ["code-2.5", "1"]);
    } else {
      assert.equal(value, UNITS.has(code) ? 2.5 : null);
      assert.equal(unit, UNITS.get(code) ?? "1");
    }
  }
  assert.deepEqual(one(2.5, 0, 0, 0).quality, ["unavailable"]);
});

test("range bits: lower and higher are questionable, invalid has no value", () => {
  assert.deepEqual(one(1e6, 0, 0x40 | 2, 71).quality, ["questionable"]);
  assert.deepEqual(one(1e6, 0, 0x80 | 2, 71).quality, ["questionable"]);
  const invalid = one(1e6, 0, 0xc0 | 2, 71);
  assert.deepEqual([invalid.value, invalid.text, invalid.quality], [null, "", ["invalid"]]);
});

test("alarm and test bits become quality, a device error has no value", () => {
  assert.deepEqual(one(5e4, 0b001, 2, 1).quality, ["valid"]);
  assert.deepEqual(one(5e4, 0b100, 2, 1).quality, ["in-alarm"]);
  assert.deepEqual(one(5e4, 0b101, 2, 1).quality, ["in-alarm"]);
  assert.deepEqual(one(5e4, 0x40, 2, 71).quality, ["test"]);
  assert.deepEqual(one(5e4, 0x80 | 0b101, 2, 71).quality, ["test", "in-alarm"]);
  assert.deepEqual(one(5e4, 0b111, 2, 71).quality, ["questionable"]);
  const broken = one(5e4, 0b010, 2, 102);
  assert.deepEqual([broken.value, broken.quality], [null, ["invalid"]]);
  assert.equal(one(115, 0b010, 30, 115).value, "code-115");
});

test("not-a-number and infinity are no values", () => {
  for (const value of [Number.NaN, Infinity, -Infinity]) {
    assert.deepEqual(
      [one(value, 0, 2, 71).value, one(value, 0, 2, 71).quality],
      [null, ["invalid"]],
    );
    assert.equal(one(value, 0, 30, 71).value, null);
  }
});

test("any words and options give finite values that their text repeats, and never throw", () => {
  const words = fc.option(fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 5 }));
  const option = fc.oneof(fc.integer(), fc.double(), fc.string(), fc.boolean());
  fc.assert(
    fc.property(
      fc.array(words, { maxLength: 32 }),
      fc.dictionary(fc.constantFrom("address", "channels", "function"), option),
      (blocks, options) => {
        for (const output of driver.polls(options)[0]!.decode(blocks)) {
          const readings = output.kind === "frame" ? output.readings : [];
          for (const { value, text, quality } of readings) {
            assert.ok(quality.length > 0);
            assert.equal(value === null, text === "");
            if (typeof value === "number") {
              assert.ok(Number.isFinite(value));
              assert.equal(Number(text), value);
              assert.ok(!quality.includes("invalid") && !quality.includes("unavailable"));
            }
          }
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("the simulated system can be read, and loses its earth when told to", () => {
  const registers = simulator.open({ seed: 1 });
  const request = { function: 4, address: 1000, count: 32 };
  const good = registers(request, { seconds: 5, sensorOff: false });
  const off = registers(request, { seconds: 5, sensorOff: true });
  assert.ok(typeof good !== "number" && typeof off !== "number");
  assert.equal(read([...good])[0]?.unit, "Ohm");
  assert.ok(Number(read([...good])[0]?.value) > 100_000);
  assert.deepEqual(read([...off])[0]?.quality, ["invalid"]);
  assert.equal(registers({ ...request, address: 999 }, { seconds: 0, sensorOff: false }), 2);
});
