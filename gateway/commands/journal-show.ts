import type { JournalEntry } from "../journal/entry.ts";

/** One entry on one line. */
export function entryText(
  index: number,
  { at, clock, kind, who, outcome, what }: JournalEntry,
): string {
  const details = Object.entries(what).map(([name, value]) => ` ${name}=${String(value)}`);
  const time = `${new Date(at).toISOString()}${CLOCK_MARKS[clock]}`;
  return `${index}  ${time}  ${kind} ${outcome} by ${who}${details.join("")}\n`;
}

/** A time that may be wrong says so. */
const CLOCK_MARKS: Readonly<Record<JournalEntry["clock"], string>> = {
  synchronised: "",
  holdover: "~",
  unsynchronised: "?",
};
