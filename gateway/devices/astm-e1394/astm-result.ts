import { utcOf } from "../calendar.ts";
import type { Measured } from "../device.ts";
import type { Quality } from "../../reading.ts";
import { codeOfTest } from "./astm-code.ts";
import { unitOf } from "./astm-unit.ts";

/** Where a result stands. */
export interface ResultContext {
  readonly component: string;
  /** Training, debugging or quality control: no result of a patient. */
  readonly isTest: boolean;
}

/**
 * One R record, its fields split: `R|1|^^^HGB|14.0|g/dL||N||F||operator|started|completed`. Who operated the analyser is not read. A
 * string says why it is no result.
 */
export function resultOf(fields: readonly string[], context: ResultContext): Measured | string {
  const field = (number: number): string => (fields[number - 1] ?? "").trim();
  const code = codeOfTest(field(FIELD_TEST), context.component);
  if (code === null || !/^\d*$/.test(field(FIELD_SEQUENCE))) {
    return "a result without a number or a test id";
  }
  const printed = firstComponent(field(FIELD_VALUE), context.component);
  if (printed.length > VALUE_CHARACTERS_MAX) {
    return "a result that is too long to be a value";
  }
  const status = field(FIELD_STATUS).charAt(0).toUpperCase();
  const deviceAt = timeOf(field(FIELD_COMPLETED)) ?? timeOf(field(FIELD_STARTED));
  const marks = context.isTest ? (["test"] as const) : [];
  const isNumber = NUMBER.test(printed);
  const unit = unitOf(field(FIELD_UNIT)) || (isNumber || printed === "" ? "" : "1");
  const term = { code, mdc: null, unit, path: "", deviceAt };
  if (NOTHING.test(printed) || status === STATUS_CANNOT_BE_DONE || status === STATUS_PENDING) {
    const why = status === STATUS_PENDING ? "ongoing" : "unavailable";
    return { ...term, value: null, text: "", quality: [why, ...marks] };
  }
  const quality = qualityOf(status, field(FIELD_FLAGS));
  const all: Quality[] = marks.length > 0 && quality === "valid" ? [...marks] : [quality, ...marks];
  return { ...term, value: isNumber ? Number(printed) : printed, text: printed, quality: all };
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
const NUMBER = /^[+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18})(?:[eE][+-]?\d{1,2})?$/;
/** Dashes, stars, dots and plus signs alone stand for no value. */
const NOTHING = /^[-*.+ _]*$/;

/** A value may have parts, qualitative and quantitative; the first that is there is the result. */
function firstComponent(value: string, component: string): string {
  return (
    value
      .split(component)
      .map((part) => part.trim())
      .find((part) => part !== "") ?? ""
  );
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
