import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { driver } from "../../../gateway/devices/draeger-medibus/driver.ts";
import type { DeviceOptions, MeasuredWave, Output } from "../../../gateway/devices/device.ts";
import { framesOf } from "./captures.ts";
import { DAMAGES } from "./damages.ts";
import { bytesOf, command, record, response } from "./medibus-bytes.ts";

const OFFER = "00   16000-  10  10037001   16000- 180  18070806   16000-  20  100460";
/** What a recording of both directions has before the records. */
const SELECTED = [
  response(0x53, OFFER),
  command(0x54, "000101010601"),
  response(0x54),
  Uint8Array.of(0xd0, 0xc1, 0xc7, 0xc0, 0xc0),
];

describe("draeger-medibus: realtime records", () => {
  test("value = minimum + sample * (maximum - minimum) / bins, as in the example of 90 28 258", () => {
    const offer = response(0x53, "00   16000-  10  10037006   16000-  20  100460");
    const both = bytesOf(offer, command(0x54, "00010601"), response(0x54));
    const waves = wavesOf(both, Buffer.from("d391818d83d391818d83", "hex"));
    const values = waves.map(({ samples, scale, offset }) => (samples[0] ?? 0) * scale + offset);
    assert.equal(values[0], 0.125);
    assert.equal(values[1]?.toFixed(2), "1.96");
  });

  test("limits may have decimal points; the period is an exact ratio", () => {
    const offer = response(0x53, "01   16667-12.5 37.5064");
    const [wave] = wavesOf(offer, command(0x54, "0103"), response(0x54), record([50]));
    assert.deepEqual(wave?.period, { ms: 50_001, samples: 1000 });
    assert.equal(50 * (wave?.scale ?? 0) + (wave?.offset ?? 0), 12.5);
  });

  test("a value that is left out is a missing sample; a curve without any is unavailable", () => {
    const waves = wavesOf(...SELECTED, record([1, 2, null]), record([3, null, null]));
    assert.deepEqual(
      waves.map(({ samples, quality }) => [samples, quality]),
      [
        [[1, 3], ["valid"]],
        [[2, null], ["valid"]],
        [[null, null], ["unavailable"]],
      ],
    );
  });

  test("blocks of half a second that follow each other without a gap", () => {
    const records = Array.from({ length: 70 }, (_, place) => record([place, place, place]));
    const pressure = wavesOf(...SELECTED, ...records).filter(
      ({ code }) => code === "MDC_PRESS_AWAY",
    );
    assert.deepEqual(
      pressure.map(({ samples, gap, spanMs }) => [samples.length, gap, spanMs]),
      [
        [32, false, 512],
        [32, false, 512],
        [6, false, 96],
      ],
    );
    assert.deepEqual(
      pressure.flatMap(({ samples }) => samples),
      Array.from({ length: 70 }, (_, place) => place),
    );
  });

  test("a pause of the stream is a gap", () => {
    const decoder = driver.open({}, "serial");
    const outputs = [
      ...decoder.push(bytesOf(...SELECTED, record([1, 1, 1]), record([2, 2, 2])), 1000),
      ...decoder.push(bytesOf(record([3, 3, 3]), record([4, 4, 4])), 5000),
      ...(decoder.end?.(5000) ?? []),
    ];
    const pressure = onlyWaves(outputs).filter(({ code }) => code === "MDC_PRESS_AWAY");
    assert.deepEqual(
      pressure.map(({ samples, gap }) => [samples, gap]),
      [
        [[1, 2], false],
        [[3, 4], true],
      ],
    );
  });

  test("what was sent before a pause is given soon, with the time it had", () => {
    const decoder = driver.open({}, "serial");
    decoder.push(bytesOf(...SELECTED, record([1, 1, 1]), record([2, 2, 2])), 1000);
    assert.deepEqual(onlyWaves(decoder.tick(1900)), []);
    const [pressure] = onlyWaves(decoder.tick(2100));
    assert.deepEqual([pressure?.samples, pressure?.spanMs], [[1, 2], 2 * 16 + 1100]);
    assert.deepEqual(onlyWaves(decoder.tick(3000)), []);
  });

  test("a curve that is selected anew has a gap before it, one that is new has none", () => {
    const again = [command(0x54, "00010101"), response(0x54), record([5, 6])];
    const first = [response(0x53, OFFER), command(0x54, "0001"), response(0x54), record([1])];
    assert.deepEqual(
      wavesOf(...first, ...again).map(({ code, gap }) => [code, gap]),
      [
        ["MDC_PRESS_AWAY", false],
        ["MDC_PRESS_AWAY", true],
        ["MDC_FLOW_AWAY", false],
      ],
    );
  });

  test("streams 5 to 12 are where the device last said they are", () => {
    const codes = ["00", "01", "03", "06", "24", "0A"];
    const offer = codes.map((code) => `${code}   20000    0  100064`).join("");
    const selection = codes.map((code) => `${code}01`).join("");
    const announce = [0xc4, 0xc3];
    const values = record([1, 2, 3, 4, 5, 6], announce);
    const again = record([11, 12, 13, 14, 15, 16]);
    const waves = wavesOf(
      response(0x53, offer),
      command(0x54, selection),
      response(0x54),
      values,
      again,
    );
    assert.deepEqual(
      waves.map(({ samples }) => samples),
      [1, 2, 3, 4, 5, 6].map((value) => [value, value + 10]),
    );
  });

  test("breathing: start of inspiration and of expiration", () => {
    const outputs = decode(
      {},
      ...SELECTED,
      record([1, 2, 3], [0xc6, 0xc0]),
      record([1, 2, 3], [0xc6, 0xc1]),
    );
    const phases = framesOf(outputs).flatMap(({ readings }) => readings.map(({ value }) => value));
    assert.deepEqual(phases, ["inspiration", "expiration"]);
  });

  test("values of a record that is called corrupt are missing", () => {
    const waves = wavesOf(
      ...SELECTED,
      record([1, 2, 3]),
      record([4, 5, 6], [0xcf, 0xc0]),
      record([7, 8, 9]),
    );
    assert.deepEqual(
      waves.map(({ samples }) => samples),
      [
        [1, null, 7],
        [2, null, 8],
        [3, null, 9],
      ],
    );
  });

  test("what is not in the selection is not given: no curve is guessed", () => {
    const records = Array.from({ length: 10 }, () => record([1, 2, 3]));
    const faults = (outputs: readonly Output[]) =>
      outputs.map((put) => (put.kind === "fault" ? put.fault : put.kind));
    // The device's side alone: another program asked, nobody knows for what.
    const alone = decode({}, response(0x53, OFFER), response(0x54), ...records);
    assert.deepEqual(faults(alone), ["unknown-field"]);
    // Two curves are known to be selected, three come.
    const two = decode(
      {},
      response(0x53, OFFER),
      command(0x54, "00010601"),
      response(0x54),
      ...records,
    );
    assert.deepEqual(faults(two).slice(1), ["unknown-field"]);
    // After a restart the old selection is void.
    const restarted = decode({}, ...SELECTED, command(0x51), ...records);
    assert.deepEqual(
      faults(restarted).filter((kind) => kind !== "ask"),
      ["unknown-field"],
    );
    assert.deepEqual([alone, two, restarted].flatMap(onlyWaves), []);
  });

  test("the option streams says what a recording of the device alone holds", () => {
    const records = Array.from({ length: 3 }, () => record([1, 2]));
    const outputs = decode({ streams: "06 00" }, response(0x53, OFFER), response(0x54), ...records);
    assert.deepEqual(
      onlyWaves(outputs).map(({ code, samples }) => [code, samples]),
      [
        ["MDC_AWAY_CO2", [1, 1, 1]],
        ["MDC_PRESS_AWAY", [2, 2, 2]],
      ],
    );
  });

  test("its own selection counts once the device has accepted it and was enabled", () => {
    const records = Array.from({ length: 33 }, () => record([1, 2, 3]));
    assert.deepEqual(
      onlyWaves(selectAndHear(400, records)).map(({ code, samples }) => [code, samples.length]),
      [
        ["MDC_PRESS_AWAY", 32],
        ["MDC_FLOW_AWAY", 32],
        ["MDC_AWAY_CO2", 32],
      ],
    );
  });

  test("records that come before it enables them were selected by somebody else", () => {
    const records = Array.from({ length: 150 }, () => record([1, 2, 3]));
    const outputs = selectAndHear(100, records);
    assert.deepEqual(onlyWaves(outputs), []);
    assert.ok(
      outputs.some((output) => output.kind === "fault" && output.fault === "unknown-field"),
    );
  });
});

/** A conversation up to the selection, a wait, then records, then another wait and the same records. */
function selectAndHear(waitMs: number, records: readonly Uint8Array[]): Output[] {
  const decoder = driver.open({}, "serial");
  const outputs: Output[] = [];
  let at = 0;
  const wait = (ms: number): void => {
    for (const until = at + ms; at < until; at += 100) {
      outputs.push(...decoder.tick(at));
    }
  };
  const hear = (...pieces: readonly Uint8Array[]): void => {
    outputs.push(...decoder.push(bytesOf(...pieces), at));
  };
  wait(100);
  hear(response(0x51));
  wait(100);
  hear(response(0x52, "8240'Evita 4'04.10:04.00"));
  wait(600);
  hear(response(0x53, OFFER));
  wait(100);
  assert.ok(outputs.some((output) => output.kind === "ask" && output.verb === "select-waves"));
  hear(response(0x54));
  wait(waitMs);
  hear(...records);
  return outputs;
}

describe("draeger-medibus: damaged realtime records", () => {
  // Records of 7 bytes with a response among them. Nothing can tell a doubled piece that is exactly one record.
  const records = Array.from({ length: 64 }, (_, place) =>
    record([160 + place, 900 + 7 * place, 180 + 3 * place]),
  );
  const sent = Buffer.from(
    bytesOf(...SELECTED, ...records.slice(0, 30), response(0x24, "D6 14 "), ...records.slice(30)),
  );
  const known = new Set(samplesOf(decode({}, sent)));

  for (const [damage, act] of Object.entries(DAMAGES)) {
    test(`${damage} at any place: no sample that was not sent, none in the wrong curve`, () => {
      let samples = 0;
      for (let place = 0; place < sent.length; place += 1) {
        const found = samplesOf(decode({}, act(sent, place, "form")));
        const wrong = found.filter((sample) => !known.has(sample));
        assert.deepEqual(wrong, [], `damage at ${place}`);
        samples = Math.max(samples, found.length);
      }
      assert.ok(samples >= 60);
    });
  }
});

function decode(options: DeviceOptions, ...pieces: readonly Uint8Array[]): Output[] {
  const decoder = driver.open(options, "serial");
  return [...decoder.push(bytesOf(...pieces), 1000), ...(decoder.end?.(1000) ?? [])];
}

function wavesOf(...pieces: readonly Uint8Array[]): MeasuredWave[] {
  return onlyWaves(decode({}, ...pieces));
}

function onlyWaves(outputs: readonly Output[]): MeasuredWave[] {
  return framesOf(outputs).flatMap(({ waves }) => waves);
}

/** The samples of all curves at one instant, instant after instant. */
function samplesOf(outputs: readonly Output[]): string[] {
  return framesOf(outputs).flatMap(({ waves }) =>
    Array.from({ length: waves[0]?.samples.length ?? 0 }, (_, place) =>
      waves.map(({ code, samples }) => `${code} ${samples[place]}`).join(", "),
    ),
  );
}
