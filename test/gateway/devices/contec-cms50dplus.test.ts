import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { driver } from "../../../gateway/devices/contec-cms50dplus/driver.ts";
import { simulator } from "../../../gateway/devices/contec-cms50dplus/simulator.ts";
import { randomOf } from "../../../gateway/devices/simulator.ts";
import { decodeWhole, framesOf } from "./captures.ts";

interface Content {
  rate: number;
  spo2: number;
  pleth: number;
  beat: boolean;
  first: number;
  third: number;
}

/** Written from the byte table of the protocol, apart from the simulator. */
function packet(content: Partial<Content> = {}): number[] {
  const { rate = 72, spo2 = 97, pleth = 0, beat = false, first = 7, third = 5 } = content;
  return [
    0x80 + first + (beat ? 0x40 : 0),
    pleth,
    third + (rate >= 128 ? 0x40 : 0),
    rate % 128,
    spo2,
  ];
}

const times = (count: number, content: Partial<Content> = {}): number[] =>
  Array.from({ length: count }, (_, place) => packet({ pleth: place % 128, ...content })).flat();

function decode(bytes: readonly number[]): string[] {
  return decodeWhole(driver, Uint8Array.from(bytes), { options: {} }).map((output) =>
    output.kind === "frame"
      ? `${output.readings.map(({ value }) => value ?? "none").join(" ")} x${output.waves[0]?.samples.length ?? 0}`
      : output.kind === "fault"
        ? `${output.fault} ${output.bytes}`
        : output.kind,
  );
}

test("rate, saturation and wave are where the protocol has them; bit 7 of the rate is in the third byte", () => {
  for (const rate of [1, 30, 127, 128, 158, 254]) {
    assert.deepEqual(decode([...times(9, { rate }), ...packet({ rate, beat: true })]), [
      `97 ${rate} x0`,
      `97 ${rate} x10`,
    ]);
  }
});

test("signal strength, bar, beep and the mark of a falling saturation change nothing", () => {
  const bytes = [
    ...packet({ first: 0, third: 0 }),
    ...packet({ first: 0x2f, third: 0x0f, beat: true }),
  ];
  assert.deepEqual(decode(bytes), ["97 72 x0", "97 72 x2"]);
});

test("no finger, probe error, search, and numbers that are none give no value", () => {
  const beat = [...packet({ first: 7 }), ...packet({ beat: true })];
  for (const [content, shown] of [
    [{ first: 0x10 }, "none none"],
    [{ third: 0x10 }, "none none"],
    [{ third: 0x20 }, "none none"],
    [{ spo2: 127 }, "none 72"],
    [{ spo2: 101 }, "none 72"],
    [{ spo2: 0 }, "none 72"],
    [{ rate: 255 }, "97 none"],
    [{ rate: 0 }, "97 none"],
  ] as const) {
    assert.deepEqual(decode([...times(3, content), ...beat]), [
      `${shown} x0`,
      `${shown} x3`,
      "97 72 x0",
      "97 72 x2",
    ]);
  }
});

test("without a finger there are no samples either", () => {
  const bytes = Uint8Array.from(times(120, { first: 0x10 }));
  const frame = framesOf(decodeWhole(driver, bytes, { options: {} })).at(-1);
  const [wave] = frame?.waves ?? [];
  assert.ok(wave?.samples.every((sample) => sample === null));
  assert.deepEqual(wave?.quality, ["unavailable"]);
});

test("a block ends at a beat, or after two seconds without one", () => {
  assert.deepEqual(
    decode([...times(250), ...times(3, { beat: true }), ...times(2), ...packet({ beat: true })]),
    ["97 72 x0", "97 72 x120", "97 72 x120", "97 72 x11", "97 72 x5"],
  );
});

test("values change when two packets have the new ones; a single one is damage", () => {
  assert.deepEqual(
    decode([...times(4), ...times(2, { spo2: 96 }), ...packet({ spo2: 96, beat: true })]),
    ["97 72 x0", "97 72 x4", "96 72 x0", "96 72 x3"],
  );
  assert.deepEqual(
    decode([...times(4), ...packet({ spo2: 9 }), ...times(3), ...packet({ beat: true })]),
    ["97 72 x0", "97 72 x4", "framing 5", "97 72 x4"],
  );
});

test("a byte too few or too many is noticed and tells of a gap", () => {
  const good = [...times(3), ...packet({ beat: true })];
  const lost = [...good, ...times(2), ...packet().slice(0, 4), ...good];
  const shown = ["97 72 x0", "97 72 x4", "97 72 x2"];
  assert.deepEqual(decode(lost), [...shown, "noise 4", "97 72 x4"]);
  const doubled = [...good, ...times(2), ...packet(), 5, ...good];
  assert.deepEqual(decode(doubled), [...shown, "noise 6", "97 72 x4"]);
  const frames = framesOf(decodeWhole(driver, Uint8Array.from(lost), { options: {} }));
  assert.deepEqual(
    frames.flatMap(({ waves }) => waves.map(({ gap }) => gap)),
    [false, false, true],
  );
});

test("values are told when two packets have them, even if no beat ever comes", () => {
  assert.deepEqual(decode(times(20)), ["97 72 x0", "truncated 100"]);
});

test("what a device sent before it fell silent is given soon, and not joined to what comes later", () => {
  const decoder = driver.open({}, "serial");
  const before = framesOf(decoder.push(Uint8Array.from(times(10)), 1000));
  assert.equal(before.length, 1);
  assert.deepEqual(decoder.tick(1400), []);
  const [last] = framesOf(decoder.tick(1600));
  assert.equal(last?.waves[0]?.samples.length, 10);
  assert.equal(Math.round(last?.waves[0]?.spanMs ?? 0), Math.round(10_000 / 60 + 600));
  assert.deepEqual(decoder.tick(2000), []);
  const after = [...times(4), ...packet({ beat: true }), 0x80];
  const [next] = framesOf(decoder.push(Uint8Array.from(after), 9000));
  assert.deepEqual([next?.waves[0]?.samples.length, next?.waves[0]?.gap], [5, true]);
});

test("a stored recording that is played from the device, and newer firmware, give nothing", () => {
  const preamble = [0xf2, 0x80, 0x00, 0xf2, 0x80, 0x00, 0xf2, 0x80, 0x00, 0x80, 0x81, 0x72];
  const stored = [
    ...preamble,
    ...Array.from({ length: 50 }, (_, second) => [0xf0, 0xc0 + (second % 8), 0x5f]).flat(),
  ];
  assert.ok(decode(stored).every((shown) => /^(?:noise|truncated) /.test(shown)));
  const newer = Array.from({ length: 50 }, () => [
    0x01, 0xe0, 0xff, 0xb2, 0x90, 0xc8, 0xe1, 0xff, 0xff,
  ]);
  assert.ok(decode(newer.flat()).every((shown) => /^(?:noise|truncated) /.test(shown)));
});

test("no damage to single bytes of a steady stream gives a value that was not sent", () => {
  const stream = simulator.open({ seed: 11 });
  const whole = Buffer.concat(
    Array.from({ length: 80 }, (_, tick) => stream.tick(1e12 + 100 * tick)).flat(),
  );
  const values = (bytes: Uint8Array): Set<string> =>
    new Set(
      framesOf(decodeWhole(driver, bytes, { options: {} })).flatMap(({ readings }) =>
        readings.map(({ code, value }) => `${code} ${value}`),
      ),
    );
  const sent = values(whole);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
      const random = randomOf(seed);
      const damaged = Uint8Array.from(whole);
      // Never two packets in a row, since two could confirm each other.
      for (let at = 20; at < damaged.length - 20; at += 20 + Math.floor(100 * random())) {
        damaged[at] = Math.floor(256 * random());
      }
      assert.ok([...values(damaged)].every((value) => sent.has(value)));
    }),
    { numRuns: 300 },
  );
});
