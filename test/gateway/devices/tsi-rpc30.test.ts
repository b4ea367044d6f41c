import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { Measured } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/tsi-rpc30/driver.ts";
import { simulator } from "../../../gateway/devices/tsi-rpc30/simulator.ts";
import { planRequests, serialCost, TCP_COST } from "../../../gateway/lines/modbus-plan.ts";

function read(words: Record<number, number | null>, options = {}): Map<string, Measured> {
  const poll = driver.polls(options)[0]!;
  const registers = poll.blocks.map(({ address }) => {
    const word = words[address] === undefined ? 0 : words[address];
    return word === null ? null : [word];
  });
  const outputs = poll.decode(registers);
  const readings = outputs.flatMap((output) => (output.kind === "frame" ? output.readings : []));
  return new Map(readings.map((reading) => [reading.code, reading]));
}

test("one request a second reads the whole table with function 4, on any line", () => {
  const polls = driver.polls({});
  assert.deepEqual(
    polls.map(({ everyMs }) => everyMs),
    [1000],
  );
  for (const cost of [TCP_COST, serialCost({ framing: "rtu", charMs: 1.15, gapMs: 4 })]) {
    const requests = planRequests(polls[0]!.blocks, { cost, limits: {} });
    assert.deepEqual(
      requests.map(({ function: code, address, count }) => [code, address, count]),
      [[4, 0, 15]],
    );
  }
});

test("a variable that the device refuses is unavailable, the others are read", () => {
  const found = read({ 0: 5, 4: null });
  assert.equal(found.get("TSI_ROOM_PRESSURE")?.text, "0.0005");
  assert.deepEqual(found.get("TSI_ROOM_TEMPERATURE")?.quality, ["unavailable"]);
  assert.equal(found.get("TSI_ROOM_TEMPERATURE")?.value, null);
});

test("every variable has its manual's scale, unit and sign", () => {
  const found = read({
    0: 0xff85,
    1: 402,
    2: 124,
    3: 45,
    4: 718,
    6: 450,
    7: 2,
    8: 0xfb2e,
    9: 1,
    11: 571,
    13: 1,
    14: 2,
  });
  const shown = [...found.values()].map(({ code, value, text, unit }) => [code, value, text, unit]);
  assert.deepEqual(shown, [
    ["TSI_ROOM_PRESSURE", -0.0123, "-0.0123", "[in_i'H2O]"],
    ["TSI_SUPPLY_FLOW", 402, "402", "[cft_i]/min"],
    ["TSI_AIR_CHANGES", 12.4, "12.4", "/h"],
    ["TSI_RELATIVE_HUMIDITY", 45, "45", "%"],
    ["TSI_ROOM_TEMPERATURE", 71.8, "71.8", "[degF]"],
    ["TSI_EXHAUST_FLOW", 450, "450", "[cft_i]/min"],
    ["TSI_ROOM_DOOR", "open", "2", "1"],
    ["TSI_ANTEROOM_PRESSURE", -0.01234, "-0.01234", "[in_i'H2O]"],
    ["TSI_ANTEROOM_DOOR", "closed", "1", "1"],
    ["TSI_SUPPLY_TEMPERATURE", 57.1, "57.1", "[degF]"],
    ["TSI_ROOM_OCCUPANCY", "occupied", "1", "1"],
    ["TSI_ANTEROOM_OCCUPANCY", "unoccupied", "2", "1"],
  ]);
  assert.ok(
    [...found.values()].every(({ quality }) => quality.length === 1 && quality[0] === "valid"),
  );
});

test("a zero is a value only where the feature is declared present", () => {
  const undeclared = read({});
  assert.equal(undeclared.get("TSI_ROOM_PRESSURE")?.text, "0.0000");
  assert.equal(undeclared.get("TSI_RELATIVE_HUMIDITY")?.value, null);
  assert.deepEqual(undeclared.get("TSI_RELATIVE_HUMIDITY")?.quality, ["unavailable"]);
  const declared = read({}, { humidity: "present", "supply-flow": "absent", door: "present" });
  assert.equal(declared.get("TSI_RELATIVE_HUMIDITY")?.value, 0);
  assert.equal(declared.has("TSI_SUPPLY_FLOW"), false);
  assert.deepEqual(declared.get("TSI_ROOM_DOOR")?.quality, ["unavailable"]);
});

test("an unknown word of an enumeration is invalid, never guessed", () => {
  const door = read({ 7: 3 }).get("TSI_ROOM_DOOR");
  assert.equal(door?.value, null);
  assert.deepEqual(door?.quality, ["invalid"]);
});

test("any words and options give finite values that their text repeats, and never throw", () => {
  const words = fc.option(fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 2 }));
  const option = fc.oneof(fc.constantFrom("present", "absent", "auto"), fc.anything());
  fc.assert(
    fc.property(
      fc.array(words, { maxLength: 20 }),
      fc.dictionary(fc.constantFrom(...driver.options.map(({ name }) => name)), option),
      (blocks, options) => {
        for (const output of driver.polls(options as never)[0]!.decode(blocks)) {
          assert.equal(output.kind, "frame");
          for (const { value, text, quality } of output.kind === "frame" ? output.readings : []) {
            assert.ok(quality.length > 0);
            assert.equal(value === null, text === "");
            if (typeof value === "number") {
              assert.equal(Number(text), value);
            }
          }
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test("the simulated room stays in its table and says what is off", () => {
  const registers = simulator.open({ seed: 4 });
  for (let seconds = 0; seconds < 200; seconds += 1) {
    const words = registers(
      { function: 4, address: 0, count: 15 },
      { seconds, sensorOff: seconds > 100 },
    );
    assert.ok(typeof words !== "number");
    const found = read(Object.fromEntries(words.map((word, place) => [place, word & 0xffff])));
    assert.ok(Number(found.get("TSI_ROOM_PRESSURE")?.value) < 0);
    assert.equal(found.get("TSI_RELATIVE_HUMIDITY")?.value === null, seconds > 100);
  }
  assert.equal(
    registers({ function: 3, address: 0, count: 1 }, { seconds: 0, sensorOff: false }),
    2,
  );
});
