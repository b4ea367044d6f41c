/** One line of ASCII 1, checked for form but not yet for meaning. */
export interface Ascii1Line {
  /** The device's own clock, its fields read as UTC, epoch milliseconds; null where the fields name no time. */
  readonly deviceAt: number | null;
  /** Key to value without the percent sign. */
  readonly values: ReadonlyMap<string, string>;
  /** Keys and widths of their values, which a device does not change from line to line. */
  readonly shape: string;
  /** True when keys and widths are those of known models, so that the line can be trusted before its shape came twice. */
  readonly isPlain: boolean;
}

/** Characters of the longest legal line, with room for keys of models not seen yet. */
export const LINE_BYTES_MAX = 320;

/** Reads one line without its end; a string says in plain words why it cannot be used. */
export function parseLine(text: string): Ascii1Line | string {
  const head = HEAD.exec(text);
  if (head === null) {
    return "a line that does not start with date and time";
  }
  const values = new Map<string, string>();
  for (const token of text.slice(head[0].length).trimEnd().split(" ")) {
    const [, key = "", value = ""] = TOKEN.exec(token) ?? [];
    if (key === "" || values.has(key)) {
      return "a line with a token that is not KEY=VALUE, or with one key twice";
    }
    const form = FORMS[key];
    if (form !== undefined && !form.test(value)) {
      return `a line whose ${key} has not the form it must have`;
    }
    values.set(key, value.replace(/%$/, ""));
  }
  return values.has("EXC")
    ? { deviceAt: deviceTime(head), values, shape: shapeOf(values), isPlain: isPlain(values) }
    : "a line without EXC, which tells whether its values may be used";
}

/** Date and time, then one blank: `11/23/26 10:32:07 `. */
const HEAD = /^(\d\d)\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d) /;
const TOKEN = /^([A-Z][A-Z0-9]{0,11})=([A-Za-z0-9.+%-]{1,24})$/;

/**
 * Exact widths, because one lost digit would otherwise make another number. Dashes stand for "no value". ALARM and EXC differ in
 * width between models.
 */
const FORMS: Readonly<Record<string, RegExp>> = {
  SN: /^(?:\d{4,16}|-+)$/,
  SPO2: /^(?:\d{3}|---)%$/,
  BPM: /^(?:\d{3}|---)%?$/,
  PI: /^(?:\d\d\.\d\d|--\.--)%$/,
  SPCO: /^(?:\d\d\.\d|--\.-)%$/,
  SPMET: /^(?:\d\d\.\d|--\.-)%$/,
  SPHB: /^(?:\d\d\.\d|--\.-)(?:[a-zA-Z/]{1,6})?$/,
  SPOC: /^(?:\d\d|--|\d\d\.\d|--\.-)$/,
  DESAT: /^(?:\d\d|--)$/,
  PIDELTA: /^(?:[+-]\d\d|[+-]--)$/,
  PVI: /^(?:\d{3}|---)%?$/,
  ALARM: /^[0-9A-F]{2,8}$/,
  EXC: /^[0-9A-F]{3,8}$/,
};

/** Keys of some models that carry nothing this driver reads. */
const OTHER_KEYS: ReadonlySet<string> = new Set(["RESVD", "EXC1"]);
/** Digits of ALARM and EXC that models are known to print. */
const WIDTHS: ReadonlySet<string> = new Set(["2/3", "4/6", "4/7"]);
/** The highest EXC bit with a known meaning is 800. */
const EXC_MAX = 0xfff;

function shapeOf(values: ReadonlyMap<string, string>): string {
  return [...values].map(([key, value]) => `${key}${value.length}`).join(" ");
}

function isPlain(values: ReadonlyMap<string, string>): boolean {
  const exceptions = values.get("EXC") ?? "";
  return (
    [...values.keys()].every((key) => FORMS[key] !== undefined || OTHER_KEYS.has(key)) &&
    WIDTHS.has(`${values.get("ALARM")?.length}/${exceptions.length}`) &&
    Number.parseInt(exceptions, 16) <= EXC_MAX
  );
}

/** The year has two digits (80-99 are the last century's); the device does not know its time zone. */
function deviceTime(head: RegExpExecArray): number | null {
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = head
    .slice(1)
    .map(Number);
  const at = Date.UTC(year < 80 ? 2000 + year : 1900 + year, month - 1, day, hour, minute, second);
  const back = new Date(at);
  const isTime =
    back.getUTCMonth() === month - 1 &&
    back.getUTCDate() === day &&
    back.getUTCHours() === hour &&
    back.getUTCMinutes() === minute &&
    back.getUTCSeconds() === second;
  return isTime ? at : null;
}
