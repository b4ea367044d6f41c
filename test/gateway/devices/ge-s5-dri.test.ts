import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Measured, Output } from "../../../gateway/devices/device.ts";
import { driver } from "../../../gateway/devices/ge-s5-dri/driver.ts";
import { encodeFrame } from "../../../gateway/devices/ge-s5-dri/dri-frames.ts";
import {
  encodeValuesRequest,
  encodeWavesRequest,
} from "../../../gateway/devices/ge-s5-dri/dri-requests.ts";
import { decodeWhole, framesOf } from "./captures.ts";

/** Appendix A of the specification of the S/5 Computer Interface, and a request that the maker of another program sends. */
const ZEROS = (count: number): string => "00".repeat(count);
const HEAD = `${ZEROS(20)}ff${ZEROS(18)}`;
const DISPLAYED_10S = `7e31${HEAD}010a000e0000000000497e`;
const DISPLAYED_5S_LEVEL_11 = `7e3100000b${ZEROS(17)}ff${ZEROS(18)}0105000e00000000004f7e`;
const DISPLAYED_STOP = `7e31${HEAD}0100000000000000 00317e`.replace(" ", "");
const TREND_60S = `7e31${HEAD}033c000e00000000007d5d7e`;
const TREND_STOP = `7e31${HEAD}030000000000000000337e`;
const WAVE_HEAD = `${ZEROS(13)}01${ZEROS(6)}ff${ZEROS(18)}`;
const WAVE_ECG1 = `7e48${WAVE_HEAD}0000000001ff${ZEROS(26)}487e`;
const WAVE_STOP = `7e48${WAVE_HEAD}01000000ff${ZEROS(27)}487e`;

const SECONDS = 1_795_000_000;

/** A record written byte by byte after the specification, apart from the simulator. */
function record(mainType: number, subrecords: readonly { type: number; bytes: Buffer }[]): Buffer {
  const header = Buffer.alloc(40);
  const data = Buffer.concat(subrecords.map(({ bytes }) => bytes));
  header.writeInt16LE(40 + data.length, 0);
  header.writeUInt8(11, 3);
  header.writeUInt32LE(SECONDS, 6);
  header.writeInt16LE(mainType, 14);
  let offset = 0;
  subrecords.forEach(({ type, bytes }, place) => {
    header.writeInt16LE(offset, 16 + 3 * place);
    header.writeUInt8(type, 18 + 3 * place);
    offset += bytes.length;
  });
  header.writeUInt8(0xff, 18 + 3 * subrecords.length);
  return Buffer.concat([header, data]);
}

function frame(bytes: Buffer): Buffer {
  const sum = bytes.reduce((total, byte) => total + byte, 0) & 0xff;
  const body = Buffer.concat([bytes, Buffer.of(sum)]).toString("latin1");
  const escaped = body.replaceAll("}", "}]").replaceAll("~", "}^");
  return Buffer.from(`~${escaped}~`, "latin1");
}

/** A class in which everything is invalid and every group's module is missing, but for what is written at these offsets. */
function classBytes(which: number, words: Readonly<Record<number, number>>): Buffer {
  const bytes = Buffer.alloc(278);
  for (let at = 4; at < 274; at += 2) {
    bytes.writeInt16LE(-32767, at);
  }
  // Status words of -32767 would say that a module exists: bit 0 is set in it.
  for (const header of HEADERS[which] ?? []) {
    bytes.writeUInt32LE(0, 4 + header);
    bytes.writeUInt16LE(0, 8 + header);
  }
  bytes.writeUInt32LE(SECONDS - 3, 0);
  bytes.writeUInt16LE(which << 8, 276);
  for (const [at, word] of Object.entries(words)) {
    bytes.writeInt16LE(word, 4 + Number(at));
  }
  return bytes;
}

/** Sizes of the groups as the structures of chapter 3 add up, and with them where their headers are. */
const SIZES: readonly (readonly number[])[] = [
  [16, 14, 14, 14, 14, 14, 8, 8, 8, 8, 14, 14, 10, 10, 12, 22, 14, 12, 6, 8, 14, 14],
  [48, 30, 14, 14, 14, 8, 8],
  [24, 72, 16, 28 + 58, 32, 16],
  [14, 46, 10, 22, 24, 10, 8, 8, 54],
];
const STARTS = SIZES.map((sizes) =>
  sizes.map((_size, place) => sizes.slice(0, place).reduce((sum, size) => sum + size, 0)),
);
const HEADERS = STARTS.map((starts, which) =>
  starts.filter((_start, place) => which !== 0 || place !== 18),
);

function readings(...frames: readonly Buffer[]): Measured[] {
  return framesOf(decode(...frames)).flatMap((found) => found.readings);
}

function decode(...frames: readonly Buffer[]): Output[] {
  return decodeWhole(driver, Buffer.concat(frames), { options: {} });
}

function displayed(which: number, words: Readonly<Record<number, number>>): Buffer {
  return frame(record(0, [{ type: 1, bytes: classBytes(which, words) }]));
}

function read(which: number, words: Readonly<Record<number, number>>): string[] {
  return readings(displayed(which, words)).map(({ code, text, unit }) => `${code} ${text} ${unit}`);
}

function wave(samples: readonly number[], status = 0, count = samples.length): Buffer {
  const bytes = Buffer.alloc(6 + 2 * samples.length);
  bytes.writeInt16LE(count, 0);
  bytes.writeUInt16LE(status, 2);
  samples.forEach((sample, place) => bytes.writeInt16LE(sample, 6 + 2 * place));
  return bytes;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

describe("GE S/5 DRI: requests", () => {
  test("they are the specification's own, byte for byte", () => {
    assert.equal(hex(encodeValuesRequest(10, 0)), DISPLAYED_10S);
    assert.equal(hex(encodeValuesRequest(5, 11)), DISPLAYED_5S_LEVEL_11);
    assert.equal(hex(encodeWavesRequest([1], 0)), WAVE_ECG1);
  });

  test("a checksum with the value of the escape is escaped", () => {
    const plain = Buffer.from(TREND_60S, "hex").subarray(1, 50);
    assert.equal(hex(encodeFrame(plain)), TREND_60S);
  });

  test("verbs take requests to start, and nothing else", () => {
    const taken = (bytes: Uint8Array): string[] =>
      driver.verbs.filter((verb) => verb.matches(bytes)).map(({ verb }) => verb);
    for (const [seconds, level] of [
      [5, 0],
      [20, 11],
      [10, 7],
    ] as const) {
      assert.deepEqual(taken(encodeValuesRequest(seconds, level)), ["start-values"]);
    }
    assert.deepEqual(taken(encodeWavesRequest([1, 8, 9, 15], 11)), ["start-waves"]);
    assert.deepEqual(taken(encodeWavesRequest([4, 5, 6, 7, 8, 9, 13, 14], 0)), ["start-waves"]);
    const refused = [
      DISPLAYED_STOP,
      TREND_60S,
      TREND_STOP,
      WAVE_STOP,
      DISPLAYED_10S + DISPLAYED_10S,
      DISPLAYED_10S.slice(2),
      DISPLAYED_10S.replace("497e", "4a7e"),
      hex(encodeValuesRequest(4, 0)),
      hex(encodeValuesRequest(21, 0)),
      hex(encodeValuesRequest(-1, 0)),
      hex(encodeWavesRequest([], 0)),
      hex(encodeWavesRequest([22], 0)),
      hex(frame(record(4, [{ type: 0, bytes: Buffer.from("020000000000000000000000", "hex") }]))),
      hex(frame(record(0, [{ type: 1, bytes: Buffer.alloc(9) }]))),
    ];
    for (const bytes of refused) {
      assert.deepEqual(taken(Buffer.from(bytes, "hex")), [], bytes);
    }
  });

  test("they are sent once while the monitor answers, and again with other levels while it does not", () => {
    const sent = (answer: boolean): string[] => {
      const decoder = driver.open({ interval: 5, waves: "monitoring" }, "serial");
      const asked: string[] = [];
      for (let at = 0; at < 45_000; at += 100) {
        const asks = decoder.tick(at).flatMap((output) => (output.kind === "ask" ? [output] : []));
        asked.push(...asks.map(({ verb, bytes }) => `${verb} ${bytes[4]}`));
        if (answer && at % 5000 === 1000) {
          decoder.push(displayed(0, { 6: 60 }), at);
        }
        if (answer && at % 1000 === 500 && at > 2000 && at < 30_000) {
          decoder.push(frame(record(1, [{ type: 8, bytes: wave([1, 2]) }])), at);
        }
      }
      return asked;
    };
    const levels = [0, 11, 10, 9, 8].map((level) => `start-values ${level}`);
    assert.deepEqual(sent(false), levels);
    const waves = ["start-waves 0", "start-waves 0", "start-waves 0", "start-waves 0"];
    assert.deepEqual(sent(true), ["start-values 0", ...waves], "waves stop at 30 s");
  });
});

describe("GE S/5 DRI: values", () => {
  test("each group is where the structures of the specification put it", () => {
    const [basic, ext1, ext2, ext3] = STARTS as [number[], number[], number[], number[]];
    assert.deepEqual(
      SIZES.map((sizes) => sizes.reduce((sum, size) => sum + size, 0)),
      [268, 136, 246, 196],
    );
    assert.deepEqual(read(0, { [basic[10]! + 6]: 9750, [basic[10]! + 8]: 72 }), [
      "MDC_PULS_OXIM_SAT_O2 97.50 %",
      "MDC_PULS_OXIM_PULS_RATE 72 /min",
    ]);
    assert.deepEqual(read(0, { [basic[5]! + 6]: 12_000, [basic[5]! + 12]: 65 }), [
      "MDC_PRESS_BLD_NONINV_SYS 120.00 mm[Hg]",
      "MDC_PULS_RATE_NON_INV 65 /min",
    ]);
    assert.deepEqual(read(0, { [basic[15]! + 10]: 512, [basic[15]! + 16]: 4805 }), [
      "MDC_VENT_PRESS_AWAY_END_EXP_POS 5.12 cm[H2O]",
      "GE_TV_EXP 480.5 mL",
    ]);
    assert.deepEqual(read(0, { [basic[18]!]: 61, [basic[21]! + 10]: 1234 }), [
      "GE_HR_ECG 61 /min",
      "MDC_PRESS_BLD_MEAN 12.34 mm[Hg]",
    ]);
    assert.deepEqual(read(1, { [ext1[1]! + 28]: -15, [ext1[6]! + 6]: 3702 }), [
      "MDC_ECG_AMPL_ST_V6 -0.15 mm",
      "MDC_TEMP 37.02 Cel",
    ]);
    assert.deepEqual(read(2, { [ext2[2]! + 6]: 45, [ext2[3]! + 8]: 50, [ext2[5]! + 6]: 33 }), [
      "MDC_EEG_BISPECTRAL_INDEX 45 1",
      "GE_ENTROPY_RESPONSE 50 1",
      "GE_SPI 33 1",
    ]);
    assert.deepEqual(read(3, { [ext3[0]! + 12]: 857, [ext3[8]! + 52]: 2150 }), [
      "GE_RQ 0.857 1",
      "GE_PICCO_TINJ 21.50 Cel",
    ]);
  });

  test("the end-tidal pressure of CO2 is only made of two valid factors", () => {
    const [et, ambient] = [132 + 6, 132 + 12];
    const derived = (words: Readonly<Record<number, number>>): string[] =>
      read(0, words).filter((text) => text.includes("DERIVED"));
    assert.deepEqual(derived({ [et]: 512, [ambient]: 7602 }), [
      "GE_CO2_ET_PRESS_DERIVED 38.92224 mm[Hg]",
    ]);
    // The product of two "invalid" words is a large positive number: a peer shows it as a pressure.
    assert.ok(-32_767 * -32_767 * 1e-5 > 0);
    for (const special of [-32_767, -32_766, -32_764, -32_763, -32_762, -32_001]) {
      assert.deepEqual(derived({ [et]: special, [ambient]: special, 132: 3 }), []);
      assert.deepEqual(derived({ [et]: special, [ambient]: 7602 }), []);
      assert.deepEqual(derived({ [et]: 512, [ambient]: special }), []);
    }
  });

  test("special words are no values, and -32000 is the lowest that is one", () => {
    const words = { 0: 3, 6: -32_000, 8: -32_001, 10: -32_767, 12: -32_763, 14: -32_766 };
    const [rate, first, second, third, breaths] = readings(displayed(0, words));
    assert.deepEqual([rate?.value, rate?.text], [-32_000, "-32000"]);
    const qualities = [first, second, third, breaths].map((reading) => [
      reading?.value,
      reading?.text,
      ...(reading?.quality ?? []),
    ]);
    assert.deepEqual(qualities, [
      [null, "", "unavailable"],
      [null, "", "unavailable"],
      [null, "", "invalid"],
      [null, "", "unavailable"],
    ]);
  });

  test("a module that is not there says nothing, one that is there says that it has no value", () => {
    assert.deepEqual(read(0, {}), []);
    assert.deepEqual(read(0, { 118: 1 }), [
      "MDC_PULS_OXIM_SAT_O2  %",
      "MDC_PULS_OXIM_PULS_RATE  /min",
      "GE_PLETH_AMPLITUDE  %",
    ]);
  });

  test("what a monitor keeps free, all zeros, is no module and no measurement of 0", () => {
    const free = (which: number, words: Readonly<Record<number, number>>): string[] => {
      const bytes = Buffer.alloc(278);
      bytes.writeUInt16LE(which << 8, 276);
      for (const [at, word] of Object.entries(words)) {
        bytes.writeInt16LE(word, 4 + Number(at));
      }
      const found = readings(frame(record(0, [{ type: 1, bytes }])));
      return found.map(({ code, text }) => `${code} ${text}`);
    };
    assert.deepEqual(
      [0, 1, 2, 3].flatMap((which) => free(which, {})),
      [],
    );
    // ECG is there, its extra group has no header of its own.
    const [hr, status] = [6, 0];
    assert.deepEqual(free(0, { [status]: 3, [hr]: 60 }), [
      "GE_HR 60",
      "GE_ST_1 0.00",
      "GE_ST_2 0.00",
      "GE_ST_3 0.00",
      "MDC_TTHOR_RESP_RATE 0",
    ]);
    // Apnea: the module is there.
    const co2 = STARTS[0]![11]!;
    assert.ok(free(0, { [co2]: 3, [co2 + 12]: 7600 }).includes("GE_CO2_ET_PRESS_DERIVED 0.00000"));
  });

  test("a subrecord that ends with its class is the basic one", () => {
    const bytes = classBytes(0, { 6: 60 }).subarray(0, 274);
    const [rate] = readings(frame(record(0, [{ type: 1, bytes }])));
    assert.deepEqual([rate?.code, rate?.value], ["GE_HR", 60]);
  });

  test("the clock of the monitor goes with displayed values, that of the trend with trends", () => {
    const [now] = readings(displayed(0, { 6: 60 }));
    assert.equal(now?.deviceAt, SECONDS * 1000);
    const bytes = classBytes(0, { 6: 60 });
    const [trend] = readings(frame(record(0, [{ type: 3, bytes }])));
    assert.equal(trend?.deviceAt, (SECONDS - 3) * 1000);
    assert.notEqual(trend?.path, now?.path);
  });

  test("a record may hold four classes, and escapes anywhere", () => {
    const classes = [0, 1, 2, 3].map((which) => ({
      type: 1,
      bytes: classBytes(which, { 6: 0x7d7e, 8: 0x7e7d }),
    }));
    const [found] = framesOf(decode(frame(record(0, classes))));
    assert.deepEqual(
      found?.readings.map(({ path, value }) => [path.split(".")[1], value]).slice(0, 2),
      [
        ["1", 0x7d7e],
        ["1", 323.81],
      ],
    );
    assert.equal(new Set(found?.readings.map(({ path }) => path.split(".")[1])).size, 4);
  });

  test("flags may be shared by two records, doubled, and come before the first", () => {
    const one = displayed(0, { 6: 60 });
    const shared = Buffer.concat([Buffer.from("~~~"), one, one.subarray(1), Buffer.from("~"), one]);
    assert.equal(framesOf(decode(shared)).length, 3);
    assert.deepEqual(
      decode(shared).filter(({ kind }) => kind === "fault"),
      [],
    );
  });

  test("a record that a monitor begins anew counts once, also with zeros before it", () => {
    const good = displayed(0, { 6: 60 });
    const begun = good.subarray(0, 200);
    const zeros = Buffer.concat([good.subarray(0, 1), Buffer.alloc(2), good.subarray(1)]);
    const outputs = decode(begun, good, begun, begun.subarray(0, 3), zeros);
    assert.deepEqual(
      framesOf(outputs).map((found) => found.readings[0]?.value),
      [60, 60],
    );
    const flood = Buffer.concat([Buffer.from([0x7e]), Buffer.alloc(5000), good]);
    assert.equal(framesOf(decode(flood)).length, 1);
    assert.ok(decode(flood).filter(({ kind }) => kind === "fault").length >= 2);
  });

  test("zeros between flags are no record", () => {
    for (const zeros of [1, 2, 3, 50]) {
      const bytes = Buffer.concat([Buffer.from([0x7e]), Buffer.alloc(zeros), Buffer.from([0x7e])]);
      const [fault] = decode(bytes);
      assert.equal(fault?.kind, "fault", `${zeros}`);
    }
  });

  test("a record of another length than it says is no record, whatever its checksum", () => {
    const bytes = record(0, [{ type: 1, bytes: classBytes(0, { 6: 60 }) }]);
    assert.deepEqual(readings(frame(Buffer.concat([bytes, Buffer.of(0)]))), []);
    assert.deepEqual(readings(frame(bytes.subarray(0, -1))), []);
  });

  test("alarms, requests and records of the network are passed over", () => {
    assert.deepEqual(decode(frame(record(4, [{ type: 1, bytes: Buffer.alloc(60) }]))), []);
    assert.deepEqual(decode(frame(record(5, [{ type: 2, bytes: Buffer.alloc(60) }]))), []);
    assert.deepEqual(decode(Buffer.from(DISPLAYED_10S, "hex"), Buffer.from(WAVE_ECG1, "hex")), []);
  });
});

describe("GE S/5 DRI: waveforms", () => {
  const waves = (...frames: readonly Buffer[]) =>
    framesOf(decode(...frames)).flatMap((found) => found.waves);
  const pleth = (bytes: Buffer): Buffer => frame(record(1, [{ type: 8, bytes }]));

  test("samples, their period, scale and span are the specification's", () => {
    const samples = Array.from({ length: 50 }, (_, place) => 10 * place - 100);
    const [found] = waves(pleth(wave(samples)));
    assert.deepEqual(found?.samples, samples);
    assert.deepEqual(
      [found?.period, found?.scale, found?.unit, found?.spanMs],
      [{ ms: 1000, samples: 100 }, 0.01, "%", 500],
    );
    const [ecg] = waves(frame(record(1, [{ type: 1, bytes: wave([1, 2, 3]) }])));
    assert.deepEqual([ecg?.period.samples, ecg?.scale, ecg?.unit], [300, 1, "uV"]);
  });

  test("control words are no samples, and a lead that is off has none", () => {
    assert.deepEqual(waves(pleth(wave([5, -32_000, -31_999])))[0]?.samples, [5, null, -31_999]);
    const [off] = waves(pleth(wave([5, 6], 0x08)));
    assert.deepEqual([off?.samples, off?.quality], [[null, null], ["unavailable"]]);
  });

  test("a gap is what the monitor says, or bytes that were lost since the last block", () => {
    const whole = pleth(wave([1, 2, 3]));
    const gaps = (...frames: readonly Buffer[]): boolean[] =>
      waves(...frames).map(({ gap }) => gap);
    assert.deepEqual(gaps(whole, whole), [false, false]);
    assert.deepEqual(gaps(pleth(wave([1], 0x01)), whole), [true, false]);
    assert.deepEqual(gaps(whole, whole.subarray(0, 20), whole, whole), [false, true, false]);
    assert.deepEqual(
      gaps(whole.subarray(9), whole, whole),
      [false, false],
      "nothing was given before",
    );
  });

  test("a block that is shorter than it says is given up, and unknown types are passed over", () => {
    assert.deepEqual(waves(pleth(wave([1, 2], 0, 3))), []);
    assert.deepEqual(waves(pleth(wave([1, 2], 0, -1))), []);
    assert.deepEqual(waves(frame(record(1, [{ type: 22, bytes: wave([1, 2]) }]))), []);
    assert.deepEqual(waves(pleth(wave([]))), []);
  });
});
