import type { Item, Reading, Waveform } from "./reading.ts";

/**
 * Is it possible? A pure check of one item against what engineering knows about it. It finds broken decoding, wrong
 * scaling and demonstration data; it does not judge a patient: its gates are the widest a sensor can give, never alarm limits.
 */

/** Why an item was refused. Words never change once released. */
export const REFUSALS = {
  "not-a-number": "The value is not a finite number.",
  "out-of-range": "The value is outside what this measurement can be.",
  "wrong-unit": "The unit does not belong to this measurement.",
  "code-mismatch": "The reference id and the numeric code name different measurements.",
  "demo-data": "The device says that this is demonstration or test data.",
  "bad-period": "The sample period is not one a bedside waveform can have.",
  "bad-scale": "The scale or offset gives samples without a finite value.",
  "bad-length": "The block covers a longer time than one block may.",
} as const satisfies Readonly<Record<string, string>>;
export type RefusalReason = keyof typeof REFUSALS;

export interface Refusal {
  readonly reason: RefusalReason;
  /** One plain sentence; never holds the value itself. */
  readonly text: string;
}

/** The widest values a measurement can have, in its expected UCUM unit; both ends are possible. */
export interface CheckGate {
  readonly low: number;
  readonly high: number;
  readonly ucum: string;
}

/** What the nomenclature knows; where it knows nothing, nothing is refused. `nomenclature.ts` has both functions. */
export interface CheckTables {
  readonly gateOf: (code: string) => CheckGate | undefined;
  /** Whether a reference id and a context-free code (partition * 65536 + term) name one measurement. */
  readonly judgePair: (code: string, mdc: number | null) => "right" | "wrong" | "unknown";
}

export interface CheckOptions {
  /** Lets data through that the device itself marks as demonstration or test. */
  readonly allowDemo: boolean;
}

/** Says why an item is impossible, or null when it is possible. "No value" (null) is possible, and so is every notice. */
export function refusalOf(item: Item, tables: CheckTables, options: CheckOptions): Refusal | null {
  switch (item.kind) {
    case "notice":
      return null;
    case "reading":
      return refused(commonReason(item, tables, options) ?? valueReason(item, tables));
    case "waveform":
      return refused(commonReason(item, tables, options) ?? waveReason(item));
  }
}

/** Samples a second of a waveform: from one a minute (a slow trend drawn as a curve) to the fastest ECG channel. */
const SAMPLES_PER_SECOND_MIN = 1 / 60;
const SAMPLES_PER_SECOND_MAX = 10_000;
/** Seconds one block may cover. */
const BLOCK_SECONDS_MAX = 3600;

/** Units in which a device may as well give a measurement whose expected unit is the key, and the way back. */
const ALTERNATIVES: Readonly<Record<string, Readonly<Record<string, (value: number) => number>>>> =
  {
    "mm[Hg]": {
      kPa: (value) => value * 7.500_617,
      hPa: (value) => value * 0.750_061_7,
      mbar: (value) => value * 0.750_061_7,
      "cm[H2O]": (value) => value * 0.735_559,
    },
    "cm[H2O]": {
      kPa: (value) => value * 10.197_16,
      hPa: (value) => value * 1.019_716,
      mbar: (value) => value * 1.019_716,
      "mm[Hg]": (value) => value * 1.359_51,
    },
    Cel: { "[degF]": (value) => ((value - 32) * 5) / 9, K: (value) => value - 273.15 },
    "%": { "1": (value) => value * 100 },
    "1": { "%": (value) => value },
    "L/min": { "mL/min": (value) => value / 1000, "mL/h": (value) => value / 60_000 },
    "mL/h": { "mL/min": (value) => value * 60, "L/h": (value) => value * 1000 },
    mL: { L: (value) => value * 1000 },
    kg: { g: (value) => value / 1000 },
    ms: { s: (value) => value * 1000 },
    mm: { mV: (value) => value * 10 },
    s: { ms: (value) => value / 1000, min: (value) => value * 60 },
    "g/dL": { "g/L": (value) => value / 10, "mmol/L": (value) => value * 1.611_4 },
    "L/min/m2": { "mL/min/m2": (value) => value / 1000 },
    "mL/cm[H2O]": {
      "mL/mbar": (value) => value * 0.980_665,
      "mL/hPa": (value) => value * 0.980_665,
      "mL/kPa": (value) => value * 0.098_066_5,
      "L/cm[H2O]": (value) => value * 1000,
    },
    "cm[H2O].s/L": {
      "mbar.s/L": (value) => value * 1.019_716,
      "hPa.s/L": (value) => value * 1.019_716,
      "kPa.s/L": (value) => value * 10.197_16,
    },
    "{ratio}": { "1": (value) => value },
  };

/** Gas in the airway: a share of the gas, or the pressure that this share has at 760 mm[Hg]. */
const GAS_CODE = /^MDC_CONC_AWAY_/;
const GAS_ALTERNATIVES: typeof ALTERNATIVES = {
  "%": { "mm[Hg]": (value) => value / 7.6, kPa: (value) => value / 1.013_25 },
  "mm[Hg]": { "%": (value) => value * 7.6 },
};

function refused(reason: RefusalReason | null): Refusal | null {
  return reason === null ? null : { reason, text: REFUSALS[reason] };
}

function commonReason(
  item: Reading | Waveform,
  tables: CheckTables,
  options: CheckOptions,
): RefusalReason | null {
  if (!options.allowDemo && (item.quality.includes("demo") || item.quality.includes("test"))) {
    return "demo-data";
  }
  const mismatch = item.mdc !== null && tables.judgePair(item.code, item.mdc) === "wrong";
  return mismatch ? "code-mismatch" : null;
}

function valueReason(reading: Reading, tables: CheckTables): RefusalReason | null {
  const { code, value } = reading;
  if (typeof value !== "number") {
    return null;
  }
  if (!Number.isFinite(value)) {
    return "not-a-number";
  }
  const gate = tables.gateOf(code);
  if (gate === undefined) {
    return null;
  }
  const toExpected = wayBack(code, gate.ucum, reading.unit);
  if (toExpected === null) {
    return "wrong-unit";
  }
  return isWithin(gate, toExpected(value)) ? null : "out-of-range";
}

function waveReason(wave: Waveform): RefusalReason | null {
  const perSecond = (wave.period.samples * 1000) / wave.period.ms;
  if (!(perSecond >= SAMPLES_PER_SECOND_MIN && perSecond <= SAMPLES_PER_SECOND_MAX)) {
    return "bad-period";
  }
  if (wave.samples.length / perSecond > BLOCK_SECONDS_MAX) {
    return "bad-length";
  }
  if (wave.scale === 0 || !Number.isFinite(wave.scale) || !Number.isFinite(wave.offset)) {
    return "bad-scale";
  }
  return null;
}

function same(value: number): number {
  return value;
}

function wayBack(code: string, expected: string, unit: string): ((value: number) => number) | null {
  if (unit === expected) {
    return same;
  }
  const ways = [
    ALTERNATIVES[expected],
    GAS_CODE.test(code) ? GAS_ALTERNATIVES[expected] : undefined,
  ];
  const known = ways.find((way) => way !== undefined && Object.hasOwn(way, unit));
  return known?.[unit] ?? null;
}

/** A converted value may miss a gate by rounding alone: one part in a million of the gate's span is let through. */
function isWithin(gate: CheckGate, value: number): boolean {
  const slack = (gate.high - gate.low) * 1e-6;
  return value >= gate.low - slack && value <= gate.high + slack;
}
