import { utcOf, yearOf } from "../calendar.ts";

/** A row of values, checked for form but not yet for meaning. */
export interface Row {
  readonly kind: "row";
  /** The device's own clock, its fields read as UTC, epoch milliseconds; null where the fields name no time. */
  readonly deviceAt: number | null;
  readonly spo2: Cell;
  readonly rate: Cell;
  readonly amplitude: Cell;
  /** Status words in the order they were printed. */
  readonly status: readonly string[];
  /** Where the three numbers end, or that everything is parted by one blank. */
  readonly columns: string;
  /** True for columns of known models, which can be trusted before they came twice. */
  readonly isPlain: boolean;
}

export interface Cell {
  /** "" for dashes. */
  readonly digits: string;
  /** The star behind the number: it is outside an alarm limit of the device. */
  readonly isOutside: boolean;
}

/** A line of a heading or of the device's menu. `isTrend` is what it says about the rows below it, null for nothing. */
interface HeadingLine {
  readonly kind: "heading";
  readonly isTrend: boolean | null;
}

/** A line that cannot be used, and why in plain words. */
interface BadLine {
  readonly kind: "bad";
  readonly fault: "framing" | "out-of-range";
  readonly text: string;
}

/** Characters of the longest legal line. */
export const LINE_BYTES_MAX = 160;

/** Reads one line without its end. */
export function parseLine(text: string): Row | HeadingLine | BadLine {
  const found = ROW.exec(text);
  if (found === null) {
    return (
      headingOf(text) ?? {
        kind: "bad",
        fault: "framing",
        text: "a line that is neither a row of values nor a heading",
      }
    );
  }
  const [, time = "", gap1 = "", spo2 = "", gap2 = "", rate = "", gap3 = "", amplitude = ""] =
    found;
  const words = (found[8] ?? "").trim().toUpperCase();
  const cells = { spo2: cellOf(spo2), rate: cellOf(rate), amplitude: cellOf(amplitude) };
  if (Number(cells.spo2.digits) > SPO2_MAX || Number(cells.rate.digits) > RATE_MAX) {
    return { kind: "bad", fault: "out-of-range", text: "a row with a number nobody can have" };
  }
  const columns = columnsOf(time, [gap1 + spo2, gap2 + rate, gap3 + amplitude]);
  return {
    kind: "row",
    deviceAt: deviceTime(time),
    ...cells,
    status: words === "" ? [] : words.split(/ +/),
    columns,
    isPlain: PLAIN_COLUMNS.has(columns),
  };
}

/** `12-NOV-98 14:00:05   100     120      50    MO             AO`. */
const ROW =
  /^([ \d]\d-[A-Z]{3}-\d\d \d\d:\d\d:\d\d)( +)(\d{1,3}\*?|---\*?)( +)(\d{1,3}\*?|---\*?)( +)(\d{1,3}\*?|---\*?)((?: +[A-Z]{2})*) *$/i;
const SPO2_MAX = 100;
/** No model shows a pulse rate above 300. */
const RATE_MAX = 300;

/** Rows as the N-560 and N-600 print them; and rows as the manuals show them, where a lost digit cannot be noticed. */
const PLAIN_COLUMNS: ReadonlySet<string> = new Set(["/24/32/40", "one blank"]);

function cellOf(printed: string): Cell {
  const isOutside = printed.endsWith("*");
  const number = isOutside ? printed.slice(0, -1) : printed;
  return { digits: number === "---" ? "" : number, isOutside };
}

/** Where the numbers end: they are aligned to the right, so that a lost character shows in the place of what follows it. */
function columnsOf(time: string, cells: readonly string[]): string {
  let end = time.length;
  let columns = "";
  let isOneBlank = true;
  for (const cell of cells) {
    end += cell.length;
    columns += `/${cell.endsWith("*") ? end - 1 : end}`;
    isOneBlank &&= cell.lastIndexOf(" ") === 0;
  }
  return isOneBlank ? "one blank" : columns;
}

const HEADINGS: readonly { readonly form: RegExp; readonly isTrend: boolean | null }[] = [
  // N-395 VERSION 2.0.0.0 CRC: XXXX SpO2 Limit: 70-100% PR Limit: 60-160BPM
  { form: /^\S+ +VERSION +[\d.]+ +TREND\b/i, isTrend: true },
  { form: /^\S+ +VERSION +[\d.]+ +CRC\b/i, isTrend: false },
  { form: /^\S+ +VERSION +[\d.]+/i, isTrend: null },
  // ADULT 0SAT-S SPO2 RESP MODE: NORMAL
  { form: /^ *[A-Z]+ +\d+ ?SAT-S\b/i, isTrend: null },
  { form: /^ *TIME +%SPO2 +BPM +PA +STATUS *$/i, isTrend: false },
  { form: /^ *TIME +%SPO2 +BPM +PA *$/i, isTrend: true },
  { form: /^ *OUTPUT COMPLETE *$/i, isTrend: false },
  // The menu of the N-595's interactive mode.
  { form: /^\S+ +INTERACTIVE MODE *$/i, isTrend: null },
  { form: /^ *(?:COMMAND\?|\d\) )/i, isTrend: null },
];

function headingOf(text: string): HeadingLine | undefined {
  const heading = HEADINGS.find(({ form }) => form.test(text));
  return heading === undefined ? undefined : { kind: "heading", isTrend: heading.isTrend };
}

function deviceTime(time: string): number | null {
  return utcOf({
    day: Number(time.slice(0, 2)),
    month: MONTHS.get(time.slice(3, 6).toUpperCase()) ?? 0,
    year: yearOf(Number(time.slice(7, 9))),
    hour: Number(time.slice(10, 12)),
    minute: Number(time.slice(13, 15)),
    second: Number(time.slice(16, 18)),
  });
}

const MONTHS: ReadonlyMap<string, number> = new Map(
  "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ").map((name, at) => [name, at + 1]),
);
