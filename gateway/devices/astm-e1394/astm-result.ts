import { utcOf } from "../calendar.ts";
import type { Measured } from "../device.ts";
import type { Quality } from "../../reading.ts";
import { codeOfTest } from "./astm-code.ts";
import type { Delimiters } from "./astm-delimiters.ts";
import { unescaped } from "./astm-delimiters.ts";
import { unitOf } from "./astm-unit.ts";

/** Where a result stands. */
export interface ResultContext {
  readonly delimiters: Delimiters;
  /** Training, debugging or quality control: no result of a patient. */
  readonly isTest: boolean;
}

/**
 * One R record, its fields split: `R|1|^^^HGB|14.0|g/dL||N||F||operator|started|completed`. Who operated the analyser is not read. One reading,
 * or two where the value is a number and a word: then the word has a code of its own, with `_WORD`. A string says why it is no result.
 */
export function resultsOf(
  fields: readonly string[],
  { delimiters, isTest }: ResultContext,
): Measured[] | string {
  const field = (number: number): string => (fields[number - 1] ?? "").trim();
  const code = codeOfTest(unescaped(field(FIELD_TEST), delimiters), delimiters.component);
  if (code === null || !/^\d*$/.test(field(FIELD_SEQUENCE))) {
    return "a result without a number or a test id";
  }
  const printed = valueOf(field(FIELD_VALUE), delimiters);
  if (printed.main.length > VALUE_CHARACTERS_MAX || printed.word.length > VALUE_CHARACTERS_MAX) {
    return "a result that is too long to be a value";
  }
  const [, status = ""] = STATUS.exec(field(FIELD_STATUS).toUpperCase()) ?? [];
  const deviceAt = timeOf(field(FIELD_COMPLETED)) ?? timeOf(field(FIELD_STARTED));
  const marks: readonly Quality[] = isTest ? ["test"] : [];
  const { text, isQuestionable } = numberOf(printed.main);
  const unit = unitOf(unescaped(field(FIELD_UNIT), delimiters));
  const usualUnit = text !== null || printed.main === "" ? "" : "1";
  const term = { code, mdc: null, unit: unit || usualUnit, path: "", deviceAt };
  if (printed.main === "" || status === STATUS_CANNOT_BE_DONE || status === STATUS_PENDING) {
    const why = status === STATUS_PENDING ? "ongoing" : "unavailable";
    return [{ ...term, value: null, text: "", quality: [why, ...marks] }];
  }
  const flags = field(FIELD_FLAGS);
  const told = isQuestionable ? "questionable" : qualityOf(status, flags);
  const quality = marks.length > 0 && told === "valid" ? marks : [told, ...marks];
  const main: Measured =
    text === null
      ? { ...term, value: printed.main, text: printed.main, quality }
      : { ...term, value: Number(text), text, quality };
  const { word } = printed;
  return word === ""
    ? [main]
    : [main, { ...term, code: `${code}_WORD`, unit: "1", value: word, text: word, quality }];
}

const FIELD_SEQUENCE = 2;
const FIELD_TEST = 3;
const FIELD_VALUE = 4;
const FIELD_UNIT = 5;
const FIELD_FLAGS = 7;
const FIELD_STATUS = 9;
const FIELD_STARTED = 12;
const FIELD_COMPLETED = 13;

const STATUS_CANNOT_BE_DONE = "X";
const STATUS_PENDING = "I";
const VALUE_CHARACTERS_MAX = 120;
/** One letter; some analysers have a word there, which is no status. */
const STATUS = /^([A-Z])(?![A-Z])/;
const NUMBER = /^[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:[eE][+-]?\d{1,2})?$/;
/** Three places behind a comma might as well be thousands. */
const COMMA_NUMBER = /^([+-]?(?:\d{1,18}(?=,(?!\d{3}$))|0)),(\d{1,18})$/;
/** Dashes, stars and dots alone stand for no value, and so do many plus signs; up to three are a result. */
const NOTHING = /^\??(?:[-*. _]*|[+.]{4,})$/;
/** What says negative, borderline and positive. */
const VERDICT = /^(?:-1|0|1)$/;

/**
 * The parts of a value: what is measured, and a word that says what that means. The number comes first; where it may as well be a verdict on
 * another number behind it, nobody knows which is which, and both stay in one word.
 */
function valueOf(field: string, delimiters: Delimiters): { main: string; word: string } {
  const parts = field
    .split(delimiters.component)
    .map((part) => unescaped(part, delimiters).trim())
    .filter((part) => !NOTHING.test(part));
  const numbers = parts.filter((part) => numberOf(part).text !== null);
  const [number] = numbers;
  if (parts.length === 0) {
    return { main: "", word: "" };
  }
  if (number === undefined || (numbers.length > 1 && VERDICT.test(number))) {
    return { main: parts.join("^"), word: "" };
  }
  return { main: number, word: parts.toSpliced(parts.indexOf(number), 1).join("^") };
}

/** The digits of a number, or null. A question mark before them is the analyser's doubt; a decimal comma becomes a point. */
function numberOf(part: string): { text: string | null; isQuestionable: boolean } {
  const isQuestionable = part.startsWith("?");
  const digits = part.replace(/^\? */, "");
  const text = NUMBER.test(digits)
    ? digits
    : COMMA_NUMBER.test(digits)
      ? digits.replace(",", ".")
      : null;
  return { text, isQuestionable: isQuestionable && text !== null };
}

/**
 * Status: P preliminary, S partial, W validity is questionable, V approved by the operator. Of the flags only < and > count, which say that the value is
 * off the scale of the instrument; L, H, A and their like compare it with a range, and that is not for this gateway.
 */
function qualityOf(status: string, flags: string): Quality {
  if (status === "W" || /^(?:<|>)/.test(flags)) {
    return "questionable";
  }
  if (status === "P" || status === "S") {
    return "early";
  }
  return status === "V" ? "validated" : "valid";
}

/** `20240627135407`, with or without time of day: the analyser's clock read as UTC. */
function timeOf(text: string): number | null {
  const [, year = "", month = "", day = "", hour = "", minute = "", second = ""] =
    /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?/.exec(text) ?? [];
  if (year === "") {
    return null;
  }
  const [atYear = 0, atMonth = 0, atDay = 0, atHour = 0, atMinute = 0, atSecond = 0] = [
    year,
    month,
    day,
    hour,
    minute,
    second,
  ].map(Number);
  const at = utcOf({
    year: atYear,
    month: atMonth,
    day: atDay,
    hour: atHour,
    minute: atMinute,
    second: atSecond,
  });
  return at !== null && at >= 0 ? at : null;
}
