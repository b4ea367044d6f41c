import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Frame, Output } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/puritan-bennett-840/driver.ts";
import { decodeWhole, framesOf } from "./captures.ts";

/** A full report after the manual's table, apart from the simulator: 169 fields, 1225 bytes. */
function fullReport(texts: Readonly<Record<number, string>> = {}, declared = "1225,169 "): Buffer {
  const all: Record<number, string> = {
    5: "14:51",
    6: "840 3510053249",
    7: "NOV 22 2011",
    ...texts,
  };
  const wide = new Map([
    [6, 18],
    [7, 12],
    [8, 9],
    [50, 9],
    [53, 18],
    [55, 9],
    [66, 9],
  ]);
  const fields = Array.from({ length: 169 }, (_, place) => place + 5);
  const body = fields
    .map((number) => `${(all[number] ?? "").padEnd(wide.get(number) ?? 6)},`)
    .join("");
  assert.equal(body.length, 1225);
  return Buffer.from(`MISCF,${declared},\x02${body}\x03\r`, "latin1");
}

function decode(bytes: Buffer | string, options = {}): Output[] {
  return decodeWhole(driver, Buffer.from(bytes.toString("latin1"), "latin1"), { options });
}

function textAt(frame: Frame | undefined, field: number): string | undefined {
  return frame?.readings.find(({ path }) => path === `1.1.${field}`)?.text;
}

function faultsOf(outputs: readonly Output[]): string[] {
  return outputs.flatMap((output) => (output.kind === "fault" ? [output.fault] : []));
}

const MONITORED = {
  9: "A/C",
  14: "0.365",
  70: "14.0",
  71: "0.378",
  72: "5.290",
  73: "24.0",
  76: "1:5.00",
  87: "5.8",
};

describe("Puritan Bennett 840, replies", () => {
  test("a full report gives what the manual's table says, with its units, clock and digits", () => {
    const [frame] = framesOf(decode(fullReport(MONITORED)));
    const given = frame?.readings.filter(({ value }) => value !== null);
    assert.deepEqual(
      given?.map(({ path, code, text, unit }) => [path, code, text, unit]),
      [
        ["1.1.9", "PB_SET_MODE", "A/C", "1"],
        ["1.1.14", "PB_SET_TIDAL_VOLUME", "0.365", "L"],
        ["1.1.70", "MDC_AWAY_RESP_RATE", "14.0", "/min"],
        ["1.1.71", "MDC_VOL_AWAY_TIDAL", "0.378", "L"],
        ["1.1.72", "MDC_VOL_MINUTE_AWAY_EXP", "5.290", "L/min"],
        ["1.1.73", "PB_PRESSURE_PEAK", "24.0", "cm[H2O]"],
        ["1.1.76", "PB_IE", "1:5.00", "1"],
        ["1.1.87", "MDC_VENT_PRESS_AWAY_END_EXP_POS", "5.8", "cm[H2O]"],
      ],
    );
    assert.equal(given?.[0]?.deviceAt, Date.UTC(2011, 10, 22, 14, 51));
  });

  test("alarm states, limits and silence are not read", () => {
    const alarms = Object.fromEntries(
      Array.from({ length: 48 }, (_, place) => [106 + place, "ALARM"]),
    );
    const outputs = decode(fullReport({ 34: "40", 43: "800", 95: "ALERT", 105: "ON", ...alarms }));
    const text = JSON.stringify(outputs);
    assert.ok(!text.includes("ALARM") && !text.includes("ALERT") && !text.includes("800"));
  });

  test("blank is no value, OFF is a word, another text is invalid", () => {
    const [frame] = framesOf(decode(fullReport({ 56: "OFF", 73: "+++" })));
    const at = (field: number) => frame?.readings.find(({ path }) => path === `1.1.${field}`);
    assert.deepEqual([at(56)?.value, at(56)?.quality], ["OFF", ["valid"]]);
    assert.deepEqual([at(73)?.value, at(73)?.text, at(73)?.quality], [null, "", ["invalid"]]);
    assert.deepEqual([at(70)?.value, at(70)?.quality], [null, ["unavailable"]]);
    assert.deepEqual([textAt(frame, 106), textAt(frame, 34)], [undefined, undefined]);
  });

  test("the unit of expiratory sensitivity follows the spontaneous type", () => {
    const unit = (type: string): string | undefined =>
      framesOf(decode(fullReport({ 11: type, 59: "3" })))[0]?.readings.find(
        ({ path }) => path === "1.1.59",
      )?.unit;
    assert.deepEqual([unit("PA"), unit("PS")], ["L/min", "%"]);
  });

  test("both counts are checked, and every lost or doubled byte is noticed", () => {
    const good = fullReport(MONITORED);
    for (const declared of ["1224,169 ", "1228,169 ", "225,169 ", "1225,168 ", "1225,170 "]) {
      assert.deepEqual(faultsOf(decode(fullReport(MONITORED, declared))), ["framing"], declared);
    }
    for (let place = 0; place < good.length; place += 3) {
      const lost = Buffer.concat([good.subarray(0, place), good.subarray(place + 1)]);
      const doubled = Buffer.concat([good.subarray(0, place + 1), good.subarray(place)]);
      for (const bytes of [lost, doubled]) {
        const frames = framesOf(decode(Buffer.concat([good, bytes, good])));
        assert.ok(
          frames.every((frame) => textAt(frame, 70) === "14.0"),
          `at ${place}`,
        );
        assert.ok(frames.length >= 1);
      }
    }
  });

  test("a ventilator that counts otherwise is believed when it does so twice", () => {
    const other = fullReport(MONITORED, "1229,169 ");
    assert.equal(framesOf(decode(Buffer.concat([other, other, other]))).length, 2);
    assert.equal(framesOf(decode(Buffer.concat([other, fullReport(), other]))).length, 1);
  });

  test("STX and ETX may be counted, as manuals have it, and fields may lack their filling when the count is right", () => {
    for (const declared of ["1226,169 ", "1227,169 "]) {
      assert.equal(framesOf(decode(fullReport(MONITORED, declared))).length, 1, declared);
    }
    const whole = fullReport(MONITORED).toString("latin1");
    const fields = whole.slice(whole.indexOf("\x02") + 1, whole.indexOf("\x03")).split(",");
    const short = fields.map((field) => field.trim()).join(",");
    const reply = `MISCF,${short.length},169,\x02${short}\x03\r`;
    assert.equal(textAt(framesOf(decode(reply))[0], 70), "14.0");
    // A lost digit leaves a count that is one too high.
    assert.deepEqual(faultsOf(decode(reply.replace(",14.0,", ",1.0,"))), ["framing"]);
  });

  test("underscores, which manuals print for blanks, are filling", () => {
    const [frame] = framesOf(
      decode(fullReport({ ...MONITORED, 9: "A/C___", 70: "14.0__", 71: "______" })),
    );
    assert.deepEqual(
      [9, 70, 71].map((field) => textAt(frame, field)),
      ["A/C", "14.0", ""],
    );
  });

  test("counts may be padded or not, a comma may follow STX or not, blanks may stand around", () => {
    const good = fullReport(MONITORED).toString("latin1");
    for (const head of ["MISCF,1225,169,\x02", "MISCF, 1225, 169 \x02", "MISCF,1225,169,\x02"]) {
      assert.equal(framesOf(decode(good.replace("MISCF,1225,169 ,\x02", head))).length, 1, head);
    }
    assert.equal(framesOf(decode(good.replace("\r", "\r\n"))).length, 1);
  });

  test("the ventilator id counts when it came twice", () => {
    const outputs = decode(
      Buffer.concat([fullReport(), fullReport(), fullReport({ 6: "840 1" }), fullReport()]),
    );
    assert.deepEqual(
      outputs.filter(({ kind }) => kind === "identity"),
      [{ kind: "identity", serial: "3510053249" }],
    );
  });

  test("a clock that is none is no clock", () => {
    for (const [time, date] of [
      ["25:00", "NOV 22 2011"],
      ["14:51", "NOV 31 2011"],
      ["14:51", "XXX 22 2011"],
      ["", ""],
    ] as const) {
      const [frame] = framesOf(decode(fullReport({ 5: time, 7: date })));
      assert.equal(frame?.readings[0]?.deviceAt, null);
    }
  });
});

describe("Puritan Bennett 840, waveforms", () => {
  const breath = (number: number, ...samples: string[]): string =>
    [`BS, S:${number},`, ...samples, "BE", ""].join("\n");

  test("a breath is two waves of 50 samples a second, in hundredths", () => {
    const [frame] = framesOf(decode(breath(14_919, "6.14, 8.40", "-26.71, 15.53", "-0.00, -0.05")));
    assert.deepEqual(
      frame?.waves.map(({ code, unit, samples, scale, period, spanMs, gap }) => ({
        code,
        unit,
        samples,
        scale,
        period,
        spanMs,
        gap,
      })),
      [
        { code: "MDC_FLOW_AWAY", unit: "L/min", samples: [614, -2671, 0] },
        { code: "MDC_PRESS_AWAY", unit: "cm[H2O]", samples: [840, 1553, -5] },
      ].map((wave) => ({
        ...wave,
        scale: 0.01,
        period: { ms: 20, samples: 1 },
        spanMs: 60,
        gap: false,
      })),
    );
  });

  test("a breath with a line that is no sample is not used, and the next one has a gap", () => {
    const bad = ["6.1, 8.40", "6.14 8.40", "6.14, 8.405.77, 8.28", "x"];
    for (const line of bad) {
      const outputs = decode(
        breath(1, "6.14, 8.40") + breath(2, "6.14, 8.40", line) + breath(3, "6.14, 8.40"),
      );
      assert.deepEqual(
        framesOf(outputs).map(({ waves }) => waves[0]?.gap),
        [false, true],
        line,
      );
    }
    const outputs = decode(
      breath(1, "1.00, 1.00") + breath(3, "1.00, 1.00") + breath(4, "1.00, 1.00"),
    );
    assert.deepEqual(
      framesOf(outputs).map(({ waves }) => waves[0]?.gap),
      [false, true, false],
    );
  });

  test("a breath with a pause in it is not used: some of its samples are missing", () => {
    const decoder = driver.open({ port: "waves" }, "serial");
    const text = (lines: string): Buffer => Buffer.from(lines.replaceAll("\n", "\r"), "latin1");
    decoder.push(text("BS, S:1,\n1.00, 5.00\n"), 1000);
    assert.deepEqual(framesOf(decoder.push(text("2.00, 5.00\nBE\n"), 9000)), []);
    assert.equal(framesOf(decoder.push(text("BS, S:2,\n1.00, 5.00\nBE\n"), 9100)).length, 1);
  });

  test("who joins in the middle hears of a breath whose start was missed", () => {
    const outputs = decode(`6.14, 8.40\r5.77, 8.28\rBE\r${breath(8, "1.00, 1.00")}`);
    assert.deepEqual(outputs[0], {
      kind: "fault",
      fault: "truncated",
      bytes: 25,
      text: "samples of a breath whose start was missed",
    });
    assert.equal(framesOf(outputs).length, 1);
  });

  test("a breath that does not end is given out every minute", () => {
    const endless = `BS, S:1,\r${"1.00, 2.00\r".repeat(7000)}`;
    const frames = framesOf(decode(endless));
    assert.deepEqual(
      frames.map(({ waves }) => waves[0]?.samples.length),
      [3000, 3000],
    );
  });
});

describe("Puritan Bennett 840, what is said to it", () => {
  const said = (options: Record<string, string | number>, answers: boolean): string[] => {
    const decoder = driver.open(options, "serial");
    const questions: string[] = [];
    for (let at = 0; at < 20_000; at += 100) {
      for (const output of decoder.tick(at)) {
        assert.equal(output.kind, "ask");
        questions.push(
          `${at} ${Buffer.from(output.kind === "ask" ? output.bytes : []).toString()}`,
        );
        if (answers) {
          decoder.push(fullReport(), at + 50);
        }
      }
    }
    return questions;
  };

  test("it asks every five seconds, or as often as it is told, and never on a waveform port", () => {
    assert.deepEqual(said({}, true), ["0 SNDF\r", "5000 SNDF\r", "10000 SNDF\r", "15000 SNDF\r"]);
    assert.equal(said({ report: "short", interval: 2 }, true).length, 10);
    assert.ok(said({ report: "short" }, true).every((question) => question.endsWith("SNDA\r")));
    assert.deepEqual(said({ port: "waves" }, false), []);
  });

  test("an answer that does not come is asked for again after three seconds", () => {
    assert.equal(said({}, false)[1], "3000 SNDF\r");
  });

  test("a slow answer is waited for as long as bytes come", () => {
    const decoder = driver.open({}, "serial");
    decoder.tick(0);
    const report = fullReport();
    for (let at = 1000; at <= 11_000; at += 1000) {
      const from = ((at - 1000) / 1000) * 114;
      assert.deepEqual(decoder.tick(at), []);
      decoder.push(report.subarray(from, from + 114), at);
    }
    assert.equal(decoder.tick(11_100).length, 1);
  });

  test("nothing but the two questions can pass", () => {
    const [full, short] = driver.verbs;
    assert.ok(full?.matches(Buffer.from("SNDF\r")) && short?.matches(Buffer.from("SNDA\r")));
    const refused = [
      "RSET\r",
      "SNDF",
      "SNDA",
      "SNDF\rRSET\r",
      "sndf\r",
      " SNDF\r",
      "SNDF\n",
      "SNDF\r\n",
      "SNDX\r",
      "\r",
      "SNDE\r",
    ];
    for (const text of refused) {
      assert.ok(
        driver.verbs.every((verb) => !verb.matches(Buffer.from(text))),
        text,
      );
    }
    assert.ok(!full?.matches(Buffer.from("SNDA\r")) && !short?.matches(Buffer.from("SNDF\r")));
  });
});
