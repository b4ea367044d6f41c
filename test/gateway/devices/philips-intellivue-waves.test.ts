import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Frame, Output } from "../../../gateway/devices/device.ts";
import {
  attribute,
  createEvent,
  decode,
  framesOf,
  list,
  object,
  plain,
  pollResult,
  word,
} from "./intellivue-text.ts";

describe("IntelliVue waves", () => {
  /* The ECG of the only public recording: 250 Hz, 14 of 16 bits, 0.005 mV, pacer and defibrillator marks. */
  const ECG = [
    attribute("096d", "0040 10 0e 3000"),
    attribute("098d", "00000020"),
    attribute("0996", "10b2"),
    attribute("096f", "fefff000 fd009ffb 0000 3fff"),
    attribute("0a16", "0003 000c 0004 8008 0003 4001 0002 8004"),
  ];
  const block = (samples: string, physio = "0102", state = "0000"): string =>
    `${physio}${state}${word(plain(samples).length / 2)}${samples}`;
  const wavesOf = (outputs: readonly Output[]): Frame["waves"] =>
    framesOf(outputs).flatMap(({ waves }) => waves);
  const wave = (relativeTime: number, attributes: readonly string[], handle = 0x02_ca): string =>
    pollResult({
      objectClass: 9,
      relativeTime,
      isExtended: true,
      objects: [object(handle, attributes)],
    });

  test("scale, period and masks of a real ECG, of a compound of two", () => {
    const compound = attribute(
      "0967",
      list([block("2000 a00c 1fff"), block("201f 3fff 0000", "0143")]),
    );
    const [lead2, leadV] = wavesOf(decode([wave(8000, [...ECG, compound])]));
    assert.deepEqual(lead2, {
      code: "MDC_ECG_ELEC_POTL_II",
      mdc: 131_330,
      unit: "mV",
      period: { ms: 4, samples: 1 },
      scale: 0.005,
      offset: -40.96,
      samples: [8192, 8204, 8191],
      gap: false,
      quality: ["valid"],
      path: "1.1.0.714.1",
      spanMs: 12,
    });
    assert.deepEqual([leadV?.code, leadV?.path], ["MDC_ECG_ELEC_POTL_V", "1.1.0.714.2"]);
  });

  test("nothing is made of samples before all of what explains them is known", () => {
    const values = attribute("096e", block("2000 2001"));
    for (let missing = 0; missing < 4; missing += 1) {
      const known = ECG.filter((_, place) => place !== missing);
      assert.deepEqual(wavesOf(decode([wave(8000, [...known, values])])), [], `without ${missing}`);
    }
    const explained = decode([wave(8000, [values]), wave(8064, [values, ...ECG])]);
    assert.equal(wavesOf(explained).length, 1);
  });

  test("after a new association the samples must be explained anew, and the break is a gap", () => {
    const values = attribute("096e", block("2000 2001 2002 2003"));
    const waves = wavesOf(
      decode([
        wave(8000, [...ECG, values]),
        createEvent(800, "2026112310320700"),
        wave(1600, [values]),
        wave(1728, [...ECG, values]),
      ]),
    );
    assert.deepEqual(
      waves.map(({ gap }) => gap),
      [false, true],
    );
  });

  test("a lost block is a gap, the same block again is none, the overflow of the clock is neither", () => {
    const values = attribute("096e", block("2000 2001 2002 2003"));
    const starts = [0xff_ff_ff_80, 0, 0, 0x80, 0x1_80, 0x2_00, 0x10];
    const outputs = decode(
      starts.map((start, at) => wave(start, at === 0 ? [...ECG, values] : [values])),
    );
    assert.deepEqual(
      wavesOf(outputs).map(({ gap }) => gap),
      [false, false, false, true, false, true],
    );
  });

  test("62.5 Hz is an exact ratio; 500 Hz too; odd periods stay ratios", () => {
    const periods = ["00000080", "00000010", "0000000c"].map((ticks, at) => {
      const known = ECG.map((one) => (one.startsWith("098d") ? attribute("098d", ticks) : one));
      return wavesOf(decode([wave(0, [...known, attribute("096e", block("0001"))], at + 1)]))[0]
        ?.period;
    });
    assert.deepEqual(periods, [
      { ms: 16, samples: 1 },
      { ms: 2, samples: 1 },
      { ms: 3, samples: 2 },
    ]);
  });

  test("no absolute scale: raw samples; marked samples and invalid waves: no samples", () => {
    const pleth = [
      attribute("096d", "0020 10 0c 8000"),
      attribute("098d", "00000040"),
      attribute("0996", "0200"),
      attribute("096f", "007fffff 007fffff 0000 0fff"),
      attribute("0a16", "0001 0004 0001 8000"),
    ];
    const [raw, invalid] = wavesOf(
      decode([
        wave(0, [...pleth, attribute("096e", block("0800 8801 0802", "4bb4"))]),
        wave(192, [attribute("096e", block("0800 0801", "4bb4", "a000"))]),
      ]),
    );
    assert.deepEqual([raw?.scale, raw?.offset, raw?.unit], [1, 0, "1"]);
    assert.deepEqual(raw?.samples, [2048, null, 2050]);
    assert.deepEqual(invalid?.samples, [null, null]);
    assert.deepEqual(invalid?.quality, ["invalid", "unavailable"]);
  });

  test("samples of one byte, and signed ones", () => {
    const coded = (specification: string, samples: string): unknown =>
      wavesOf(
        decode([
          wave(0, [
            ...ECG.map((one) => (one.startsWith("096d") ? attribute("096d", specification) : one)),
            attribute("096e", block(samples)),
          ]),
        ]),
      )[0]?.samples;
    assert.deepEqual(coded("0004 08 08 0000", "00 7f 80 ff"), [0, 127, 128, 255]);
    assert.deepEqual(coded("0004 10 ff 0000", "0001 7fff 8000 ffff"), [1, 32_767, -32_768, -1]);
    assert.equal(coded("0004 20 20 0000", "00000001"), undefined);
  });
});
