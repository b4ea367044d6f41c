import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import { HASH_BYTES, leafHash, rootOf } from "./merkle.ts";
import { SEGMENT_ENTRIES, SegmentSeal, type SegmentOwner } from "./segment.ts";

/** The files of a journal by name: `segment-00000000` and on, `roots`, `checkpoint`. */
export class JournalFiles {
  readonly directory: string;
  readonly owner: SegmentOwner;

  constructor(directory: string, owner: SegmentOwner) {
    this.directory = directory;
    this.owner = owner;
  }

  segmentPath(number: number): string {
    return join(this.directory, `segment-${String(number).padStart(8, "0")}`);
  }

  get rootsPath(): string {
    return join(this.directory, "roots");
  }

  /** Numbers of the segments whose entries are there, rising. */
  segments(): number[] {
    return readdirSync(this.directory)
      .flatMap((name) => (SEGMENT_NAME.test(name) ? [Number(name.slice("segment-".length))] : []))
      .sort((a, b) => a - b);
  }

  /** The roots of whole segments that have been written down; what is left of half a one does not count. */
  roots(): Uint8Array[] {
    const bytes = readOr(this.rootsPath);
    const count = Math.floor((bytes?.length ?? 0) / HASH_BYTES);
    return Array.from(
      { length: count },
      (_, place) =>
        bytes?.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES) ?? new Uint8Array(),
    );
  }

  /** Writes all roots anew. */
  writeRoots(roots: readonly Uint8Array[]): void {
    replaceDurably(this.rootsPath, Buffer.concat(roots));
  }

  /** The last checkpoint that this gateway has signed, or null. */
  checkpoint(): string | null {
    return readOr(join(this.directory, "checkpoint"))?.toString("utf8") ?? null;
  }

  writeCheckpoint(note: string): void {
    replaceDurably(join(this.directory, "checkpoint"), Buffer.from(note, "utf8"));
  }

  /** A segment file's bytes, or null when it is not there. */
  read(number: number): Uint8Array | null {
    return readOr(this.segmentPath(number));
  }

  /** The entries of a whole segment, or null when it is not there or not whole any more. */
  wholeSegment(number: number): readonly Uint8Array[] | null {
    const bytes = this.read(number);
    try {
      const content =
        bytes === null ? null : SegmentSeal.read(bytes, number, this.owner).open(bytes);
      return content?.entries.length === SEGMENT_ENTRIES ? content.entries : null;
    } catch (error) {
      if (errorCode(error) === "WARD_JOURNAL_DAMAGED") {
        return null;
      }
      throw error;
    }
  }

  /**
   * The roots of all whole segments: as written down, and made anew from the entries where the file ends too early. Null when
   * that cannot be done: the tree cannot be gone on with.
   */
  allRoots(): Uint8Array[] | null {
    const roots = this.roots();
    const segments = this.segments();
    if (roots.length < (segments[0] ?? 0)) {
      return null;
    }
    const last = segments.at(-1) ?? 0;
    while (roots.length < last) {
      const entries = this.wholeSegment(roots.length);
      if (entries === null) {
        return null;
      }
      roots.push(rootOf(entries.map(leafHash)));
    }
    return roots;
  }

  /** Bytes of some segments. */
  bytesOf(segments: readonly number[]): number {
    return segments.reduce(
      (sum, number) =>
        sum + (statSync(this.segmentPath(number), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }
}

const SEGMENT_NAME = /^segment-\d{8}$/;

function readOr(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw new WardError("WARD_JOURNAL_OPEN", `Cannot read the journal: ${errorText(error)}.`, {
      cause: error,
    });
  }
}
