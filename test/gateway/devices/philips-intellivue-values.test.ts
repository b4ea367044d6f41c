import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { floatText, readFloat } from "../../../gateway/devices/philips-intellivue/float-type.ts";
import { unitOf } from "../../../gateway/devices/philips-intellivue/units.ts";
import {
  attribute,
  createEvent,
  decode,
  framesOf,
  list,
  numeric,
  object,
  pollResult,
  readingsOf,
  value,
  valuesOf,
} from "./intellivue-text.ts";

describe("IntelliVue values", () => {
  test("FLOAT keeps every digit and makes up none", () => {
    const texts: readonly (readonly [number, string])[] = [
      [0xfd_00_7d_00, "32.000"],
      [0xff_00_01_40, "32.0"],
      [0x01_00_01_40, "3200"],
      [0x02_00_00_20, "3200"],
      [0xff_00_01_72, "37.0"],
      [0xfe_00_0e_56, "36.70"],
      [0x00_00_00_48, "72"],
      [0x02_00_00_0c, "1200"],
      [0xff_ff_ff_fb, "-0.5"],
      [0xfe_ff_f0_00, "-40.96"],
      [0xfd_00_9f_fb, "40.955"],
      [0xfc_00_00_01, "0.0001"],
      [0x00_00_00_00, "0"],
      [0xff_00_00_00, "0.0"],
      [0x03_00_00_00, "0"],
      [0x00_7f_ff_fd, "8388605"],
    ];
    for (const [word, text] of texts) {
      const float = readFloat(word);
      assert.equal(float.kind === "number" && floatText(float.mantissa, float.exponent), text);
    }
    for (const [word, kind] of [
      [0x00_7f_ff_ff, "none"],
      [0xfe_80_00_00, "none"],
      [0x00_80_00_01, "none"],
      [0x00_7f_ff_fe, "infinite"],
      [0x00_80_00_02, "infinite"],
    ] as const) {
      assert.deepEqual(readFloat(word), { kind });
    }
  });

  test("every state bit has its quality; 8000 and 2000 mean no value, whatever the number says", () => {
    const qualities: readonly (readonly [number, readonly string[], boolean])[] = [
      [0x00_00, ["valid"], true],
      [0x80_00, ["invalid"], false],
      [0x20_00, ["unavailable"], false],
      [0x80_01, ["invalid", "alarm-inhibited"], false],
      [0x40_00, ["questionable"], true],
      [0x10_00, ["calibrating"], true],
      [0x08_00, ["test"], true],
      [0x04_00, ["demo"], true],
      [0x00_80, ["validated"], true],
      [0x00_40, ["early"], true],
      [0x00_20, ["ongoing"], true],
      [0x00_02, ["in-alarm"], true],
      [0x00_01, ["alarm-inhibited"], true],
      [0x01_00, ["questionable"], true],
      [0x00_04, ["valid"], true],
    ];
    for (const [state, quality, isValue] of qualities) {
      const [reading] = readingsOf([numeric(1, value(0x41_82, state, 0x0a_a0, "00000048"))]);
      assert.deepEqual(reading?.quality, quality, state.toString(16));
      assert.equal(reading?.value, isValue ? 72 : null);
      assert.equal(reading?.text, isValue ? "72" : "");
    }
  });

  test("NaN without a state bit is unavailable, infinity is invalid, never 0", () => {
    const floats = ["007fffff", "00800000", "007ffffe", "00800002"];
    const readings = readingsOf(
      floats.map((float, at) => numeric(at, value(0x41_82, 2, 0x0a_a0, float))),
    );
    assert.deepEqual(
      readings.map(({ value: number, text, quality }) => [number, text, quality]),
      [
        [null, "", ["unavailable", "in-alarm"]],
        [null, "", ["unavailable", "in-alarm"]],
        [null, "", ["invalid", "in-alarm"]],
        [null, "", ["invalid", "in-alarm"]],
      ],
    );
  });

  test("codes: verified terms, names of the guide, numbers; Philips' own range is never IEEE's", () => {
    const physios = [0x4b_b8, 0x41_82, 0x48_22, 0x4a_14, 0xf0_4e, 0xf7_77];
    const readings = readingsOf(
      physios.map((physio, at) => numeric(at, value(physio, 0, 0x02_00, "00000001"))),
    );
    assert.deepEqual(
      readings.map(({ code, mdc }) => [code, mdc]),
      [
        ["MDC_PULS_OXIM_SAT_O2", 150_456],
        ["MDC_ECG_HEART_RATE", 147_842],
        ["MDC_PLETH_PULS_RATE", 149_538],
        ["PHILIPS_PRESS_BLD_ART_ABP", null],
        ["PHILIPS_EEG_BISPECTRAL_INDEX", null],
        ["PHILIPS_PHYSIO_63351", null],
      ],
    );
  });

  test("units: with and without prefix, and a code nobody knows", () => {
    const units: readonly (readonly [number, string])[] = [
      [0x0a_a0, "/min"],
      [0x0f_20, "mm[Hg]"],
      [0x0f_03, "kPa"],
      [0x17_a0, "Cel"],
      [0x02_20, "%"],
      [0x02_00, "1"],
      [0x05_12, "mm"],
      [0x10_b2, "mV"],
      [0x0c_12, "mL/min"],
      [0x17_20, "cm[H2O].s/L"],
      [0x15_72, "m[iU]"],
      [0xf0_0a, "mL/s"],
      [0x02_a0, "{unit-672}"],
      [0xff_f0, "{unit-65520}"],
    ];
    for (const [code, unit] of units) {
      assert.equal(unitOf(code), unit);
    }
  });

  test("a compound has a path for each value; a setting is no measurement of the same number", () => {
    const compound = attribute(
      "094b",
      list([0x4a_05, 0x4a_06, 0x4a_07].map((physio) => value(physio, 0, 0x0f_20, "00000078"))),
    );
    const setting = attribute("093f", "00002000 0004 4228 0000 0000");
    const readings = readingsOf([
      object(0x82_72, [compound]),
      object(7, [setting, attribute("0950", value(0x4b_48, 0, 0x17_a0, "ff000172"))]),
      object(8, [
        attribute("0940", "8000"),
        attribute("0950", value(0x41_82, 0, 0x0a_a0, "00000048")),
      ]),
    ]);
    assert.deepEqual(
      readings.map(({ code, path, text, quality }) => [code, path, text, quality]),
      [
        ["MDC_PRESS_BLD_NONINV_SYS", "1.1.0.33394.1", "120", ["valid"]],
        ["MDC_PRESS_BLD_NONINV_DIA", "1.1.0.33394.2", "120", ["valid"]],
        ["MDC_PRESS_BLD_NONINV_MEAN", "1.1.0.33394.3", "120", ["valid"]],
        ["PHILIPS_SETTING_TEMP", "1.1.0.7", "37.0", ["valid"]],
        ["MDC_ECG_HEART_RATE", "1.1.0.8", "", ["unavailable"]],
      ],
    );
  });

  test("labels come once and again when they change, without fill", () => {
    const label = (text: string): string => {
      const codes = Buffer.from(`${text.padEnd(6)}\0`, "utf16le")
        .swap16()
        .toString("hex");
      return object(0x84_00, [attribute("0927", `000e${codes}`)]);
    };
    const outputs = decode(
      ["SpO₂", "SpO₂", "SpO₂ l"].map((text) => pollResult({ objects: [label(text)] })),
    );
    assert.deepEqual(
      framesOf(outputs).flatMap(({ readings }) =>
        readings.map(({ code, value: word }) => [code, word]),
      ),
      [
        ["PHILIPS_LABEL", "SpO₂"],
        ["PHILIPS_LABEL", "SpO₂ l"],
      ],
    );
  });

  test("alerts and patient demographics are passed over", () => {
    const name = attribute("095c", "0006 0044 006f 0065");
    const outputs = decode(
      [0x36, 0x2a, 0x05].map((objectClass) =>
        pollResult({ objectClass, objects: [object(1, [name])] }),
      ),
    );
    assert.deepEqual(outputs, []);
  });
});

describe("IntelliVue time", () => {
  const AT = Date.UTC(2026, 10, 23, 10, 32, 7);
  const heartRate = numeric(1, value(0x41_82, 0, 0x0a_a0, "00000048"));

  test("time of day follows from the MDS, before and after it and across the overflow", () => {
    const times = (ticks: readonly number[]): (number | null | undefined)[] =>
      framesOf(
        decode([
          createEvent(0xff_ff_ff_00, "2026112310320700"),
          ...ticks.map((relativeTime) => pollResult({ relativeTime, objects: [heartRate] })),
        ]),
      ).map(({ readings }) => readings[0]?.deviceAt);
    assert.deepEqual(times([0xff_ff_ff_00, 0x00_00_1e_40, 0xff_ff_df_c0]), [
      AT,
      AT + 1000,
      AT - 1000,
    ]);
  });

  test("an unset clock gives none; a result's own time and a value's own time go first", () => {
    const unset = decode([
      createEvent(800, "ffffffffffffffff"),
      pollResult({ objects: [heartRate] }),
    ]);
    assert.equal(framesOf(unset)[0]?.readings[0]?.deviceAt, null);
    const own = decode([
      createEvent(800, "2026112310320700"),
      pollResult({ absoluteTime: "2026112310320800", objects: [heartRate] }),
      pollResult({
        objects: [object(1, [attribute("0990", "2026112310300000"), ...valuesOf("0048")])],
      }),
      pollResult({ objects: [object(1, [attribute("0991", "00000320"), ...valuesOf("0048")])] }),
      pollResult({
        objects: [object(1, [attribute("0990", "2026133210300000"), ...valuesOf("0048")])],
      }),
    ]);
    assert.deepEqual(
      framesOf(own).map(({ readings }) => readings[0]?.deviceAt),
      [AT + 1000, AT - 127_000, AT, AT + 900],
    );
  });

  test("a monitor in demonstration mode says so with every value", () => {
    const event = createEvent(800, "2026112310320700", attribute("0946", "2000"));
    const outputs = decode([event, pollResult({ objects: [heartRate] })]);
    assert.deepEqual(framesOf(outputs)[0]?.readings[0]?.quality, ["demo"]);
    const next = decode([
      event,
      createEvent(800, "ffffffffffffffff"),
      pollResult({ objects: [heartRate] }),
    ]);
    assert.deepEqual(framesOf(next)[0]?.readings[0]?.quality, ["valid"]);
    assert.equal(framesOf(next)[0]?.readings[0]?.deviceAt, null);
  });

  test("the serial number counts once with a check sequence, twice without", () => {
    const serial = object(0, [
      attribute("092d", list(["0001 0008 000c 44453335314134303631 0020", "0004 0058 0002 4c30"])),
    ]);
    const poll = pollResult({ objectClass: 0x21, objects: [serial] });
    const identity = { kind: "identity", serial: "DE351A4061" };
    assert.deepEqual(decode([poll, poll], "serial"), [identity]);
    assert.deepEqual(decode([poll], "udp"), []);
    assert.deepEqual(decode([poll, poll, poll], "udp"), [identity]);
  });
});
