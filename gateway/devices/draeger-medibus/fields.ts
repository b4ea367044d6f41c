/** What a field of an answer says, apart from what it belongs to. */

/**
 * The digits of a numeric field of an answer, without the spaces that fill it: "- 5 " is "-5", " 98 " is "98". "" when the
 * field is blank or only dashes, which is "no value"; null when it is no number. Leading zeros may have been sent as spaces, so
 * ".45" is a number.
 */
export function numberText(data: string, from = 0, to = data.length): string | null {
  let first = from;
  let end = to;
  while (first < end && data.charCodeAt(first) === SPACE) {
    first += 1;
  }
  while (end > first && data.charCodeAt(end - 1) === SPACE) {
    end -= 1;
  }
  let digits = 0;
  for (let place = first; place < end; place += 1) {
    const code = data.charCodeAt(place);
    digits += code >= DIGIT_0 && code <= DIGIT_9 ? 1 : 0;
  }
  const field = data.slice(first, end);
  if (digits === field.length) {
    return field;
  }
  const text = field.replaceAll(" ", "");
  if (digits > 0 && NUMBER.test(text)) {
    return text;
  }
  return NOTHING.test(text) ? "" : null;
}

/**
 * Time and date of the device's clock as epoch milliseconds, its fields read as UTC, or null. Months are German or English; seconds
 * may be missing, and the space before the day too; zeros may be sent as spaces. The year has two digits, 80-99 are the last
 * century's.
 */
export function clockTime(text: string): number | null {
  const [, hour = "", minute = "", second = "0", day = "", name = "", year = ""] =
    CLOCK.exec(text.toUpperCase()) ?? [];
  const month = MONTHS.findIndex((names) => names.includes(name));
  const years = Number(year);
  const fullYear = years >= 100 ? years : years < 80 ? 2000 + years : 1900 + years;
  const fields = [Number(day), Number(hour), Number(minute), Number(second)] as const;
  const at = Date.UTC(fullYear, month, ...fields);
  const back = new Date(at);
  const isTime =
    month >= 0 &&
    back.getUTCMonth() === month &&
    back.getUTCDate() === fields[0] &&
    back.getUTCHours() === fields[1] &&
    back.getUTCMinutes() === fields[2] &&
    back.getUTCSeconds() === fields[3];
  return isTime && at >= 0 ? at : null;
}

/** Who a device says it is. MEDIBUS has no serial number: the number names the kind of device. */
export interface Identification {
  /** Four digits; 0161 is a computer. */
  readonly number: string;
  readonly name: string;
  /** Revision of the device, and of MEDIBUS that it speaks. */
  readonly revision: string;
  readonly medibus: string;
}

/** A device identification, or null where there is none (an empty one is allowed). */
export function parseIdentification(data: string): Identification | null {
  const [, number = "", name = "", revisions] = IDENTIFICATION.exec(data) ?? [];
  if (revisions === undefined) {
    return null;
  }
  const [revision = "", medibus = ""] = revisions.split(":");
  return { number, name: name.trim(), revision: revision.trim(), medibus: medibus.trim() };
}

const SPACE = 0x20;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)$/;
const NOTHING = /^[-*_.?]*$/;
const CLOCK = /^\s*(\d{1,2}):([ \d]\d)(?::([ \d]\d)?)?\s*(\d{1,2})-([A-Z]{3})[- ]\s*(\d{1,4})\s*$/;
const MONTHS: readonly (readonly string[])[] = [
  ["JAN"],
  ["FEB"],
  ["MAR", "MRZ"],
  ["APR"],
  ["MAI", "MAY"],
  ["JUN"],
  ["JUL"],
  ["AUG"],
  ["SEP"],
  ["OKT", "OCT"],
  ["NOV"],
  ["DEZ", "DEC"],
];
/** Number, name between apostrophes, and up to eleven characters `DD.DD:MM.MM`. */
const IDENTIFICATION = /^(.{4})'([^']{0,32})'(.{0,12})$/;
