import type { KeyObject } from "node:crypto";

import { errorText } from "../errors.ts";
import { isSignedBy, readCheckpoint } from "./checkpoint.ts";
import { decodeEntry, type JournalEntry } from "./entry.ts";
import type { JournalFiles } from "./journal-files.ts";
import { isSame, leafHash, rootOf } from "./merkle.ts";
import { SEGMENT_ENTRIES, SegmentSeal } from "./segment.ts";
import { JournalTree } from "./tree.ts";

/** What lies on disk of a journal, looked at without changing anything. */
export interface JournalOnDisk {
  readonly tree: JournalTree;
  /** The first entry that is there; those before were given up. */
  readonly from: number;
  /** Bytes at the end that are no whole entry: being written, or left by an unclean end. */
  readonly restBytes: number;
  /** What is not as it was written, one plain sentence each. */
  readonly problems: readonly string[];
}

/** An entry with its number. */
export interface NumberedEntry {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly entry: JournalEntry;
}

/** What a checkpoint says of the journal on disk. */
export interface ComparedCheckpoint {
  readonly size: number;
  /** False: this gateway's key has not signed it. */
  readonly signed: boolean;
  /** `same`; `other`: the journal was rewritten; `longer` than what is here; `gone`: its entries were given up. */
  readonly verdict: "same" | "other" | "longer" | "gone";
}

/** Reads every entry that is there, in order; `each` may be told about all of them. */
export function readJournal(
  files: JournalFiles,
  each: (entry: NumberedEntry) => void = () => undefined,
): JournalOnDisk {
  const written = files.roots();
  const segments = files.segments();
  const first = segments[0] ?? written.length;
  const problems: string[] = [];
  const roots = written.slice(0, first);
  let leaves: Uint8Array[] = [];
  let restBytes = 0;
  const last = Math.max(written.length, segments.at(-1) ?? 0);
  for (let number = first; number <= last; number += 1) {
    const bytes = files.read(number);
    const found = contentOf(files, number, bytes, problems);
    const hashes = found.entries.map((entry, place) => {
      tell(number * SEGMENT_ENTRIES + place, entry, problems, each);
      return leafHash(entry);
    });
    if (number < last || number < written.length) {
      const root = rootOf(hashes);
      problems.push(...wholeProblems({ number, count: hashes.length, root, written }));
      roots.push(hashes.length === SEGMENT_ENTRIES ? root : (written[number] ?? root));
    } else {
      leaves = hashes;
      restBytes = found.rest;
    }
  }
  const entries = async (number: number): Promise<readonly Uint8Array[] | null> =>
    files.wholeSegment(number);
  const tree = new JournalTree({ roots, leaves, entries });
  return { tree, from: first * SEGMENT_ENTRIES, restBytes, problems };
}

/** Compares the journal on disk with a checkpoint. Throws WardError `WARD_JOURNAL_CHECKPOINT` for what is none. */
export async function compareCheckpoint(
  { tree }: JournalOnDisk,
  note: string,
  key: KeyObject,
): Promise<ComparedCheckpoint> {
  const { size, root } = readCheckpoint(note);
  const signed = isSignedBy(note, key);
  if (size > tree.size) {
    return { size, signed, verdict: "longer" };
  }
  const here = await tree.rootAt(size);
  const verdict = here === null ? "gone" : isSame(here, root) ? "same" : "other";
  return { size, signed, verdict };
}

function tell(
  index: number,
  bytes: Uint8Array,
  problems: string[],
  each: (entry: NumberedEntry) => void,
): void {
  try {
    each({ index, bytes, entry: decodeEntry(bytes) });
  } catch (error) {
    problems.push(`Entry ${index} is not understood: ${errorText(error)}`);
  }
}

function contentOf(
  files: JournalFiles,
  number: number,
  bytes: Uint8Array | null,
  problems: string[],
): { readonly entries: readonly Uint8Array[]; readonly rest: number } {
  if (bytes === null || bytes.length < SegmentSeal.headerBytes) {
    return { entries: [], rest: bytes?.length ?? 0 };
  }
  try {
    const { entries, end } = SegmentSeal.read(bytes, number, files.owner).open(bytes);
    return { entries, rest: bytes.length - end };
  } catch (error) {
    problems.push(errorText(error));
    return { entries: [], rest: 0 };
  }
}

/** What is wrong with a segment that has to be whole. */
function wholeProblems(o: {
  readonly number: number;
  readonly count: number;
  readonly root: Uint8Array;
  readonly written: readonly Uint8Array[];
}): string[] {
  const first = o.number * SEGMENT_ENTRIES;
  const end = first + SEGMENT_ENTRIES - 1;
  if (o.count < SEGMENT_ENTRIES) {
    return [`Entries ${first + o.count}-${end} are missing, or were changed.`];
  }
  const written = o.written[o.number];
  return written !== undefined && !isSame(written, o.root)
    ? [`Of entries ${first}-${end} some are not those that were written: their root is another.`]
    : [];
}
