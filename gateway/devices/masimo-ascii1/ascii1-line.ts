import { utcOf, yearOf } from "../calendar.ts";

/** One line of ASCII 1, checked for form but not yet for meaning. */
export interface Ascii1Line {
  readonly layout: Ascii1Layout;
  /** The device's own clock, its fields read as UTC, epoch milliseconds; null where the fields name no time. */
  readonly deviceAt: number | null;
  /** The values as printed, without the percent sign, in the order of the layout's fields. */
  readonly values: readonly string[];
  /** The bits of EXC. */
  readonly exceptions: number;
}

/** Where the fields of a line are. A device prints line after line with the same layout, so it is worked out once. */
export interface Ascii1Layout {
  readonly fields: readonly Field[];
  /** Place of each key among the fields. */
  readonly places: ReadonlyMap<string, number>;
  readonly chars: number;
  /** Keys and widths of their values, which a device does not change from line to line. */
  readonly shape: string;
  /** True when keys and widths are those of known models. */
  readonly isKnown: boolean;
}

interface Field {
  readonly key: string;
  /** What must stand before the value, from `at`: ` SPO2=`. */
  readonly head: string;
  readonly at: number;
  /** The value lies from here to `to`, and to `end` with its percent sign. */
  readonly from: number;
  readonly to: number;
  readonly end: number;
  readonly form: RegExp;
}

/** Characters of the longest legal line, with room for keys of models not seen yet. */
export const LINE_BYTES_MAX = 320;

/** Reads one line without its end; a string says in plain words why it cannot be used. `usual` is the layout of the line before. */
export function parseLine(text: string, usual: Ascii1Layout | null): Ascii1Line | string {
  if (!HEAD.test(text)) {
    return "a line that does not start with date and time";
  }
  const layout = usual !== null && fits(text, usual) ? usual : layoutOf(text.trimEnd());
  if (typeof layout === "string") {
    return layout;
  }
  const values: string[] = [];
  for (const { key, form, from, to, end } of layout.fields) {
    const printed = text.slice(from, end);
    if (!form.test(printed)) {
      return `a line whose ${key} has not the form it must have`;
    }
    values.push(to === end ? printed : printed.slice(0, -1));
  }
  const exceptions = Number.parseInt(values[layout.places.get("EXC") ?? 0] ?? "", 16);
  return { layout, deviceAt: deviceTime(text), values, exceptions };
}

/** True for a line that can be trusted before its shape came twice: as known models print it, with EXC bits that the manual names. */
export function isPlain({ layout, exceptions }: Ascii1Line): boolean {
  return layout.isKnown && exceptions <= EXC_OF_MANUAL_MAX;
}

/** Date and time, then a blank: `11/23/26 10:32:07 `. */
const HEAD = /^\d\d\/\d\d\/\d\d \d\d:\d\d:\d\d /;
const HEAD_CHARS = 17;
const TOKEN = /^([A-Z][A-Za-z0-9]{0,11})=([A-Za-z0-9.+%/-]{1,24})$/;

/**
 * Exact widths, because one lost digit would otherwise make another number. Dashes stand for "no value". Models differ in
 * whether they print a percent sign, whether SpCO has a decimal, and in the widths of ALARM and EXC.
 */
const FORMS: Readonly<Record<string, RegExp>> = {
  SN: /^(?:[0-9A-Z]{4,16}|-+)$/,
  SPO2: /^(?:\d{3}|---)%?$/,
  BPM: /^(?:\d{3}|---)%?$/,
  PI: /^(?:\d\d\.\d\d|--\.--)%?$/,
  SPCO: /^(?:\d\d(?:\.\d)?|--(?:\.-)?)%?$/,
  SPMET: /^(?:\d\d\.\d|--\.-)%?$/,
  SPHB: /^(?:\d\d\.\d|--\.-)(?:g\/dL|mmol\/L)?$/i,
  SPOC: /^(?:\d\d|--|\d\d\.\d|--\.-)$/,
  DESAT: /^(?:\d\d|--)$/,
  PIDELTA: /^[+-](?:\d\d|--)$/,
  PVI: /^(?:\d{3}|---)%?$/,
  ALARM: /^[0-9A-F]{2,8}$/,
  EXC: /^[0-9A-F]{3,8}$/,
  // Keys of some models that carry nothing this driver reads.
  RESVD: /^[0-9A-Z-]{1,8}$/,
  EXC1: /^[0-9A-F]{3,8}$/,
};
const ANY_FORM = /^[A-Za-z0-9.+%/-]+$/;
/** Digits of ALARM and EXC that models print: Radical-5; Rad-8 and Radical-7; Radical-7 with a colour screen. */
const WIDTHS: ReadonlySet<string> = new Set(["2/3", "4/6", "4/7", "6/7"]);
const EXC_OF_MANUAL_MAX = 0xfff;

/** Whether a line has its fields where the layout has them. What the values are is another question. */
function fits(text: string, { fields, chars }: Ascii1Layout): boolean {
  if (text.length !== chars) {
    return false;
  }
  for (const { head, at } of fields) {
    if (!text.startsWith(head, at)) {
      return false;
    }
  }
  return true;
}

function layoutOf(text: string): Ascii1Layout | string {
  const fields: Field[] = [];
  const places = new Map<string, number>();
  for (const { 0: token, index } of text.slice(HEAD_CHARS).matchAll(/[^ ]+/g)) {
    const [, key = "", printed = ""] = TOKEN.exec(token) ?? [];
    if (key === "" || places.has(key)) {
      return "a line with a token that is not KEY=VALUE, or with one key twice";
    }
    places.set(key, fields.length);
    fields.push(fieldOf(key, printed, HEAD_CHARS + index));
  }
  // Stored trends, which are old, have their saturation under another key.
  if (!places.has("SPO2")) {
    return "a line without SPO2";
  }
  if (!places.has("EXC")) {
    return "a line without EXC, which tells whether its values may be used";
  }
  const shape = fields.map(({ key, from, to }) => `${key}${to - from}`).join(" ");
  return { fields, places, chars: text.length, shape, isKnown: isKnown(fields) };
}

function fieldOf(key: string, printed: string, tokenAt: number): Field {
  const from = tokenAt + key.length + 1;
  const end = from + printed.length;
  const to = printed.endsWith("%") ? end - 1 : end;
  return { key, head: ` ${key}=`, at: tokenAt - 1, from, to, end, form: FORMS[key] ?? ANY_FORM };
}

function isKnown(fields: readonly Field[]): boolean {
  const width = (wanted: string): number => {
    const { from = 0, to = 0 } = fields.find(({ key }) => key === wanted) ?? {};
    return to - from;
  };
  return (
    fields.every(({ key }) => FORMS[key] !== undefined) &&
    WIDTHS.has(`${width("ALARM")}/${width("EXC")}`)
  );
}

function deviceTime(text: string): number | null {
  return utcOf({
    month: twoDigits(text, 0),
    day: twoDigits(text, 3),
    year: yearOf(twoDigits(text, 6)),
    hour: twoDigits(text, 9),
    minute: twoDigits(text, 12),
    second: twoDigits(text, 15),
  });
}

function twoDigits(text: string, at: number): number {
  return 10 * (text.charCodeAt(at) - DIGIT_0) + text.charCodeAt(at + 1) - DIGIT_0;
}

const DIGIT_0 = 48;
