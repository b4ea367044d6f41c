import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { REFUSALS, refusalOf } from "../../gateway/check.ts";
import { codeOf, gateOf, judgePair, TERMS } from "../../gateway/nomenclature/nomenclature.ts";
import type { Item, Quality, Reading } from "../../gateway/reading.ts";
import { aReading, aWaveform, BOOT } from "../fakes/flow-services.ts";

const TABLES = { gateOf, judgePair };
const STRICT = { allowDemo: false };

function reasonOf(item: Item, options = STRICT): string | null {
  return refusalOf(item, TABLES, options)?.reason ?? null;
}

test("a reading that can be is not refused, at both ends of its gate", () => {
  for (const value of [0, 97, 97.5, 100]) {
    assert.equal(reasonOf(aReading({ value })), null);
  }
});

test("no value and words are possible whatever the quality", () => {
  const qualities: Quality[][] = [["unavailable"], ["invalid"], ["calibrating", "early"]];
  for (const quality of qualities) {
    assert.equal(reasonOf(aReading({ value: null, text: "", quality })), null);
    assert.equal(reasonOf(aReading({ value: "leads-off", quality })), null);
  }
});

test("impossible numbers are refused", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.equal(reasonOf(aReading({ value })), "not-a-number");
  }
  for (const value of [-1, 100.1, 9700]) {
    assert.equal(reasonOf(aReading({ value })), "out-of-range");
  }
});

test("a unit that does not belong is refused; another scale of the same quantity is judged in the expected unit", () => {
  assert.equal(reasonOf(aReading({ unit: "mm[Hg]" })), "wrong-unit");
  assert.equal(reasonOf(aReading({ unit: "constructor" })), "wrong-unit");
  const pressure = { code: "MDC_PRESS_BLD_NONINV_SYS", mdc: 150_021 };
  assert.equal(reasonOf(aReading({ ...pressure, unit: "kPa", value: 16 })), null);
  assert.equal(reasonOf(aReading({ ...pressure, unit: "kPa", value: 120 })), "out-of-range");
  const temperature = { code: "MDC_TEMP", mdc: 150_344 };
  assert.equal(reasonOf(aReading({ ...temperature, unit: "[degF]", value: 98.6 })), null);
  assert.equal(reasonOf(aReading({ ...temperature, unit: "Cel", value: 98.6 })), "out-of-range");
});

test("a gas may be given as a share or as its pressure, and nothing else may", () => {
  const carbonDioxide = { code: "MDC_CONC_AWAY_CO2_ET", mdc: 151_708 };
  assert.equal(reasonOf(aReading({ ...carbonDioxide, unit: "%", value: 5.1 })), null);
  assert.equal(reasonOf(aReading({ ...carbonDioxide, unit: "mm[Hg]", value: 38 })), null);
  assert.equal(reasonOf(aReading({ ...carbonDioxide, unit: "%", value: 38 })), "out-of-range");
  const inspired = { code: "MDC_CONC_AWAY_CO2_INSP", mdc: 151_716 };
  assert.equal(reasonOf(aReading({ ...inspired, unit: "kPa", value: 0.1 })), null);
  const pressure = { code: "MDC_PRESS_BLD_NONINV_SYS", mdc: 150_021 };
  assert.equal(reasonOf(aReading({ ...pressure, unit: "%", value: 16 })), "wrong-unit");
});

test("what monitors may be set to show in other units is judged all the same", () => {
  for (const [code, mdc, unit, value] of [
    ["MDC_RATIO_IE", 151_832, "1", 0.5],
    ["MDC_COMPL_LUNG_DYN", 151_692, "mL/mbar", 45],
    ["MDC_RES_AWAY", 151_840, "mbar.s/L", 12],
    ["MDC_CONC_HB_ART", 159_764, "mmol/L", 7.5],
    ["MDC_TIME_PD_APNEA", 151_856, "ms", 20_000],
  ] as const) {
    assert.equal(codeOf(code), mdc, code);
    assert.equal(reasonOf(aReading({ code, mdc, unit, value })), null, code);
  }
});

test("two codes that name different measurements are refused, private codes are not judged", () => {
  assert.equal(reasonOf(aReading({ mdc: 150_017 })), "code-mismatch");
  assert.equal(reasonOf(aReading({ mdc: null })), null);
  const own = { code: "WARD_ROOM_PRESSURE", mdc: null, unit: "Pa", value: -1e9 };
  assert.equal(reasonOf(aReading(own)), null);
});

test("demonstration and test data are refused unless allowed", () => {
  for (const quality of [["demo"], ["valid", "test"]] as const) {
    assert.equal(reasonOf(aReading({ quality })), "demo-data");
    assert.equal(reasonOf(aReading({ quality }), { allowDemo: true }), null);
    assert.equal(reasonOf(aWaveform({ quality })), "demo-data");
  }
  assert.equal(reasonOf(aReading({ quality: ["demo"], value: null })), "demo-data");
});

test("waveforms need a sane period, scale and length", () => {
  assert.equal(reasonOf(aWaveform()), null);
  assert.equal(reasonOf(aWaveform({ samples: [null, null] })), null);
  assert.equal(reasonOf(aWaveform({ period: { ms: 1, samples: 100 } })), "bad-period");
  assert.equal(reasonOf(aWaveform({ period: { ms: 120_000, samples: 1 } })), "bad-period");
  assert.equal(reasonOf(aWaveform({ period: { ms: 0, samples: 0 } })), "bad-period");
  assert.equal(reasonOf(aWaveform({ scale: 0 })), "bad-scale");
  assert.equal(reasonOf(aWaveform({ scale: Number.NaN })), "bad-scale");
  assert.equal(reasonOf(aWaveform({ offset: Number.POSITIVE_INFINITY })), "bad-scale");
  const slow = {
    period: { ms: 60_000, samples: 1 },
    samples: Array.from({ length: 100 }, () => 1),
  };
  assert.equal(reasonOf(aWaveform(slow)), "bad-length");
});

test("notices pass", () => {
  const notice: Item = {
    kind: "notice",
    device: "gateway",
    boot: BOOT,
    take: 1,
    index: 0,
    notice: "device-silent",
    text: "Bed 1 is silent.",
    at: 1,
    clock: "unsynchronised",
    since: null,
  };
  assert.equal(reasonOf(notice), null);
});

test("every measurement of the nomenclature takes both ends of its gate and nothing beyond", () => {
  for (const { refId, code, verified, ucum, low, high } of TERMS) {
    if (!verified || refId === null || low === null || high === null) {
      continue;
    }
    const item = (value: number): Reading =>
      aReading({ code: refId, mdc: code, unit: ucum, value });
    assert.equal(reasonOf(item(low)), null, refId);
    assert.equal(reasonOf(item(high)), null, refId);
    assert.equal(reasonOf(item(high + (high - low))), "out-of-range", refId);
  }
});

test("any item gets an answer, and a refusal never holds the value", () => {
  const numbers = fc.oneof(fc.double(), fc.integer(), fc.constant(null), fc.string());
  const units = fc.oneof(
    fc.constantFrom("%", "kPa", "mm[Hg]", "Cel", "1", "", "__proto__"),
    fc.string(),
  );
  fc.assert(
    fc.property(numbers, units, fc.string(), fc.option(fc.nat()), (value, unit, code, mdc) => {
      const refusal = refusalOf(aReading({ value, unit, code, mdc }), TABLES, STRICT);
      assert.equal(refusal?.text, refusal === null ? undefined : REFUSALS[refusal.reason]);
    }),
  );
});
