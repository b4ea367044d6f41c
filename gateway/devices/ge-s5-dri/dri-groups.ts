import type { Quality } from "../../reading.ts";
import { codeOf } from "../../nomenclature/nomenclature.ts";

/** What stands before the values of a parameter group, and the level of the record it is in. */
export interface GroupHeader {
  readonly status: number;
  readonly label: number;
  readonly level: number;
}

/** One 16-bit value of a group: its code, unit (UCUM) and the decimal places of its count. */
export interface Field {
  readonly code: Code;
  readonly unit: string;
  readonly places: number;
  /** Bytes from the start of its group. */
  readonly at: number;
  /** Last number of its path. */
  readonly metric: number;
}

/** A reference id and its number, null for a private one. */
export interface Code {
  readonly code: string;
  readonly mdc: number | null;
}

/** A parameter group of a class: where it is, what its values are, and what its header says about them. */
export interface Group {
  /** Bytes from the start of the class. */
  readonly at: number;
  readonly bytes: number;
  readonly fields: readonly Field[];
  /** For a group without a header: where the header is that speaks for it. */
  readonly headerAt: number;
  /** What the status says about the value in this place. */
  readonly quality: (header: GroupHeader, place: number) => Quality;
  /** Codes that depend on the label, in the order of the fields; null leaves a field's own. */
  readonly codes: (header: GroupHeader) => readonly (Code | null)[];
}

/** A field in a table: code, unit and places; null for 16 bits that are left out. */
export type Cell = readonly [code: string, unit: string, places: number] | null;

interface GroupOptions {
  readonly quality?: Group["quality"];
  readonly codes?: Group["codes"];
  /** Bytes after the last field that belong to the group. */
  readonly reserved?: number;
  /** Bytes of the class from this group's start back to the header that speaks for it. */
  readonly headerBack?: number;
}

/** Puts groups one after the other, as they lie in a class. */
export function inOrder(...makers: readonly ((at: number) => Group)[]): readonly Group[] {
  const groups: Group[] = [];
  let at = 0;
  for (const make of makers) {
    const made = make(at);
    groups.push(made);
    at += made.bytes;
  }
  return groups;
}

/** A group of the table, to be put in its place. */
export function group(cells: readonly Cell[], options: GroupOptions = {}): (at: number) => Group {
  const { quality = always, codes = none, reserved = 0, headerBack } = options;
  const headerBytes = headerBack === undefined ? HEADER_BYTES : 0;
  const fields = cells.flatMap((cell, place) =>
    cell === null
      ? []
      : [
          {
            code: named(cell[0]),
            unit: cell[1],
            places: cell[2],
            at: headerBytes + 2 * place,
            metric: place + 1,
          },
        ],
  );
  const bytes = headerBytes + 2 * cells.length + reserved;
  return (at) => ({ at, bytes, fields, headerAt: at - (headerBack ?? 0), quality, codes });
}

/** A code with its number. */
export function named(code: string): Code {
  return { code, mdc: codeOf(code) };
}

/** Bits of the status that make values questionable, and those that say the sensor is being calibrated or zeroed. */
export function judgedBy(questionable: number, calibrating = 0): Group["quality"] {
  return ({ status }) => {
    if ((status & calibrating) !== 0) {
      return "calibrating";
    }
    return (status & questionable) === 0 ? "valid" : "questionable";
  };
}

const HEADER_BYTES = 6;
const always: Group["quality"] = () => "valid";
const NO_CODES: readonly (Code | null)[] = [];
const none: Group["codes"] = () => NO_CODES;
