import { codeOf } from "../nomenclature/nomenclature.ts";
import type { MapObject, TextRule } from "./map-object.ts";
import { unitProblem } from "./ucum.ts";

/**
 * A device that the site describes itself, in a JSON text that is an option of a generic driver: what register maps and line protocols
 * have in common.
 */

/** What every description says about its device, for people. */
export interface SiteFacts {
  readonly title: string;
  readonly maker: string;
  readonly model: string;
  /** The document that the description follows, with page or clause. */
  readonly source: string;
}

/** The facts at the top of every description. */
export function readSiteFacts(top: MapObject): SiteFacts {
  top.text("$schema", { charactersMax: 300, write: "Write the place of the schema" }, "");
  top.text("notes", { charactersMax: 4000, write: "Write wiring and menu steps" }, "");
  return {
    title: top.text("title", fact("Write what the device is called here")),
    maker: top.text("maker", fact("Write who makes the device")),
    model: top.text("model", fact("Write the model, as on its plate")),
    source: top.text("source", fact("Write the document and page that this follows")),
  };
}

/** What a value is called: an MDC reference id of the verified table, with its number, or a private code. */
export function readCode(object: MapObject): {
  readonly code: string;
  readonly mdc: number | null;
} {
  const code = object.text("code", CODE);
  const mdc = codeOf(code);
  if (code.startsWith("MDC_") && mdc === null) {
    const write = "Use a private code such as MAKER_NAME until it is";
    object.problem("code", `"${code}" is not in the verified nomenclature table`, write);
  }
  const given = object.number("mdc");
  if (given !== null && given !== mdc) {
    const write = mdc === null ? "Leave mdc out" : `Write ${mdc}, or leave mdc out`;
    object.problem("mdc", `${given} does not belong to "${code}"`, write);
  }
  return { code, mdc };
}

/** The unit of a value: UCUM; "1" for none. */
export function readUnit(object: MapObject): string {
  const unit = object.text("unit", UNIT);
  const problem = unit === "" ? null : unitProblem(unit);
  if (problem !== null) {
    object.problem("unit", `"${unit}" is no UCUM unit that is known here`, problem);
  }
  return unit;
}

/** False for a feature that this device does not have: its value is left out. */
export function readPresent(object: MapObject): boolean {
  return object.flag("present", true);
}

/** What is physically possible, as `{ "low": 0, "high": 300 }`; null where nothing is said. */
export function readRange(
  object: MapObject,
): { readonly low: number; readonly high: number } | null {
  if (!object.has("range")) {
    return null;
  }
  const range = object.object("range");
  const low = range.number("low") ?? -Infinity;
  const high = range.number("high") ?? Infinity;
  range.end();
  if (low >= high || (low === -Infinity && high === Infinity)) {
    object.problem("range", "it excludes all or nothing", 'Write { "low": 0, "high": 300 }');
  }
  return { low, high };
}

/** The words of an enumeration. */
export const ENUMERATION_WORD: TextRule = {
  charactersMax: 40,
  form: /^[a-z][a-z0-9]*(?:[ -][a-z0-9]+)*$/,
  write: 'Write a word of small letters, for example "open"',
};

const CODE: TextRule = {
  charactersMax: 64,
  form: /^[A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+$/,
  write: "Write an MDC reference id, or a private code such as MAKER_WEIGHT",
};
const UNIT: TextRule = {
  charactersMax: 40,
  write: 'Write a UCUM unit, for example "kg", "Cel", "mm[Hg]", "/min"; "1" for none',
};

function fact(write: string): TextRule {
  return { charactersMax: 120, write };
}
