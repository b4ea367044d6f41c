import { errorCode } from "../errors.ts";
import { decodeEntry, type JournalEntry } from "./entry.ts";
import type { JournalFiles } from "./journal-files.ts";
import { SEGMENT_ENTRIES, SegmentSeal } from "./segment.ts";

/** Entries of a journal in a row. */
export interface JournalEntries {
  /** Entries in the tree. */
  readonly size: number;
  readonly entries: readonly { readonly index: number; readonly entry: JournalEntry }[];
}

/**
 * Up to `count` entries (200 at most) from number `from` on, or the last ones when that is null. Those that are gone, or not as they were written,
 * are left out: `wardgate journal verify` says why.
 */
export function pageOf(
  files: JournalFiles,
  size: number,
  from: number | null,
  count: number,
): JournalEntries {
  const most = Math.min(count, PAGE_MAX);
  const first = Math.max(0, from ?? size - most);
  const end = Math.min(size, first + most);
  const entries: { index: number; entry: JournalEntry }[] = [];
  for (
    let number = Math.floor(first / SEGMENT_ENTRIES);
    number * SEGMENT_ENTRIES < end;
    number += 1
  ) {
    entriesOf(files, number).forEach((bytes, place) => {
      const index = number * SEGMENT_ENTRIES + place;
      const entry = index >= first && index < end ? understood(bytes) : null;
      if (entry !== null) {
        entries.push({ index, entry });
      }
    });
  }
  return { size, entries };
}

const PAGE_MAX = 200;

function entriesOf(files: JournalFiles, number: number): readonly Uint8Array[] {
  const bytes = files.read(number);
  if (bytes === null || bytes.length < SegmentSeal.headerBytes) {
    return [];
  }
  try {
    return SegmentSeal.read(bytes, number, files.owner).open(bytes).entries;
  } catch (error) {
    if (errorCode(error) === "WARD_JOURNAL_DAMAGED") {
      return [];
    }
    throw error;
  }
}

function understood(bytes: Uint8Array): JournalEntry | null {
  try {
    return decodeEntry(bytes);
  } catch {
    return null;
  }
}
