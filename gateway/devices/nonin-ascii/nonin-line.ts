/** A line with values, checked for form. */
export interface NoninLine {
  readonly kind: "values";
  /** As printed, without the filling: "98"; "" for dashes. */
  readonly spo2: string;
  readonly rate: string;
  /** Whether a number was filled up to three places, had fewer, or (100 and more, dashes) tells nothing about that. */
  readonly padding: "filled" | "short" | "unknown";
  /** `*`: somebody pressed the event button. */
  readonly isMarked: boolean;
  /** `F`: the values are the fast-responding ones. */
  readonly isFast: boolean;
  /** `B`: a breath was detected since the line before. */
  readonly hasBreath: boolean;
}

/** A line that says which model it is and what its clock shows; its text differs between models. */
interface HeadingLine {
  readonly kind: "heading";
}

/** A line that cannot be used, and why in plain words. */
interface BadLine {
  readonly kind: "bad";
  readonly fault: "framing" | "out-of-range";
  readonly text: string;
}

/** Characters of the longest legal line, with room for headings. */
export const LINE_BYTES_MAX = 120;

/** Reads one line without its end. */
export function parseLine(text: string): NoninLine | HeadingLine | BadLine {
  const found = LINE.exec(text);
  if (found === null) {
    return isHeading(text)
      ? { kind: "heading" }
      : { kind: "bad", fault: "framing", text: "a line that is not SPO2=XXX HR=YYY" };
  }
  const [, spo2 = "", rate = "", marks = ""] = found;
  if (new Set(marks.replaceAll(" ", "")).size < marks.replaceAll(" ", "").length) {
    return { kind: "bad", fault: "framing", text: "a line with one mark twice" };
  }
  if (Number(spo2) > SPO2_MAX || Number(rate) > RATE_MAX) {
    return { kind: "bad", fault: "out-of-range", text: "a line with a number nobody can have" };
  }
  const padding = paddingOf([spo2, rate]);
  if (padding === null) {
    return { kind: "bad", fault: "framing", text: "a line with a digit less than it says" };
  }
  return {
    kind: "values",
    spo2: digitsOf(spo2),
    rate: digitsOf(rate),
    padding,
    isMarked: marks.includes("*"),
    isFast: marks.toUpperCase().includes("F"),
    hasBreath: marks.toUpperCase().includes("B"),
  };
}

const LINE =
  /^ *(?:\d{1,2}:\d\d:\d\d +)?SPO2=( {0,2}\d{1,3}|---) +HR=( {0,2}\d{1,3}|---)((?: *[*FB])*) *$/i;
const SPO2_MAX = 100;
/** The rate has nine bits in Nonin's binary formats, and all of them set is "no value". */
const RATE_MAX = 510;

/**
 * The manuals do not print the heading, only that it names the format, date and time. It has letters or a clock and no "=", which every
 * piece of a line with values has that is not very short.
 */
function isHeading(text: string): boolean {
  return !text.includes("=") && /[A-Z].*[A-Z]|\d\d[:/.-]\d\d/i.test(text);
}

/** Filled with blanks or zeros: both are known from Nonin's printed formats. */
function digitsOf(field: string): string {
  return field === "---" ? "" : field.trim();
}

/** Null for a line that contradicts itself: something in it is filled up, and yet a field is too short or too long. */
function paddingOf(fields: readonly string[]): NoninLine["padding"] | null {
  const isFilled = fields.some((field) => /^[ 0]/.test(field));
  if (fields.every((field) => field.length === FIELD_CHARS)) {
    return isFilled ? "filled" : "unknown";
  }
  return isFilled ? null : "short";
}

const FIELD_CHARS = 3;
