import assert from "node:assert/strict";
import { describe, test } from "node:test";

import {
  codeOf,
  gateOf,
  judgePair,
  TERMS,
  termOf,
  termOfCode,
  unitCodeOf,
} from "../../../gateway/nomenclature/nomenclature.ts";

describe("nomenclature", () => {
  test("known answers", () => {
    const answers: readonly (readonly [string, number])[] = [
      ["MDC_PULS_OXIM_SAT_O2", 2 * 65_536 + 0x4bb8],
      ["MDC_PULS_OXIM_PLETH", 2 * 65_536 + 0x4bb4],
      ["MDC_PULS_OXIM_PULS_RATE", 149_530],
      ["MDC_PULS_OXIM_PERF_REL", 150_448],
      ["MDC_ECG_HEART_RATE", 147_842],
      ["MDC_PRESS_BLD_NONINV_SYS", 150_021],
      ["MDC_PRESS_BLD_ART_ABP_MEAN", 150_039],
    ];
    for (const [refId, code] of answers) {
      assert.equal(codeOf(refId), code, refId);
      assert.equal(termOfCode(code), termOf(refId));
    }
  });

  test("an earlier name is the same term", () => {
    assert.equal(termOf("MDC_ECG_CARD_BEAT_RATE"), termOf("MDC_ECG_HEART_RATE"));
    assert.equal(judgePair("MDC_ECG_CARD_BEAT_RATE", 147_842), "right");
  });

  test("a pair is judged together, not each half alone", () => {
    assert.equal(judgePair("MDC_PRESS_BLD_NONINV_SYS", 150_017), "wrong");
    assert.equal(judgePair("MDC_PULS_OXIM_SAT_O2", null), "wrong");
    assert.equal(judgePair("NONIN_SOMETHING", 150_456), "wrong");
    assert.equal(judgePair("NONIN_SOMETHING", null), "unknown");
    assert.equal(judgePair("MDC_SOMETHING_ELSE", 1), "unknown");
  });

  test("what is not verified is in the table and in no lookup", () => {
    const open = TERMS.filter(({ verified }) => !verified);
    assert.ok(open.length >= 8);
    for (const { refId, code } of open) {
      assert.equal(refId === null ? null : codeOf(refId), null);
      assert.equal(code === null ? undefined : termOfCode(code), undefined);
    }
    assert.equal(codeOf("MDC_TEMP_ORAL"), null, "sources disagree");
    assert.equal(codeOf("toString"), null);
  });

  test("the table hangs together: no name, no code twice; units known; gates in order", () => {
    const verified = TERMS.filter(({ verified: is }) => is);
    const names = verified.flatMap(({ refId, synonyms }) => [refId, ...synonyms]);
    assert.equal(new Set(names).size, names.length);
    assert.equal(new Set(verified.map(({ code }) => code)).size, verified.length);
    for (const { refId, code, unitRefId, ucum, low, high, evidence, loinc, name } of TERMS) {
      const label = refId ?? name;
      const unitCode = unitCodeOf(unitRefId);
      assert.equal(Math.floor((unitCode ?? 0) / 65_536), 4, `${label}: units are partition 4`);
      assert.ok(ucum !== "" && evidence !== "", label);
      assert.ok(low === null || high === null || low < high, label);
      assert.ok(code === null || (Number.isInteger(code) && code > 65_536), label);
      assert.ok(
        loinc.every((part) => /^\d{4,5}-\d$/.test(part)),
        label,
      );
    }
  });

  test("gates know their unit; a waveform has none", () => {
    assert.deepEqual(gateOf("MDC_PULS_OXIM_SAT_O2"), { low: 0, high: 100, ucum: "%" });
    assert.equal(gateOf("MDC_PULS_OXIM_PLETH"), undefined);
    assert.equal(gateOf("MASIMO_SPCO"), undefined);
  });
});
