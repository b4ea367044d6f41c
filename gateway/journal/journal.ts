import { constants, unlinkSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

import { errorText, WardError } from "../errors.ts";
import { syncDirectory } from "../outbox/disk-sync.ts";
import type { ClockQuality } from "../reading.ts";
import { encodeEntry } from "./entry.ts";
import { type JournalEvent, parseJournalEvent } from "./event.ts";
import { JournalFiles } from "./journal-files.ts";
import { findJournal, type LastHouse, type OpenSegment } from "./journal-state.ts";
import { leafHash, rootOf } from "./merkle.ts";
import { type JournalEntries, pageOf } from "./page.ts";
import { SEGMENT_BYTES_MAX, SEGMENT_ENTRIES, SegmentSeal, type SegmentOwner } from "./segment.ts";
import { JournalTree } from "./tree.ts";

export interface JournalOptions {
  readonly directory: string;
  readonly owner: SegmentOwner;
  /** 8 bytes as hex, of this run of the gateway. */
  readonly boot: string;
  /** Bytes of entries on disk, about, at most; the oldest go first. */
  readonly bytesMax: number;
  /** Gateway time, epoch milliseconds. */
  readonly now: () => number;
  readonly clock: () => ClockQuality;
}

interface Waiting {
  readonly event: JournalEvent;
  readonly written: PromiseWithResolvers<number>;
}

/**
 * The journal that is written: what `append` resolves for is on disk. Entries that come together share one write. One process
 * at a time may have it open; others may read its files (README.md).
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #files: JournalFiles;
  readonly #roots: Uint8Array[];
  readonly #queue: Waiting[] = [];
  readonly #lastHouse: LastHouse;
  /** Written before what comes next. */
  #notes: JournalEvent[];
  #open: OpenSegment | null;
  #file: FileHandle | null = null;
  #gone: number[] = [];
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;

  private constructor(options: JournalOptions) {
    this.#options = options;
    this.#files = new JournalFiles(options.directory, options.owner);
    const { roots, open: last, notes, lastHouse } = findJournal(this.#files);
    this.#roots = roots;
    this.#open = last;
    this.#notes = notes;
    this.#lastHouse = lastHouse;
  }

  /** Opens or begins the journal of a directory. Throws WardError `WARD_JOURNAL_OPEN`. */
  static open(options: JournalOptions): Journal {
    try {
      return new Journal(options);
    } catch (error) {
      throw new WardError("WARD_JOURNAL_OPEN", `Cannot open the journal: ${errorText(error)}.`, {
        cause: error,
      });
    }
  }

  /** What was said of the gateway as a whole before this run. */
  get lastHouse(): LastHouse {
    return this.#lastHouse;
  }

  /** The tree as it is now: everything that is on disk. */
  get tree(): JournalTree {
    return new JournalTree({
      roots: [...this.#roots],
      leaves: [...(this.#open?.leaves ?? [])],
      entries: async (segment) => this.#files.wholeSegment(segment),
    });
  }

  /**
   * Writes an entry; resolves with its number when it is on disk, so await it before what it tells of happens. Rejects with
   * WardError `WARD_JOURNAL_WRITE` (then nothing may happen), `WARD_JOURNAL_BUSY` or `WARD_JOURNAL_ENTRY`.
   */
  async append(event: JournalEvent): Promise<number> {
    parseJournalEvent(event);
    if (this.#queue.length >= QUEUE_MAX) {
      throw new WardError(
        "WARD_JOURNAL_BUSY",
        "Cannot write the journal: too much is being written to it. Try again in a moment.",
      );
    }
    const written = Promise.withResolvers<number>();
    this.#queue.push({ event, written });
    if (!this.#isWriting) {
      this.#isWriting = true;
      this.#writing = this.#writeAll();
    }
    return written.promise;
  }

  /** Entries as they are on disk; see `pageOf`. */
  page(from: number | null, count: number): JournalEntries {
    return pageOf(this.#files, this.tree.size, from, count);
  }

  /** Keeps a checkpoint that was signed for this journal. */
  keepCheckpoint(note: string): void {
    this.#files.writeCheckpoint(note);
  }

  /** The last checkpoint that was kept. */
  get checkpoint(): string | null {
    return this.#files.checkpoint();
  }

  /** Ends after what is being written. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = null;
  }

  async #writeAll(): Promise<void> {
    // What is asked for in the same turn shares a write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, BATCH_MAX);
      try {
        const numbers = await this.#write(batch.map(({ event }) => event));
        batch.forEach(({ written }, place) => written.resolve(numbers[place] ?? 0));
      } catch (error) {
        const failed = new WardError(
          "WARD_JOURNAL_WRITE",
          `Cannot write the journal: ${errorText(error)}. What had to be written down first was not done. Look at the disk.`,
          { cause: error },
        );
        batch.forEach(({ written }) => written.reject(failed));
      }
    }
    this.#isWriting = false;
  }

  /** Returns the numbers of the entries. */
  async #write(events: readonly JournalEvent[]): Promise<number[]> {
    const numbers: number[] = [];
    while (numbers.length < events.length) {
      const segment = await this.#segment();
      const first = segment.number * SEGMENT_ENTRIES + segment.leaves.length;
      const room = SEGMENT_ENTRIES - segment.leaves.length;
      const notes = this.#notes.slice(0, room);
      const part = events.slice(numbers.length, numbers.length + room - notes.length);
      await this.#put(segment, [...notes, ...part]);
      this.#notes = this.#notes.slice(notes.length);
      numbers.push(...part.map((_, place) => first + notes.length + place));
      this.#forget();
    }
    return numbers;
  }

  async #put(segment: OpenSegment, events: readonly JournalEvent[]): Promise<void> {
    const { boot, now, clock } = this.#options;
    const stamp = { at: now(), clock: clock(), boot };
    const entries = events.map((event) => encodeEntry(event, stamp));
    const first = segment.leaves.length;
    const bytes = Buffer.concat(
      entries.map((entry, place) => segment.seal.seal(first + place, entry)),
    );
    await this.#writeBytes(segment.number, bytes, segment.offset);
    segment.offset += bytes.length;
    segment.leaves.push(...entries.map(leafHash));
  }

  /** The segment with room for an entry; a new one when the last is whole. */
  async #segment(): Promise<OpenSegment> {
    const last = this.#open;
    if (last !== null && last.leaves.length < SEGMENT_ENTRIES) {
      return last;
    }
    if (last !== null) {
      const roots = [...this.#roots, rootOf(last.leaves)];
      this.#files.writeRoots(roots);
      await this.#file?.close();
      this.#file = null;
      this.#roots.push(...roots.slice(this.#roots.length));
      this.#open = null;
      this.#makeRoom();
    }
    const number = this.#roots.length;
    const seal = SegmentSeal.make(number, this.#options.owner);
    await this.#writeBytes(number, seal.header, 0);
    syncDirectory(this.#options.directory, []);
    this.#open = { number, seal, leaves: [], offset: seal.header.length };
    return this.#open;
  }

  /** Writes through to the disk. A write that failed halfway is written over by the next. */
  async #writeBytes(segment: number, bytes: Uint8Array, offset: number): Promise<void> {
    const { O_RDWR, O_CREAT, O_DSYNC } = constants;
    const path = this.#files.segmentPath(segment);
    try {
      this.#file ??= await open(path, O_RDWR | O_CREAT | O_DSYNC, 0o600);
      const { bytesWritten } = await this.#file.write(bytes, 0, bytes.length, offset);
      if (bytesWritten < bytes.length) {
        throw new WardError("WARD_JOURNAL_WRITE", "the disk is full");
      }
    } catch (error) {
      const file = this.#file;
      this.#file = null;
      await file?.close().catch(() => undefined);
      throw error;
    }
  }

  /** Chooses the oldest segments to be given up; that it happens is written down first. */
  #makeRoom(): void {
    const segments = this.#files.segments().filter((number) => number < this.#roots.length);
    const most = Math.max(0, this.#options.bytesMax - SEGMENT_BYTES_MAX);
    const given: number[] = [];
    while (segments.length > 1 && this.#files.bytesOf(segments) > most) {
      given.push(...segments.splice(0, 1));
    }
    const [first, end] = [given[0], given.at(-1)];
    if (first !== undefined && end !== undefined) {
      const what = { from: first * SEGMENT_ENTRIES, to: (end + 1) * SEGMENT_ENTRIES };
      this.#notes.push({ kind: "journal-dropped", who: "gateway", outcome: "done", what });
      this.#gone = given;
    }
  }

  /** Removes what was given up. Should it fail, the next whole segment tries again. */
  #forget(): void {
    const gone = this.#gone;
    this.#gone = [];
    for (const number of gone) {
      try {
        unlinkSync(this.#files.segmentPath(number));
      } catch {
        // It is still listed, and given up again.
      }
    }
  }
}

/** Entries that may wait to be written, and that share one write, at most. */
const QUEUE_MAX = 2000;
const BATCH_MAX = 200;
