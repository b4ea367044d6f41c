import { decimalText } from "../decimal.ts";
import type { Measured } from "../device.ts";

/** One answer or report of a pump: which pump, what kind, and what it says. */
export interface AgiliaAnswer {
  /** 0 is the base, 1-8 its modules, null a pump without a base. */
  readonly address: number | null;
  /** C answers a question, I refuses it, E and M are sent by the pump itself. */
  readonly status: "C" | "I" | "E" | "M";
  readonly body: string;
}

/** Reads what a pump says; null for what a host says, which has another form. */
export function answerOf(text: string): AgiliaAnswer | null {
  const found = /^([0-9]?)([CIEM])(?:;(.*))?$/.exec(text);
  if (found === null) {
    return null;
  }
  const [, address = "", letter = "", body = ""] = found;
  const status = letter === "C" || letter === "I" || letter === "E" ? letter : "M";
  return { address: address === "" ? null : Number(address), status, body };
}

/**
 * The variables in an answer: one letter and hex digits each, between semicolons. One of several whose digits are none has no value. Null when
 * the body is no list of variables (a drug name).
 */
export function variablesOf(body: string): ReadonlyMap<string, string> | null {
  const parts = body.split(";").filter((part) => part !== "");
  const areVariables =
    parts.every(isVariable) ||
    (parts.length > 1 && parts.every((part) => NAMED.test(part)) && parts.some(isVariable));
  return areVariables && parts.length > 0
    ? new Map(parts.map((part) => [part.slice(0, 1), isVariable(part) ? part.slice(1) : ""]))
    : null;
}

function isVariable(part: string): boolean {
  return VARIABLE.test(part);
}

/** The modules in the answer of a base: one bit each. */
export function modulesOf(digits: string | undefined): number[] {
  const bits = Number.parseInt(digits ?? "", 16) || 0;
  return MODULES.filter((module) => (bits & (1 << (module - 1))) !== 0);
}

const VARIABLE = /^[a-z][0-9A-Fa-f]*$/;
/** A letter of a variable, and what is no number. */
const NAMED = /^[a-z](?![a-z])/;
const MODULES = [1, 2, 3, 4, 5, 6, 7, 8] as const;

/** What the variables of a pump say; letters that are not known say nothing. */
export function readingsOf(
  address: number | null,
  variables: ReadonlyMap<string, string>,
): Measured[] {
  const readings: Measured[] = [];
  for (const [letter, digits] of variables) {
    const term = address === 0 ? BASE_TERMS[letter] : TERMS[letter];
    if (term !== undefined) {
      readings.push(readingOf(term, address, digits));
    }
  }
  return readings;
}

/** A pump that cannot be reached any more has no rate and no volume. */
export function unreachable(address: number | null): Measured[] {
  return ["d", "r"].flatMap((letter) => {
    const term = TERMS[letter];
    return term === undefined ? [] : [readingOf(term, address, "")];
  });
}

/** The name of the drug, as the pump has it. */
export function drugOf(address: number | null, name: string): Measured {
  return word({ code: "FRESENIUS_DRUG", metric: 8 }, address, name.trim());
}

interface Term {
  readonly code: string;
  /** Last number of the path. */
  readonly metric: number;
  readonly mdc?: number;
  /** For numbers: UCUM, and the decimal places of the count that is sent in hex. */
  readonly unit?: string;
  readonly places?: number;
}

/** By the letter in an answer. Modes, alarms and boluses are handed on in hex: what their digits mean is not public. */
const TERMS: Readonly<Record<string, Term>> = {
  d: { code: "MDC_FLOW_FLUID_PUMP", mdc: 157784, metric: 1, unit: "mL/h", places: 1 },
  r: { code: "MDC_VOL_FLUID_DELIV", mdc: 157864, metric: 2, unit: "mL", places: 3 },
  m: { code: "FRESENIUS_MODE", metric: 3 },
  a: { code: "FRESENIUS_ALARM", metric: 4 },
  e: { code: "FRESENIUS_ERROR", metric: 5 },
  k: { code: "FRESENIUS_BOLUS_RATE", metric: 6 },
  s: { code: "FRESENIUS_BOLUS_VOLUME", metric: 7 },
  b: { code: "FRESENIUS_TYPE", metric: 9 },
};
const BASE_TERMS: Readonly<Record<string, Term>> = {
  b: { code: "FRESENIUS_MODULES", metric: 1 },
};

/** Hex digits of a count, at most: more are no count that a pump can have. */
const COUNT_DIGITS_MAX = 8;

function readingOf(term: Term, address: number | null, digits: string): Measured {
  const { code, mdc = null, unit, places } = term;
  if (unit === undefined || places === undefined) {
    return word(term, address, digits);
  }
  const path = pathOf(address, term);
  if (digits === "" || digits.length > COUNT_DIGITS_MAX) {
    return {
      code,
      mdc,
      value: null,
      text: "",
      unit,
      quality: ["unavailable"],
      path,
      deviceAt: null,
    };
  }
  const text = decimalText(Number.parseInt(digits, 16), places);
  return { code, mdc, value: Number(text), text, unit, quality: ["valid"], path, deviceAt: null };
}

function word(term: Term, address: number | null, text: string): Measured {
  const { code } = term;
  const path = pathOf(address, term);
  return text === ""
    ? {
        code,
        mdc: null,
        value: null,
        text,
        unit: "1",
        quality: ["unavailable"],
        path,
        deviceAt: null,
      }
    : { code, mdc: null, value: text, text, unit: "1", quality: ["valid"], path, deviceAt: null };
}

/** The modules of a base are its VMDs; a pump by itself is the first and only one. */
function pathOf(address: number | null, { metric }: Term): string {
  return `1.${address ?? 1}.1.${metric}`;
}
