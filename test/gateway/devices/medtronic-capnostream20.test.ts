import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Output, StreamDecoder } from "../../../gateway/devices/device.ts";
import { CapnoAnonymiser } from "../../../gateway/devices/medtronic-capnostream20/anonymiser.ts";
import { driver } from "../../../gateway/devices/medtronic-capnostream20/driver.ts";
import { decodeWhole, framesOf } from "./captures.ts";

/** A message after chapter 4 of the manufacturer's description, apart from the simulator. */
function message(code: number, data: readonly number[]): Buffer {
  const bytes = [0x85];
  let sum = 0;
  const put = (byte: number): void => {
    sum ^= byte;
    bytes.push(...(byte === 0x85 ? [0x80, 0x05] : byte === 0x80 ? [0x80, 0x00] : [byte]));
  };
  [data.length + 1, code, ...data].forEach(put);
  put(sum);
  return Buffer.from(bytes);
}

const LIMITS = [60, 15, 30, 5, 8, 100, 85, 140, 50];

/** Bytes 1-27 of a numerics message after chapter 6: time, five values, slow status, events, alarms, no-breath period, limits, unit, status. */
function numerics(
  values: readonly number[],
  { co2 = 0, spo2 = 0, unit = 1, status = 0, limits = LIMITS, more = [] as number[] } = {},
): Buffer {
  const time = [0x6b, 0x05, 0xd9, 0x00];
  return message(1, [
    ...time,
    ...values,
    0,
    0,
    0,
    0,
    co2,
    spo2,
    30,
    ...limits,
    unit,
    status,
    ...more,
  ]);
}

function decode(...messages: readonly Buffer[]): Output[] {
  return decodeWhole(driver, Buffer.concat(messages), { options: {} });
}

function textsOf(outputs: readonly Output[]): string[][] {
  return framesOf(outputs)
    .filter(({ readings }) => readings.length > 0)
    .map(({ readings }) => readings.slice(0, 5).map(({ text }) => text));
}

function faultsOf(outputs: readonly Output[]): string[] {
  return outputs.flatMap((output) => (output.kind === "fault" ? [output.fault] : []));
}

const USUAL = [38, 0, 14, 97, 72];

describe("Capnostream 20", () => {
  test("a numerics message gives its values, its clock and the unit it names", () => {
    const [frame] = framesOf(decode(numerics(USUAL)));
    assert.deepEqual(
      frame?.readings.map(({ code, value, unit }) => [code, value, unit]),
      [
        ["MDC_AWAY_CO2_ET", 38, "mm[Hg]"],
        ["MEDTRONIC_FICO2", 0, "mm[Hg]"],
        ["MDC_CO2_RESP_RATE", 14, "/min"],
        ["MDC_PULS_OXIM_SAT_O2", 97, "%"],
        ["MDC_PULS_OXIM_PULS_RATE", 72, "/min"],
        ["MEDTRONIC_CO2_STATUS", "00", "1"],
      ],
    );
    assert.equal(frame?.readings[0]?.deviceAt, 0x6b05d900 * 1000);
  });

  test("kPa and vol% come in tenths and keep their decimal", () => {
    const [kilopascal] = framesOf(decode(numerics([52, 0, 14, 97, 72], { unit: 2 })));
    assert.deepEqual(
      kilopascal?.readings.slice(0, 2).map(({ text, unit }) => [text, unit]),
      [
        ["5.2", "kPa"],
        ["0.0", "kPa"],
      ],
    );
    const [percent] = framesOf(decode(numerics([50, 1, 14, 97, 72], { unit: 3 })));
    assert.deepEqual(
      percent?.readings.slice(0, 2).map(({ code, text }) => [code, text]),
      [
        ["MDC_CONC_AWAY_CO2_ET", "5.0"],
        ["MDC_CONC_AWAY_CO2_INSP", "0.1"],
      ],
    );
  });

  test("escapes: 85 and 80 in length, data and checksum come back as they were", () => {
    const value = 0x85;
    assert.deepEqual(textsOf(decode(numerics([0x80, 1, 14, 97, value]))), [
      ["128", "1", "14", "97", "133"],
    ]);
    // One of these 256 second bytes makes the checksum 85, another 80.
    for (let breaths = 0; breaths < 256; breaths += 1) {
      const [texts] = textsOf(decode(numerics([40, 1, breaths, 97, 72])));
      assert.equal(texts?.[2], breaths === 255 ? "" : String(breaths));
    }
    const trend = message(
      55,
      Array.from({ length: 0x84 }, () => 7),
    );
    assert.deepEqual(faultsOf(decode(trend, numerics(USUAL))), []);
  });

  test("255 and 0 are no value, and so is what the monitor says is not available", () => {
    assert.deepEqual(textsOf(decode(numerics([255, 255, 255, 255, 255]))), [["", "", "", "", ""]]);
    assert.deepEqual(textsOf(decode(numerics([38, 0, 0, 0, 0]))), [["38", "0", "0", "", ""]]);
    assert.deepEqual(textsOf(decode(numerics(USUAL, { status: 4 }))), [["", "", "", "97", "72"]]);
    for (const spo2 of [0x01, 0x20, 0x40]) {
      assert.deepEqual(textsOf(decode(numerics(USUAL, { spo2 }))), [["38", "0", "14", "", ""]]);
    }
  });

  test("alarm bits only mark the value they belong to", () => {
    const [frame] = framesOf(decode(numerics(USUAL, { co2: 0x08, spo2: 0x04, status: 1 })));
    assert.deepEqual(
      frame?.readings.map(({ quality }) => quality.join(" ")),
      ["questionable", "questionable", "questionable in-alarm", "in-alarm", "valid", "valid"],
    );
  });

  test("numerics one place off are dropped, whatever part of them is off", () => {
    const bytes = [...numerics(USUAL).subarray(3, -1)];
    const right = message(1, [...bytes.slice(0, 4), 0, ...bytes.slice(4, 26)]);
    const left = message(1, [...bytes.slice(0, 4), ...bytes.slice(5), 0]);
    const off = [
      right,
      left,
      numerics([72, 38, 0, 14, 97]),
      numerics([0, 14, 97, 72, 30]),
      numerics([38, 0, 14, 14, 72]),
      numerics(USUAL, { unit: 0 }),
      numerics([38, 0, 14, 140, 72]),
    ];
    for (const bad of off) {
      const outputs = decode(numerics(USUAL), bad, numerics(USUAL));
      assert.deepEqual(textsOf(outputs).length, 2);
      assert.deepEqual(faultsOf(outputs), ["out-of-range"]);
    }
  });

  test("what only looks like it is kept: values that fall, a sensor put on, saturation near the breathing of an infant", () => {
    const runs = [
      [USUAL, [20, 0, 12, 88, 60], [5, 5, 5, 85, 55]],
      [[255, 255, 255, 255, 255], USUAL],
      [USUAL, [255, 255, 255, 255, 255], USUAL],
      [
        [40, 0, 88, 90, 160],
        [40, 0, 88, 88, 160],
      ],
      [
        [0, 0, 0, 97, 72],
        [0, 0, 0, 97, 72],
      ],
    ];
    for (const run of runs) {
      const outputs = decode(...run.map((values) => numerics(values)));
      assert.deepEqual(faultsOf(outputs), []);
      assert.equal(textsOf(outputs).length, run.length);
    }
  });

  test("after three messages that seem off it is the first that was off", () => {
    const wrong = numerics([72, 38, 0, 14, 97]);
    const outputs = decode(wrong, ...Array.from({ length: 5 }, () => numerics(USUAL)));
    assert.deepEqual(faultsOf(outputs), ["out-of-range", "out-of-range", "out-of-range"]);
    assert.deepEqual(textsOf(outputs).slice(1), [USUAL.map(String), USUAL.map(String)]);
  });

  test("longer numerics of newer monitors are read, shorter ones are not", () => {
    assert.equal(textsOf(decode(numerics(USUAL, { more: [1, 2, 3] }))).length, 1);
    const short = message(1, [...numerics(USUAL).subarray(3, -2)]);
    assert.deepEqual(faultsOf(decode(short)), ["out-of-range"]);
  });

  test("a doubled byte that leaves the XOR right is noticed by the length", () => {
    const good = numerics(USUAL);
    for (let place = 1; place < good.length; place += 1) {
      const doubled = Buffer.concat([good.subarray(0, place + 1), good.subarray(place)]);
      const texts = textsOf(decode(good, doubled, good));
      assert.ok(
        texts.every((text) => text.join(" ") === USUAL.join(" ")),
        `doubled at ${place}`,
      );
    }
  });

  test("what the monitor says of the patient leaves no trace", () => {
    const patient = message(2, [0, 0, 0, 1, ...Buffer.from("MUELLER 4711            ")]);
    const unicode = message(
      12,
      Array.from({ length: 52 }, () => 0x4d),
    );
    assert.deepEqual(decode(patient, unicode), []);
  });
});

describe("Capnostream 20, anonymised recordings", () => {
  const kept = (...messages: readonly Uint8Array[]): Buffer => {
    const anonymiser = new CapnoAnonymiser();
    return Buffer.concat([...messages.map((one) => anonymiser.push(one)), anonymiser.end()]);
  };
  const text = (words: string): number[] => [...Buffer.from(words, "latin1")];

  test("samples, numerics and the device id stay; of patients, events and the unknown only zeros", () => {
    const measured = [
      message(4, text("V02.13 02/24/2008 B212345678  ")),
      message(0, [31, 0x85, 0x80, 0]),
      numerics(USUAL),
    ];
    assert.deepEqual(kept(...measured), Buffer.concat(measured));
    for (const code of [2, 12, 57, 58, 99]) {
      const zeros = message(
        code,
        Array.from({ length: 8 }, () => 0),
      );
      assert.deepEqual(kept(message(code, text("MUSTER E"))), zeros);
    }
    assert.deepEqual(kept(numerics(USUAL, { more: text("M") })), numerics(USUAL, { more: [0] }));
  });

  test("what is no whole message is left out", () => {
    const patient = message(2, text("MUSTER E"));
    const damaged = Uint8Array.from(patient).with(5, 0x20);
    const parts = [damaged, patient.subarray(0, -1), Buffer.from("MUSTER"), numerics(USUAL)];
    assert.deepEqual(kept(...parts, Buffer.from("MUSTER")), Buffer.alloc(0));
    assert.deepEqual(kept(...parts), numerics(USUAL));
  });
});

describe("Capnostream 20, what is said to it", () => {
  const asked = (decoder: StreamDecoder, from: number, to: number): string[] => {
    const said: string[] = [];
    for (let at = from; at < to; at += 100) {
      const asks = decoder.tick(at).flatMap((output) => (output.kind === "ask" ? [output] : []));
      said.push(...asks.map(({ verb }) => verb));
    }
    return said;
  };

  test("it listens, enables until answered, starts, and then says that it is there", () => {
    const decoder = driver.open({}, "serial");
    assert.deepEqual(asked(decoder, 0, 500), []);
    assert.deepEqual(asked(decoder, 500, 3600), ["enable", "enable", "enable"]);
    const id = message(4, [...Buffer.from("V02.13 02/24/2008 B355987654  ")]);
    assert.deepEqual(decoder.push(id, 3600), []);
    const outputs = decoder.tick(3700);
    assert.deepEqual(outputs[0], { kind: "identity", serial: "B355987654" });
    assert.deepEqual(
      outputs.slice(1).map((output) => output.kind === "ask" && output.verb),
      ["start"],
    );
    decoder.push(message(0, [0, 0, 0, 0]), 3800);
    decoder.push(message(0, [1, 0, 0, 0]), 3850);
    const said: string[] = [];
    for (let at = 3900; at < 20_000; at += 50) {
      decoder.push(message(0, [2, 0, 0, 0]), at);
      said.push(...asked(decoder, at, at + 1));
    }
    assert.deepEqual(said, ["link-active", "link-active", "link-active"]);
    assert.equal(asked(decoder, 20_100, 40_000)[1], "enable");
  });

  test("start is repeated three times, then it begins again with enable", () => {
    const decoder = driver.open({}, "serial");
    asked(decoder, 0, 600);
    decoder.push(message(4, [...Buffer.from("V02.13            B355987654  ")]), 700);
    assert.deepEqual(asked(decoder, 800, 6000), ["start", "start", "start", "enable"]);
  });

  test("no command but the three can pass", () => {
    const [enable, start, active] = driver.verbs;
    assert.ok(enable?.matches(Buffer.from("85010100", "hex")));
    assert.ok(start?.matches(Buffer.from("85010405", "hex")));
    assert.ok(active?.matches(Buffer.from("85010607", "hex")));
    const control = [2, 3, 5, 7, 8, 9, 10, 11, 21, 54, 55, 56, 60, 61, 62];
    const refused = [
      ...control.map((code) => message(code, [])),
      message(60, [5, 40]),
      message(61, [...Buffer.from("MUELLER             ")]),
      message(1, [1]),
      message(4, [0]),
      Buffer.concat([message(1, []), message(2, [])]),
      Buffer.from("85010101", "hex"),
      Buffer.from("850101", "hex"),
      Buffer.from("0085010100", "hex"),
    ];
    for (const bytes of refused) {
      assert.ok(
        driver.verbs.every((verb) => !verb.matches(bytes)),
        bytes.toString("hex"),
      );
    }
    for (const one of driver.verbs) {
      const passed = [message(1, []), message(4, []), message(6, [])].filter((bytes) =>
        one.matches(bytes),
      );
      assert.equal(passed.length, 1);
    }
  });
});

test("samples before a silence are given soon, with the time they had, and not joined to later ones", () => {
  const sample = (number: number): Buffer => message(0, [number % 256, 20, 0, 0]);
  const samples = (from: number): Buffer =>
    Buffer.concat(Array.from({ length: 32 }, (_, place) => sample(from + place)));
  const values = numerics([38, 0, 14, 97, 72]);
  const decoder = driver.open({}, "serial");
  decoder.push(Buffer.concat([values, samples(0), sample(32)]), 1000);
  assert.deepEqual(framesOf(decoder.tick(1600)), []);
  const [block] = framesOf(decoder.tick(3000));
  assert.equal(block?.waves[0]?.samples.length, 32);
  // The 32 samples, the one after them, and the silence.
  assert.equal(block?.waves[0]?.spanMs, 33 * 50 + 2000);
  assert.deepEqual(framesOf(decoder.tick(4000)), []);
  const later = decoder.push(Buffer.concat([samples(64), values, values]), 60_000);
  const [next] = framesOf(later).flatMap(({ waves }) => waves);
  assert.equal(next?.gap, true);
});
