import { copyFileSync, existsSync, mkdirSync, renameSync, truncateSync } from "node:fs";
import { dirname } from "node:path";

import { errorCode } from "../errors.ts";
import { syncDirectory } from "../outbox/disk-sync.ts";
import { sizeIn } from "./checkpoint.ts";
import { decodeEntry } from "./entry.ts";
import type { JournalEvent } from "./event.ts";
import type { JournalFiles } from "./journal-files.ts";
import { leafHash } from "./merkle.ts";
import { SEGMENT_ENTRIES, SegmentSeal } from "./segment.ts";

/** A journal as it was found on disk, ready to be gone on with. */
export interface FoundJournal {
  readonly roots: Uint8Array[];
  /** The segment that the next entry goes to; null when it is not there yet. */
  readonly open: OpenSegment | null;
  /** What has to be written down about how it was found. */
  readonly notes: JournalEvent[];
  readonly lastHouse: LastHouse;
}

/** What was said last of the gateway as a whole: that it started, or that it stopped. */
export type LastHouse = "house-started" | "house-stopped" | null;

export interface OpenSegment {
  readonly number: number;
  readonly seal: SegmentSeal;
  readonly leaves: Uint8Array[];
  /** Where the next entry goes in the file. */
  offset: number;
}

/**
 * Finds out how far a journal has come, and cuts off half an entry at its end. One that cannot be gone on with is moved aside,
 * and a new one begins. Throws WardError `WARD_JOURNAL_OPEN`, or what the file system says.
 */
export function findJournal(files: JournalFiles): FoundJournal {
  const isNew = !existsSync(files.directory);
  if (!isNew) {
    const found = goOn(files);
    if (found !== null) {
      return found;
    }
    renameSync(files.directory, `${files.directory}.damaged-${Date.now()}`);
  }
  mkdirSync(files.directory, { mode: 0o700 });
  syncDirectory(dirname(files.directory), []);
  const notes = [begun(isNew ? "none" : "damage")];
  return { roots: [], open: null, notes, lastHouse: null };
}

/** Null when the tree cannot be gone on with. */
function goOn(files: JournalFiles): FoundJournal | null {
  const roots = files.allRoots();
  if (roots === null) {
    return null;
  }
  if (roots.length !== files.roots().length) {
    files.writeRoots(roots);
  }
  const number = roots.length;
  const bytes = files.read(number);
  const notes: JournalEvent[] = [];
  let open: OpenSegment | null = null;
  let lastHouse: LastHouse = null;
  // A header is written before anything else: without a whole one there is no entry yet.
  if (bytes !== null && bytes.length >= SegmentSeal.headerBytes) {
    const seal = readSeal(files, number, bytes);
    if (seal === null) {
      return null;
    }
    const { entries, end } = seal.open(bytes);
    lastHouse = lastHouseIn(entries);
    open = { number, seal, leaves: entries.map(leafHash), offset: end };
    notes.push(...cutOff(files, { number, end, length: bytes.length, count: entries.length }));
  }
  const size = number * SEGMENT_ENTRIES + (open?.leaves.length ?? 0);
  const signed = sizeIn(files.checkpoint() ?? "");
  if (signed > size) {
    const what = { from: size, to: signed };
    notes.push({ kind: "journal-damaged", who: "gateway", outcome: "done", what });
  }
  for (let back = 1; lastHouse === null && back <= LOOK_BACK; back += 1) {
    lastHouse = lastHouseIn(files.wholeSegment(number - back) ?? []);
  }
  if (size === 0 && notes.length === 0) {
    notes.push(begun("none"));
  }
  return { roots, open, notes, lastHouse };
}

/** Segments looked back in: a gateway must not take long to start because much was written down. */
const LOOK_BACK = 2;

function lastHouseIn(entries: readonly Uint8Array[]): LastHouse {
  for (const entry of entries.toReversed()) {
    const { kind } = decodeEntry(entry);
    if (kind === "house-started" || kind === "house-stopped") {
      return kind;
    }
  }
  return null;
}

function readSeal(files: JournalFiles, number: number, bytes: Uint8Array): SegmentSeal | null {
  try {
    return SegmentSeal.read(bytes, number, files.owner);
  } catch (error) {
    if (errorCode(error) === "WARD_JOURNAL_DAMAGED") {
      return null;
    }
    throw error;
  }
}

/** What is not whole at the end was never acknowledged, unless it had been signed for: then a copy is kept. */
function cutOff(
  files: JournalFiles,
  segment: { number: number; end: number; length: number; count: number },
): JournalEvent[] {
  const { number, end, length, count } = segment;
  if (end === length) {
    return [];
  }
  const path = files.segmentPath(number);
  const from = number * SEGMENT_ENTRIES + count;
  if (sizeIn(files.checkpoint() ?? "") > from) {
    copyFileSync(path, `${path}.damaged`);
  }
  truncateSync(path, end);
  const what = { bytes: length - end };
  return [{ kind: "journal-repaired", who: "gateway", outcome: "done", what }];
}

function begun(after: string): JournalEvent {
  return { kind: "journal-begun", who: "gateway", outcome: "done", what: { after } };
}
