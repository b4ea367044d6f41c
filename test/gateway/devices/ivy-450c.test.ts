import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Frame, Output } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/ivy-450c/driver.ts";
import { decodeWhole, framesOf } from "./captures.ts";

const LINES = [
  "HR=1;80;ECG-II-DIAG;",
  "RR=1;35;APNEA: 20 SEC;",
  "ETCO2=1;;;",
  "SPO2=1;100;PR=80 ;",
  "NIBP=4;121;75;92;80;;",
  "P1=3;111;73;88;;",
  "P2=3;;;;NO TRANSDUCER;",
  "T1=1;;;",
  "T2=1;;;",
];

/** A message written byte by byte after the description, apart from the simulator. */
function message(lines: readonly string[], waves: Buffer = Buffer.alloc(400, 120)): Buffer {
  const text = lines.map((line) => `${line}\r`).join("");
  return Buffer.concat([
    Buffer.from("\xffANSAR-B ", "latin1"),
    waves,
    Buffer.from(`${text}\xfe`, "latin1"),
  ]);
}

function decode(bytes: Buffer, options = {}): Output[] {
  return decodeWhole(driver, bytes, { options });
}

function valuesAt(frame: Frame | undefined): Record<string, unknown> {
  return Object.fromEntries((frame?.readings ?? []).map(({ path, value }) => [path, value]));
}

function faultsOf(outputs: readonly Output[]): string[] {
  return outputs.flatMap((output) => (output.kind === "fault" ? [output.fault] : []));
}

describe("Ivy 450C", () => {
  test("the lines of the public recording give what they say, each in its unit", () => {
    const [frame] = framesOf(decode(message(LINES)));
    const read = frame?.readings.map(({ code, text, unit }) => [code, text, unit]);
    assert.deepEqual(read, [
      ["MDC_ECG_HEART_RATE", "80", "/min"],
      ["IVY_HR_SOURCE", "ECG-II-DIAG", "1"],
      ["MDC_RESP_RATE", "35", "/min"],
      ["MDC_AWAY_CO2_ET", "", "mm[Hg]"],
      ["MDC_PULS_OXIM_SAT_O2", "100", "%"],
      ["MDC_PULS_OXIM_PULS_RATE", "80", "/min"],
      ["MDC_PRESS_BLD_NONINV_SYS", "121", "mm[Hg]"],
      ["MDC_PRESS_BLD_NONINV_DIA", "75", "mm[Hg]"],
      ["MDC_PRESS_BLD_NONINV_MEAN", "92", "mm[Hg]"],
      ["MDC_PULS_RATE_NON_INV", "80", "/min"],
      ["MDC_PRESS_BLD_SYS", "111", "mm[Hg]"],
      ["MDC_PRESS_BLD_DIA", "73", "mm[Hg]"],
      ["MDC_PRESS_BLD_MEAN", "88", "mm[Hg]"],
      ["MDC_PRESS_BLD_SYS", "", "mm[Hg]"],
      ["MDC_PRESS_BLD_DIA", "", "mm[Hg]"],
      ["MDC_PRESS_BLD_MEAN", "", "mm[Hg]"],
      ["MDC_TEMP", "", "Cel"],
      ["MDC_TEMP", "", "Cel"],
    ]);
    assert.ok(
      frame?.readings.every(({ value, quality }) => value !== null || quality[0] === "unavailable"),
    );
  });

  test("the five waves are cut where they must be", () => {
    const waves = Buffer.from(Array.from({ length: 400 }, (_, place) => place % 251));
    const [frame] = framesOf(decode(message(LINES, waves)));
    const parts = frame?.waves.map(({ code, samples, period }) => [
      code,
      samples[0],
      samples.length,
      period.ms,
    ]);
    assert.deepEqual(parts, [
      ["IVY_ECG", 0, 200, 1000],
      ["IVY_RESP", 200, 50, 1000],
      ["MDC_PULS_OXIM_PLETH", 250, 50, 1000],
      ["MDC_PRESS_BLD", 49, 50, 1000],
      ["MDC_PRESS_BLD", 99, 50, 1000],
    ]);
  });

  test("251 in a pressure wave is no transducer, in another wave a sample", () => {
    const [frame] = framesOf(decode(message(LINES, Buffer.alloc(400, 251))));
    assert.deepEqual(
      frame?.waves.map(({ samples, quality }) => [samples[0], quality[0]]),
      [
        [251, "valid"],
        [251, "valid"],
        [251, "valid"],
        [null, "unavailable"],
        [null, "unavailable"],
      ],
    );
  });

  test("FF and FE among the waveform bytes neither start nor end a message", () => {
    const waves = Buffer.alloc(400, 0xfe);
    waves.write("\xff\xffANSAR", 100, "latin1");
    const outputs = decode(Buffer.concat([message(LINES, waves), message(LINES, waves)]));
    assert.equal(framesOf(outputs).length, 2);
    assert.deepEqual(faultsOf(outputs), []);
  });

  test("a lost or doubled waveform byte is noticed by the text that does not start where it must", () => {
    const good = message(LINES);
    for (const bad of [
      Buffer.concat([good.subarray(0, 50), good.subarray(51)]),
      Buffer.concat([good.subarray(0, 50), good.subarray(49)]),
    ]) {
      const outputs = decode(Buffer.concat([good, bad, good]));
      assert.equal(framesOf(outputs).length, 2);
      assert.deepEqual(faultsOf(outputs), ["framing"]);
      assert.ok(framesOf(outputs)[1]?.waves.every(({ gap }) => gap));
    }
  });

  test("a number with fewer digits that jumped is no value until it comes again", () => {
    const rate = (text: string): Buffer => message([`HR=1;${text};ECG-II-DIAG;`]);
    const read = (...texts: string[]): unknown[] =>
      framesOf(decode(Buffer.concat(texts.map(rate)))).map((frame) => valuesAt(frame)["1.1.1"]);
    assert.deepEqual(read("80", "8", "80"), [80, null, 80]);
    assert.deepEqual(read("99", "100", "99", "101"), [99, 100, 99, 101]);
    assert.deepEqual(read("120", "12", "12", "13"), [120, null, 12, 13]);
    assert.deepEqual(read("80", "", "8"), [80, null, 8]);
    assert.deepEqual(read("10", "0", "0"), [10, null, 0]);
  });

  test("pressures out of order are no values", () => {
    const [frame] = framesOf(decode(message(["NIBP=4;12;75;92;80;;", "P1=3;;;8;CVP;"])));
    const values = valuesAt(frame);
    assert.deepEqual(
      ["1.1.6", "1.1.7", "1.1.8", "1.2.3"].map((path) => values[path]),
      [null, null, null, 8],
    );
  });

  test("units are those of the options, and a percentage is a concentration", () => {
    const lines = ["HR=1;80;ECG-II;", "ETCO2=1;5.2;;", "T1=1;98.6;;"];
    const options = { "temperature-unit": "[degF]", "co2-unit": "%" };
    const [frame] = framesOf(decode(message(lines), options));
    const [, , co2, temperature] = frame?.readings ?? [];
    assert.deepEqual([co2?.code, co2?.unit], ["MDC_CONC_AWAY_CO2_ET", "%"]);
    assert.deepEqual([temperature?.text, temperature?.unit], ["98.6", "[degF]"]);
  });

  test("a message of the monitor marks the value and is not handed on", () => {
    const outputs = decode(message(["HR=1;140;ECG-II-DIAG;RATE HIGH"]));
    const [frame] = framesOf(outputs);
    assert.deepEqual(frame?.readings[0]?.quality, ["in-alarm"]);
    assert.ok(!JSON.stringify(outputs).includes("RATE HIGH"));
  });

  test("the number before a single value makes no difference", () => {
    const outputs = decode(message(["HR=0;80;ECG-II-DIAG;", "RR=4;14;;", "SPO2=2;97;PR=79 ;"]));
    const values = valuesAt(framesOf(outputs)[0]);
    assert.deepEqual(
      ["1.1.1", "1.1.2", "1.1.4", "1.1.5"].map((path) => values[path]),
      [80, 14, 97, 79],
    );
  });

  test("lines out of form make the message unusable; an unknown parameter is told once", () => {
    for (const bad of [
      "HR1;80;;",
      "RR=1;3x5;;",
      "P1=3;11173;88;;",
      "RR=1;35;A;B;C;D;",
      "HR=1;80;ECG;",
      "RR=1;35",
    ]) {
      assert.deepEqual(faultsOf(decode(message(["HR=1;80;ECG;", bad]))), ["framing"], bad);
    }
    const strange = message(["HR=1;80;ECG;", "CO=1;5.2;;", "P1=2;99;98;;"]);
    const outputs = decode(Buffer.concat([strange, strange]));
    assert.deepEqual(faultsOf(outputs), ["unknown-field", "unknown-field"]);
    assert.equal(framesOf(outputs).length, 2);
  });

  test("a text that does not end is given up, and the next message is read", () => {
    const endless = Buffer.concat([message(LINES).subarray(0, -1), Buffer.alloc(3000, 0x41)]);
    const outputs = decode(Buffer.concat([endless, message(LINES)]));
    assert.equal(framesOf(outputs).length, 1);
    assert.equal(
      outputs.reduce((sum, put) => sum + (put.kind === "fault" ? put.bytes : 0), 0),
      endless.length,
    );
  });
});
