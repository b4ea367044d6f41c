import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Code } from "../../../gateway/devices/ge-s5-dri/dri-groups.ts";
import {
  agentCodes,
  ecgCodes,
  pressureCodes,
  saturationCodes,
  temperatureCodes,
} from "../../../gateway/devices/ge-s5-dri/dri-labels.ts";
import { WAVE_SETS } from "../../../gateway/devices/ge-s5-dri/dri-requests.ts";
import { WAVE_TYPES } from "../../../gateway/devices/ge-s5-dri/dri-waves.ts";

/** The tables of document 8005313, written down a second time: a slip of one row in the driver shows. */
describe("GE S/5 DRI: tables", () => {
  test("each waveform has the rate, step and unit of table 5-3", () => {
    const rows: Readonly<Record<string, readonly number[]>> = {
      "300/s 1 uV": [1, 2, 3, 35],
      "100/s 0.01 mm[Hg]": [4, 5, 6, 7, 16, 17, 36, 37],
      "100/s 0.01 %": [8, 38],
      "25/s 0.01 %": [9, 10, 11, 12],
      "25/s 0.1 cm[H2O]": [13],
      "25/s 0.1 L/min": [14],
      "25/s 0.01 Ohm": [15],
      "100/s 0.1 uV": [18, 19, 20, 21, 32],
      "25/s 1 mL": [23],
      "25/s 0.1 mbar": [24],
    };
    for (const [row, types] of Object.entries(rows)) {
      for (const type of types) {
        const found = WAVE_TYPES[type];
        assert.equal(`${found?.perSecond}/s ${found?.scale} ${found?.unit}`, row, `type ${type}`);
      }
    }
    assert.equal(Object.values(rows).flat().length, Object.keys(WAVE_TYPES).length);
  });

  test("no set of waveforms has more than eight, or more than 600 samples a second", () => {
    for (const [name, types] of Object.entries(WAVE_SETS)) {
      const rates = types.map((type) => WAVE_TYPES[type]?.perSecond ?? NaN);
      const sum = rates.reduce((total, rate) => total + rate, 0);
      assert.ok(sum <= 600 && types.length <= 8, `${name}: ${sum}`);
    }
  });

  test("the labels of pressures are those of table 3-16", () => {
    const means = range(0, 23).map((label) => pressureCodes(header({ label }))[2]?.code);
    assert.deepEqual(means, [
      "MDC_PRESS_BLD_MEAN",
      "MDC_PRESS_BLD_ART_MEAN",
      "MDC_PRESS_BLD_VEN_CENT_MEAN",
      "MDC_PRESS_BLD_ART_PULM_MEAN",
      "MDC_PRESS_BLD_ATR_RIGHT_MEAN",
      "GE_RVP_MEAN",
      "MDC_PRESS_BLD_ATR_LEFT_MEAN",
      "MDC_PRESS_INTRA_CRAN",
      "MDC_PRESS_BLD_ART_ABP_MEAN",
      ...range(9, 14).map(() => "MDC_PRESS_BLD_MEAN"),
      "GE_SP_MEAN",
      "GE_FEM_MEAN",
      "GE_UAC_MEAN",
      "GE_UVC_MEAN",
      "MDC_PRESS_INTRA_CRAN",
      "MDC_PRESS_BLD_MEAN",
      "MDC_PRESS_BLD_MEAN",
      "GE_FEMV_MEAN",
      "MDC_PRESS_BLD_MEAN",
    ]);
  });

  test("the labels of temperatures are those of table 3-20", () => {
    const codes = range(0, 19).map((label) => temperatureCodes(header({ label }))[0]?.code);
    const sites = [
      "ESOPH",
      "NASOPH",
      "TYMP",
      "RECT",
      "BLAD",
      "AXIL",
      "SKIN",
      "AWAY",
      "ROOM",
      "MYO",
    ];
    const own = new Set(["BLAD", "AXIL", "MYO"]);
    assert.deepEqual(codes, [
      "MDC_TEMP",
      ...sites.map((site) => `${own.has(site) ? "GE" : "MDC"}_TEMP_${site}`),
      ...range(11, 14).map(() => "MDC_TEMP"),
      "MDC_TEMP_CORE",
      "GE_TEMP_SURF",
      ...range(17, 19).map(() => "MDC_TEMP"),
    ]);
  });

  test("the labels of agents and saturations are those of tables 3-35 and 3-23", () => {
    const agents = range(0, 7).map((label) => agentCodes(header({ label }))[0]?.code);
    const names = ["AGENT", "AGENT", "HALOTH", "ENFL", "ISOFL", "DESFL", "SEVOFL", "AGENT"];
    assert.deepEqual(
      agents,
      names.map((name) => `MDC_CONC_AWAY_${name}_ET`),
    );
    const saturations = range(0, 3).map((label) => saturationCodes(header({ label }))[0]?.code);
    assert.deepEqual(saturations, ["GE_SO2", "MDC_SAT_O2_ART", "MDC_SAT_O2_VEN", "GE_SO2"]);
    const older = range(0, 3).map((label) => saturationCodes(header({ label, level: 9 }))[0]?.code);
    assert.deepEqual(new Set(older), new Set(["MDC_SAT_O2_VEN"]));
  });

  test("the source of the heart rate and the leads of ST are those of tables 3-11 and 3-13", () => {
    const rates = range(0, 13).map((source) => ecgCodes(header({ status: source << 3 }))[0]?.code);
    const pulse = "MDC_PULS_RATE";
    assert.deepEqual(rates, [
      "GE_HR",
      "MDC_ECG_HEART_RATE",
      ...range(2, 5).map(() => pulse),
      "MDC_PULS_OXIM_PULS_RATE",
      pulse,
      pulse,
      "MDC_ECG_HEART_RATE",
      pulse,
      pulse,
      "MDC_PULS_OXIM_PULS_RATE",
      "GE_HR",
    ]);
    const leads = (label: number): (string | undefined)[] =>
      ecgCodes(header({ label })).map((code) => code?.code);
    assert.deepEqual(leads(0x01_23).slice(1), ["I", "II", "III"].map(st));
    assert.deepEqual(leads(0x04_56).slice(1), ["AVR", "AVL", "AVF"].map(st));
    assert.deepEqual(leads(0x07_08).slice(1), ["GE_ST_V", undefined, undefined]);
  });
});

function header(known: Partial<{ status: number; label: number; level: number }>) {
  return { status: 0, label: 0, level: 11, ...known };
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, place) => first + place);
}

function st(lead: string): Code["code"] {
  return `MDC_ECG_AMPL_ST_${lead}`;
}
