import { unitProblem } from "../ucum.ts";

/**
 * The unit of a result as UCUM. What is UCUM already stays; what is one of the few spellings below becomes it; anything else is kept as an
 * annotation, `{10)/mm)}`, which says nothing but what the analyser wrote. No value is ever converted.
 */
export function unitOf(printed: string): string {
  const unit = printed.trim().replaceAll("Âµ", "u").replaceAll(/[µμ]/g, "u");
  if (unit === "") {
    return "";
  }
  const spelled = Object.hasOwn(SPELLINGS, unit) ? SPELLINGS[unit] : internationalUnits(unit);
  if (spelled !== undefined) {
    return spelled;
  }
  return unit.length <= UNIT_CHARACTERS_MAX && !isMisleading(unit) && unitProblem(unit) === null
    ? unit
    : `{${annotationOf(unit)}}`;
}

const UNIT_CHARACTERS_MAX = 40;
const ANNOTATION_CHARACTERS_MAX = 24;

/** Other spellings of the same unit. */
const SPELLINGS: Readonly<Record<string, string>> = {
  "K/uL": "10*3/uL",
  "K/ul": "10*3/uL",
  "M/uL": "10*6/uL",
  "M/ul": "10*6/uL",
  "G/L": "10*9/L",
  "G/l": "10*9/L",
  "T/L": "10*12/L",
  "T/l": "10*12/L",
  "x10^3/uL": "10*3/uL",
  "x10^6/uL": "10*6/uL",
  "x10^9/L": "10*9/L",
  "x10^12/L": "10*12/L",
  "x10*3/uL": "10*3/uL",
  "x10*6/uL": "10*6/uL",
  "x10*9/L": "10*9/L",
  "x10*12/L": "10*12/L",
  "mEq/L": "meq/L",
  "mEq/l": "meq/L",
  "mOsm/kg": "mosm/kg",
  "mm/hr": "mm/h",
  mmHg: "mm[Hg]",
  pH: "[pH]",
  sec: "s",
  Sec: "s",
  SEC: "s",
  mcg: "ug",
};

/** `mIU/L` and its like: UCUM writes international units in brackets. */
function internationalUnits(unit: string): string | undefined {
  const [, prefix = "", volume = ""] = /^([mku]?)IU(\/(?:[md]?[lL]))?$/.exec(unit) ?? [];
  return /^[mku]?IU/.test(unit) && (volume !== "" || unit === `${prefix}IU`)
    ? `${prefix}[IU]${volume}`
    : undefined;
}

/**
 * A number alone is the analyser's own number for a unit, not UCUM's "1". Single capitals mean thousands, seconds or Celsius to those who
 * write them; to UCUM they are kelvin, siemens and coulomb. Only U (enzymes) and L are what they seem.
 */
function isMisleading(unit: string): boolean {
  return /^\d+$/.test(unit) || /^[A-KM-TV-Z](?:\/|$)/.test(unit);
}

/** What an annotation may hold: printable ASCII without blanks and braces. */
function annotationOf(unit: string): string {
  return unit.replaceAll(/[^!-z|~]/g, "_").slice(0, ANNOTATION_CHARACTERS_MAX);
}
