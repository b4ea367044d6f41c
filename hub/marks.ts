import { fromHex, toHex } from "../gateway/sealing/envelope.ts";
import type { DeviceNames } from "./names.ts";

/**
 * What entering a record into the books found, as it is kept beside the record so that its lines can be written again. All
 * lists but the last two are places in the record's items, takes or gaps.
 */
export interface Marks {
  /** Items the hub had before. */
  readonly duplicates: readonly number[];
  /** Items of takes that a flow changed. */
  readonly derived: readonly number[];
  /** Items or takes naming takes whose earlier lines turned out to be changed. */
  readonly revealed: readonly number[];
  /** Gaps the hub had before. */
  readonly knownGaps: readonly number[];
  /** The first item of a take whose time is known better by now, and by how much (milliseconds), one after the other. */
  readonly corrected: readonly number[];
  /** Devices of which something is unexplained, or explained again. */
  readonly unaccounted: readonly Unaccounted[];
}

/** What nothing accounts for in one run of bedside of one device, after it had its time. */
export interface Unaccounted {
  readonly device: string;
  readonly boot: string;
  /** Items, and takes of which only the number is known; 0 when all of it is explained now. */
  readonly items: number;
  /** Hub time since when, epoch milliseconds. */
  readonly since: number;
}

export const NO_MARKS: Marks = {
  duplicates: [],
  derived: [],
  revealed: [],
  knownGaps: [],
  corrected: [],
  unaccounted: [],
};

/** The marks as text for the database; null when there is nothing to say. No device is named in clear. */
export function marksText(marks: Marks, gateway: string, names: DeviceNames): string | null {
  const { duplicates, derived, revealed, knownGaps, corrected, unaccounted } = marks;
  const lists = [duplicates, derived, revealed, knownGaps, corrected];
  if (unaccounted.length === 0) {
    return lists.every((list) => list.length === 0) ? null : JSON.stringify(lists);
  }
  const told = unaccounted.map(({ device, boot, items, since }) => [device, boot, items, since]);
  const sealed = toHex(names.seal(gateway, JSON.stringify(told)));
  return JSON.stringify([...lists, sealed]);
}

/** Reads `marksText` back. Throws TypeError when it is something else. */
export function marksOf(text: string | null, gateway: string, names: DeviceNames): Marks {
  if (text === null) {
    return NO_MARKS;
  }
  const fields: unknown = JSON.parse(text);
  const [duplicates, derived, revealed, knownGaps, corrected, sealed] = Array.isArray(fields)
    ? fields
    : [];
  const told: unknown =
    typeof sealed === "string" ? JSON.parse(names.open(gateway, fromHex(sealed))) : [];
  return {
    duplicates: placesOf(duplicates),
    derived: placesOf(derived),
    revealed: placesOf(revealed),
    knownGaps: placesOf(knownGaps),
    corrected: placesOf(corrected),
    unaccounted: Array.isArray(told) ? told.map(unaccountedOf) : [],
  };
}

function placesOf(list: unknown): number[] {
  if (!Array.isArray(list)) {
    throw new TypeError("marks cannot be read");
  }
  return list.map(Number);
}

function unaccountedOf(fields: unknown): Unaccounted {
  const [device, boot, items, since] = Array.isArray(fields) ? fields : [];
  return {
    device: String(device),
    boot: String(boot),
    items: Number(items),
    since: Number(since),
  };
}
