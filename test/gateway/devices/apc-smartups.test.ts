import assert from "node:assert/strict";
import { test } from "node:test";

import { driver } from "../../../gateway/devices/apc-smartups/driver.ts";
import { simulator } from "../../../gateway/devices/apc-smartups/simulator.ts";
import type { Measured, Output } from "../../../gateway/devices/device.ts";
import { planRequests, serialCost, TCP_COST } from "../../../gateway/lines/modbus-plan.ts";

/** Decodes a poll of registers given by address; what is not given reads 0. */
function decode(poll: number, registers: Readonly<Record<number, number>>): Output[] {
  const { blocks, decode: decodePoll } = driver.polls({})[poll]!;
  return decodePoll(
    blocks.map(({ address, count }) =>
      Array.from({ length: count }, (_, place) => registers[address + place] ?? 0),
    ),
  );
}

function read(poll: number, registers: Readonly<Record<number, number>>): Map<string, Measured> {
  const readings = decode(poll, registers).flatMap((output) =>
    output.kind === "frame" ? output.readings : [],
  );
  return new Map(readings.map((reading) => [reading.code, reading]));
}

test("status and measurements every second, names every minute, and no command register ever", () => {
  const polls = driver.polls({});
  assert.deepEqual(
    polls.map(({ everyMs }) => everyMs),
    [1000, 60_000],
  );
  const limits = driver.limits!({});
  for (const cost of [TCP_COST, serialCost({ framing: "rtu", charMs: 10 / 9.6, gapMs: 3.65 })]) {
    for (const { blocks } of polls) {
      for (const request of planRequests(blocks, { cost, limits })) {
        assert.equal(request.function, 3);
        assert.ok(request.address + request.count <= 1536, "1536 and up are commands");
        // A request that begins with a register that is not there is refused.
        assert.ok(blocks.some(({ address }) => address === request.address));
      }
    }
  }
  const requests = planRequests(polls[0]!.blocks, { cost: TCP_COST, limits });
  assert.deepEqual(
    requests.map(({ address, count }) => [address, count]),
    [
      [0, 24],
      [128, 27],
    ],
  );
});

test("binary fractions become exact decimals", () => {
  const found = read(0, {
    128: 0x0001,
    129: 0x0e10,
    130: 51_200,
    131: 0x0368,
    135: 0x0cc1,
    136: 6349,
    140: 51,
    142: 14_751,
    144: 6399,
    151: 14_720,
    154: 12_352,
  });
  const shown = (code: string): unknown[] => {
    const { value, text, unit } = found.get(code)!;
    return [value, text, unit];
  };
  assert.deepEqual(shown("APC_RUNTIME"), [69_136, "69136", "s"]);
  assert.deepEqual(shown("APC_BATTERY_CHARGE"), [100, "100", "%"]);
  assert.deepEqual(shown("APC_BATTERY_VOLTAGE"), [27.25, "27.25", "V"]);
  assert.deepEqual(shown("APC_BATTERY_TEMPERATURE"), [25.5078125, "25.5078125", "Cel"]);
  assert.deepEqual(shown("APC_LOAD"), [24.80078125, "24.80078125", "%"]);
  assert.deepEqual(shown("APC_OUTPUT_CURRENT"), [1.59375, "1.59375", "A"]);
  assert.deepEqual(shown("APC_OUTPUT_VOLTAGE"), [230.484375, "230.484375", "V"]);
  assert.deepEqual(shown("APC_OUTPUT_FREQUENCY"), [49.9921875, "49.9921875", "Hz"]);
  assert.deepEqual(shown("APC_INPUT_VOLTAGE"), [230, "230", "V"]);
  assert.deepEqual(shown("APC_EFFICIENCY"), [96.5, "96.5", "%"]);
  const cold = read(0, { 135: 0xff80 });
  assert.equal(cold.get("APC_BATTERY_TEMPERATURE")?.text, "-1");
});

test("status bits are words of their own", () => {
  const word = (code: string, registers: Readonly<Record<number, number>>): unknown =>
    read(0, registers).get(code)?.value;
  assert.equal(word("APC_ONLINE", { 1: 1 << 1 }), "yes");
  assert.equal(word("APC_ON_BATTERY", { 1: 1 << 1 }), "no");
  assert.equal(word("APC_ON_BATTERY", { 1: 1 << 2 }), "yes");
  assert.equal(word("APC_BYPASS", { 1: 1 << 3 }), "yes");
  assert.equal(word("APC_OUTPUT_OFF", { 1: 1 << 4 }), "yes");
  assert.equal(word("APC_GENERAL_FAULT", { 1: 1 << 5 }), "yes");
  assert.equal(word("APC_INPUT_NOT_ACCEPTABLE", { 1: 1 << 6 }), "yes");
  assert.equal(word("APC_TEST", { 1: 1 << 7 }), "yes");
  assert.equal(word("APC_OVERLOAD", { 0: 1 << 5 }), "yes");
  assert.equal(word("APC_SHUTDOWN_IMMINENT", { 18: 2 }), "yes");
  assert.equal(word("APC_BATTERY_NEEDS_REPLACEMENT", { 22: 4 }), "yes");
  assert.equal(word("APC_BATTERY_SYSTEM_ERROR", { 22: 5 }), 5);
  assert.equal(word("APC_POWER_SYSTEM_ERROR", { 20: 1, 21: 1 }), 65_537);
});

test("what is not there has no value", () => {
  const found = read(0, { 151: 0xffff, 154: 0xfffc });
  assert.deepEqual(found.get("APC_INPUT_VOLTAGE")?.value, null);
  assert.deepEqual(found.get("APC_INPUT_VOLTAGE")?.quality, ["invalid"]);
  assert.deepEqual(found.get("APC_EFFICIENCY")?.value, null);
  assert.equal(read(1, {}).get("APC_FIRMWARE")?.quality[0], "unavailable");
});

test("the serial number is told when it came twice, and again when it changes", () => {
  const [, poll] = driver.polls({});
  const words = (serial: string): (number[] | null)[] =>
    poll!.blocks.map(({ address, count }) =>
      Array.from({ length: count }, (_, place) => {
        const pair = serial.padEnd(32, " ").slice(2 * place, 2 * place + 2);
        return address === 564 ? Buffer.from(pair).readUInt16BE() : 0x2020;
      }),
    );
  const told = ["AS1234567890", "AS1234567890", "AS1234567890", "AS0000000001", "AS0000000001"].map(
    (serial) => poll!.decode(words(serial)).filter(({ kind }) => kind === "identity"),
  );
  assert.deepEqual(told, [
    [],
    [{ kind: "identity", serial: "AS1234567890" }],
    [],
    [],
    [{ kind: "identity", serial: "AS0000000001" }],
  ]);
});

test("the simulated unit goes to battery and comes back", () => {
  const registers = simulator.open({ seed: 1 });
  const [{ blocks, decode: decodePoll }] = driver.polls({}) as [ReturnType<typeof driver.polls>[0]];
  const states = new Set<unknown>();
  for (let seconds = 0; seconds < 200; seconds += 5) {
    const words = blocks.map((block) => {
      const found = registers(block, { seconds, sensorOff: false });
      assert.ok(typeof found !== "number");
      return found;
    });
    const [output] = decodePoll(words);
    assert.ok(output?.kind === "frame");
    states.add(output.readings.find(({ code }) => code === "APC_ON_BATTERY")?.value);
  }
  assert.deepEqual(states, new Set(["no", "yes"]));
  const state = { seconds: 0, sensorOff: false };
  assert.equal(registers({ function: 3, address: 5, count: 1 }, state), 2);
  assert.deepEqual(registers({ function: 3, address: 2, count: 4 }, state), [8, 0, 0, 0]);
  assert.equal(registers({ function: 4, address: 0, count: 1 }, state), 2);
});
