import assert from "node:assert/strict";
import { test } from "node:test";

import { driver as format2 } from "../../../gateway/devices/nonin-oem3-format2/driver.ts";
import { simulator as simulator2 } from "../../../gateway/devices/nonin-oem3-format2/simulator.ts";
import { driver } from "../../../gateway/devices/nonin-format7/driver.ts";
import { simulator } from "../../../gateway/devices/nonin-format7/simulator.ts";
import { decodeWhole, framesOf } from "./captures.ts";

/** Written from the frame table of the 9560's specification, apart from the simulator: place in the packet to DATA. */
function packet(data: Record<number, number>, { status = 0, pleth = [0] } = {}): Buffer {
  const frames = Array.from({ length: 25 }, (_, place) => {
    const sample = pleth[place % pleth.length]!;
    const bytes = [
      0x80 + status + (place === 0 ? 1 : 0),
      Math.floor(sample / 256),
      sample % 256,
      data[place] ?? 0,
    ];
    return [...bytes, bytes.reduce((sum, byte) => sum + byte) % 256];
  });
  return Buffer.from(frames.flat());
}

function decode(bytes: Uint8Array, by = driver): string[] {
  return decodeWhole(by, bytes, { options: {} }).map((output) =>
    output.kind === "frame"
      ? output.readings.map(({ value }) => value ?? "none").join(" ")
      : output.kind === "fault"
        ? `${output.fault} ${output.bytes}`
        : output.kind,
  );
}

test("the display values are read: SpO2-D in the 9th frame, HR-D in the 20th and 21st", () => {
  assert.deepEqual(decode(packet({ 8: 97, 19: 0, 20: 72, 2: 1, 0: 0, 1: 1, 16: 2, 22: 3 })), [
    "97 72",
  ]);
});

test("the pulse rate has nine bits, two and seven, whatever the reserved bits are", () => {
  // A peer joins the bytes with eight bits each and shows 286 for this.
  assert.deepEqual(decode(packet({ 8: 97, 19: 0x01, 20: 0x1e })), ["97 158"]);
  assert.deepEqual(decode(packet({ 8: 0x80 + 97, 19: 0x7c + 0x01, 20: 0x80 + 0x1e })), ["97 158"]);
});

test("127 and 511 are no values", () => {
  assert.deepEqual(decode(packet({ 8: 127, 19: 3, 20: 127 })), ["none none"]);
  assert.deepEqual(decode(packet({ 8: 127, 20: 72 })), ["none 72"]);
});

test("after the finger was removed the device holds its last values for ten seconds: they are none", () => {
  assert.deepEqual(decode(packet({ 8: 97, 20: 72 }, { status: 0x08 })), ["none none"]);
  const [frame] = framesOf(
    decodeWhole(driver, packet({ 8: 97, 20: 72 }, { status: 0x10 }), { options: {} }),
  );
  assert.deepEqual(frame?.readings[0]?.quality, ["questionable"]);
});

test("a sample is 16 bits, high byte first", () => {
  const pleth = [0, 255, 256, 32_768, 65_535];
  const [frame] = framesOf(decodeWhole(driver, packet({}, { pleth }), { options: {} }));
  assert.deepEqual(frame?.waves[0]?.samples, [...pleth, ...pleth, ...pleth, ...pleth, ...pleth]);
  assert.deepEqual(frame?.waves[0]?.period, { ms: 1000, samples: 75 });
});

test("acknowledgements and commands on a tap are noise beside the packets", () => {
  const good = packet({ 8: 97, 20: 72 });
  const ack = Buffer.from([0x06]);
  const setFormat = Buffer.from([0x02, 0x70, 0x02, 0x02, 0x07, 0x03]);
  assert.deepEqual(decode(Buffer.concat([setFormat, ack, good, good, setFormat, good])), [
    "noise 7",
    "97 72",
    "97 72",
    "noise 6",
    "97 72",
  ]);
});

test("formats 2 and 7 are never taken for one another", () => {
  for (const [stream, by] of [
    [simulator2.open({ seed: 4 }), driver],
    [simulator.open({ seed: 4 }), format2],
  ] as const) {
    const ticks = Array.from({ length: 600 }, (_, tick) => stream.tick(1e12 + 100 * tick)).flat();
    const outputs = decodeWhole(by, Buffer.concat(ticks), { options: {} });
    assert.ok(outputs.length > 5 && outputs.every(({ kind }) => kind === "fault"));
  }
});

test("the last packet of a device that falls silent is given soon, and what comes later has a gap", () => {
  const good = packet({ 8: 97, 20: 72 });
  const decoder = driver.open({}, "serial");
  assert.deepEqual(decoder.push(good, 1000), []);
  assert.deepEqual(decoder.tick(1050), []);
  const [last] = framesOf(decoder.tick(1200));
  assert.equal(last?.readings[1]?.value, 72);
  // 25 samples that were taken before the pause.
  assert.equal(Math.round(last?.waves[0]?.spanMs ?? 0), Math.round(25_000 / 75 + 200));
  assert.deepEqual(decoder.tick(1300), []);
  const [next] = framesOf([...decoder.push(good, 60_000), ...decoder.tick(60_200)]);
  assert.equal(next?.waves[0]?.gap, true);
});
