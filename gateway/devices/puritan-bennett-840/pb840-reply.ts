import { utcOf } from "../calendar.ts";

/** A reply whose counts are right: MISCF answers SNDF, MISCA answers SNDA. */
export interface Pb840Reply {
  readonly kind: "MISCA" | "MISCF";
  /** The data fields without padding. The first is number 5 of the manual: 1-4 are kind, two counts and STX. */
  readonly fields: readonly string[];
  /** How the counts relate to what came; the same from reply to reply of one ventilator. */
  readonly shape: string;
  /** The shape is that of known ventilators, so that the reply can be trusted before its shape came twice. */
  readonly isPlain: boolean;
}

/** The number that the manual gives to the first data field. */
export const FIRST_FIELD = 5;

/**
 * Reads one line: `MISCF,1225,169 ,<STX>field,field,...,<ETX>`. The first count is the bytes between STX and ETX (manuals say
 * STX and CR, so that the ends may be counted as well), the second the fields. Fields are padded to 6, 9, 12 or 18 characters: with
 * blanks, which manuals print as underscores. A string says why it cannot be used.
 */
export function parseReply(line: string): Pb840Reply | string {
  const [, kind = "", bytes = "", fieldCount = "", body = ""] = REPLY.exec(line) ?? [];
  if (kind !== "MISCA" && kind !== "MISCF") {
    return "a line that is no reply";
  }
  const fields = body.split(",");
  if (fields.at(-1) === "") {
    fields.pop();
  }
  if (fields.length !== Number(fieldCount)) {
    return "a reply with more or fewer fields than it says";
  }
  const difference = Number(bytes) - body.length;
  const isPadded = fields.every(({ length }) => WIDTHS.has(length));
  // A lost byte leaves a count that is one too high and a field of a width that there is none; a doubled one the opposite.
  const isCounted =
    difference === 0 || (isPadded && difference > 0 && difference <= ENDS_COUNTED_MAX);
  return {
    kind,
    fields: fields.map((field) => field.replaceAll("_", " ").trim()),
    shape: `${kind} ${difference} ${isPadded}`,
    isPlain: isCounted,
  };
}

/** STX and ETX. */
const ENDS_COUNTED_MAX = 2;

/** Kind, two counts, STX (02), fields, ETX (03). */
const REPLY = new RegExp(
  String.raw`^(MISC[AF]) *, *(\d{1,5}) *, *(\d{1,3}) *,?\u0002([^\u0002\u0003]*)\u0003$`,
);
const WIDTHS: ReadonlySet<number> = new Set([6, 9, 12, 18]);

/** The ventilator's clock, read as UTC, epoch milliseconds: `14:51` and `NOV 22 2011`; null when they are no time. */
export function deviceTime(time: string, date: string): number | null {
  const [, hour = "", minute = ""] = /^(\d\d):(\d\d)$/.exec(time) ?? [];
  const [, month = "", day = "", year = ""] = /^([A-Z]{3}) (\d\d) (\d{4})$/.exec(date) ?? [];
  if (hour === "" || month === "") {
    return null;
  }
  return utcOf({
    year: Number(year),
    month: MONTHS.indexOf(month) + 1,
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: 0,
  });
}

const MONTHS: readonly string[] = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
