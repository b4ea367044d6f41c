import type { BadBytes, Measured } from "../device.ts";

/** What an answer means: readings, or what about it is not known. */
export interface AsenaAnswer {
  readonly readings: readonly Measured[];
  readonly faults: readonly BadBytes[];
}

/**
 * The answer to INF. Fields: serial number, alarm flag, mode, rate, its unit, drug name, volume infused, its unit, pressure,
 * its unit, time remaining, log, log entry. The last two number the pump's own log and are left out.
 */
export function statusOf(fields: readonly string[]): AsenaAnswer {
  const answer = new Answer();
  answer.number(RATE, fields[3], fields[4]);
  answer.number(VOLUME, fields[6], fields[7]);
  answer.number(PRESSURE, fields[8], fields[9]);
  answer.word(MODE, fields[2]);
  answer.word(TIME_REMAINING, fields[10]);
  answer.word(ALARM_FLAG, fields[1]);
  if (fields[5]?.trim()) {
    answer.word(DRUG, fields[5]);
  }
  return answer;
}

/** The answer to INF_VTBI: ACTIV or DEACT, volume, unit, and what the pump does when it is reached. */
export function volumeToInfuseOf([state, volume, unit, atEnd]: readonly string[]): AsenaAnswer {
  const answer = new Answer();
  answer.number(VOLUME_TO_INFUSE, state === "ACTIV" ? volume : "", unit);
  answer.word(VOLUME_TO_INFUSE_STATE, state);
  answer.word(VOLUME_TO_INFUSE_END, atEnd);
  return answer;
}

/** The answer to INF_RATE, which others ask: rate and unit. */
export function rateOf([rate, unit]: readonly string[]): AsenaAnswer {
  const answer = new Answer();
  answer.number(RATE, rate, unit);
  return answer;
}

/** The answer to INF_VI, which others ask: volume infused and unit. */
export function volumeOf([volume, unit]: readonly string[]): AsenaAnswer {
  const answer = new Answer();
  answer.number(VOLUME, volume, unit);
  return answer;
}

/** The answer to SYRINGE_STATUS: make, size in mL, and whether the user has confirmed it. */
export function syringeOf([make, size, state]: readonly string[]): AsenaAnswer {
  const answer = new Answer();
  answer.word(SYRINGE, make);
  answer.number(SYRINGE_SIZE, size, "ml");
  answer.word(SYRINGE_STATE, state);
  return answer;
}

/** Fields of an INF answer up to the time remaining; one with fewer is something else. */
export const STATUS_FIELDS_MIN = 11;

interface Term {
  readonly code: string;
  readonly mdc: number | null;
  readonly path: string;
}

interface NumberTerm extends Term {
  /** The unit when there is no value, and so none was told. */
  readonly usualUnit: string;
  /** What the pump calls its units, in UCUM. */
  readonly units: Readonly<Record<string, string>>;
}

const RATE: NumberTerm = {
  code: "MDC_FLOW_FLUID_PUMP",
  mdc: 157784,
  path: "1.1.1",
  usualUnit: "mL/h",
  units: { "ml/h": "mL/h", "ml/min": "mL/min" },
};
const VOLUMES = { usualUnit: "mL", units: { ml: "mL" } } as const;
const VOLUME: NumberTerm = {
  code: "MDC_VOL_FLUID_DELIV",
  mdc: 157864,
  path: "1.1.2",
  ...VOLUMES,
};
const PRESSURE: NumberTerm = {
  code: "ALARIS_PRESSURE",
  mdc: null,
  path: "1.1.3",
  usualUnit: "mm[Hg]",
  units: { mmhg: "mm[Hg]", kpa: "kPa", mbar: "mbar", psi: "[psi]" },
};
const MODE: Term = { code: "ALARIS_MODE", mdc: null, path: "1.1.4" };
const TIME_REMAINING: Term = { code: "ALARIS_TIME_REMAINING", mdc: null, path: "1.1.5" };
const ALARM_FLAG: Term = { code: "ALARIS_ALARM_FLAG", mdc: null, path: "1.1.6" };
const DRUG: Term = { code: "ALARIS_DRUG", mdc: null, path: "1.1.7" };
const VOLUME_TO_INFUSE: NumberTerm = {
  code: "MDC_VOL_FLUID_TBI",
  mdc: 157884,
  path: "1.1.8",
  ...VOLUMES,
};
const VOLUME_TO_INFUSE_STATE: Term = { code: "ALARIS_VTBI_STATE", mdc: null, path: "1.1.9" };
const VOLUME_TO_INFUSE_END: Term = { code: "ALARIS_VTBI_END", mdc: null, path: "1.1.10" };
const SYRINGE: Term = { code: "ALARIS_SYRINGE", mdc: null, path: "1.1.11" };
const SYRINGE_SIZE: NumberTerm = {
  code: "ALARIS_SYRINGE_SIZE",
  mdc: null,
  path: "1.1.12",
  ...VOLUMES,
};
const SYRINGE_STATE: Term = { code: "ALARIS_SYRINGE_STATE", mdc: null, path: "1.1.13" };

class Answer implements AsenaAnswer {
  readonly readings: Measured[] = [];
  readonly faults: BadBytes[] = [];

  /** A number with the pump's own digits; no digits, no value. A unit that is not known makes no reading: it cannot be used. */
  number(term: NumberTerm, field: string | undefined, unitField: string | undefined): void {
    const text = field?.trim() ?? "";
    const unit = term.units[unitField?.trim().toLowerCase() ?? ""];
    if (!NUMBER.test(text)) {
      this.#noValue(term, unit ?? term.usualUnit);
    } else if (unit === undefined) {
      const why = `${term.code} in a unit that is not known`;
      this.faults.push({ kind: "fault", fault: "unknown-field", bytes: 0, text: why });
    } else {
      this.#value(term, Number(text), text, unit);
    }
  }

  /** A word of the pump, as it is. */
  word(term: Term, field: string | undefined): void {
    const text = field?.trim() ?? "";
    if (text === "") {
      this.#noValue(term, "1");
    } else {
      this.#value(term, text, text, "1");
    }
  }

  #value({ code, mdc, path }: Term, value: number | string, text: string, unit: string): void {
    this.readings.push({
      code,
      mdc,
      value,
      text,
      unit,
      quality: ["valid"],
      path,
      deviceAt: null,
    });
  }

  #noValue({ code, mdc, path }: Term, unit: string): void {
    this.readings.push({
      code,
      mdc,
      value: null,
      text: "",
      unit,
      quality: ["unavailable"],
      path,
      deviceAt: null,
    });
  }
}

const NUMBER = /^[+-]?\d+(?:\.\d+)?$/;
