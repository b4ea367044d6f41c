import type { LateRecords } from "./late-records.ts";
import { SendList } from "./send-list.ts";
import type { RecordSlot } from "../outbox/keys.ts";
import type { ChainRange } from "../outbox/outbox.ts";
import type { StoredRecord } from "../outbox/records.ts";

/** A part of the backlog that should be read from the disk: `countMax` numbers from its start. */
export interface ReadWish {
  readonly range: ChainRange;
  readonly countMax: number;
}

/**
 * What waits on disk: ranges that were not read yet, a few records that were, and beside them the late ones, one at a
 * time. Times are monotonic milliseconds.
 */
export class BacklogLane {
  readonly #late: LateRecords;
  readonly #waitingIn: (range: ChainRange) => readonly ChainRange[];
  readonly #ranges: SendList = new SendList();
  /** Read and not sent yet, in order. */
  #read: StoredRecord[] = [];
  #reading: { readonly range: ChainRange; readonly isLate: boolean } | null = null;
  /** A late record that was read and not sent yet. */
  #lateRead: StoredRecord | null = null;
  #isLateUnderWay = false;
  /** Size of the largest record of the last read. */
  #recordBytes = 0;

  constructor(late: LateRecords, waitingIn: (range: ChainRange) => readonly ChainRange[]) {
    this.#late = late;
    this.#waitingIn = waitingIn;
  }

  /** Adds what is not sent yet, or has to be sent again. */
  add(range: ChainRange): void {
    this.#ranges.add(range);
    this.#letNoticesFirst();
  }

  /** What should be read next, or null; `loaded` or `notLoaded` follows. */
  wish(now: number): ReadWish | null {
    if (this.#reading !== null) {
      return null;
    }
    const late = this.#isLateBusy() ? null : this.#late.due(now);
    if (late !== null) {
      const range = rangeOf(late);
      this.#reading = { range, isLate: true };
      // It goes this way now, and not once more with the others.
      this.#ranges.remove(range);
      return { range, countMax: 1 };
    }
    const countMax = this.#readAhead();
    const range = this.#read.length * 2 > countMax ? null : this.#ranges.take(countMax);
    this.#reading = range === null ? null : { range, isLate: false };
    return range === null ? null : { range, countMax };
  }

  loaded(records: readonly StoredRecord[]): void {
    const reading = this.#reading;
    this.#reading = null;
    if (reading?.isLate === true) {
      this.#lateRead = records[0] ?? null;
      if (this.#lateRead === null) {
        const { class: name, store, range } = reading.range;
        this.#late.forget({ class: name, store, sequence: range[0] });
      }
      return;
    }
    this.#recordBytes = Math.max(0, ...records.map(({ bytes }) => bytes.length));
    this.#read.push(...records.filter((record) => !this.#late.has(record)));
    this.#letNoticesFirst();
  }

  notLoaded(): void {
    if (this.#reading?.isLate === false) {
      this.#ranges.add(this.#reading.range);
    }
    this.#reading = null;
  }

  /** The record that is next and still in the outbox, or null. */
  head(): StoredRecord | null {
    const isGone = (record: StoredRecord): boolean => this.#waitingIn(rangeOf(record)).length === 0;
    if (this.#lateRead !== null && isGone(this.#lateRead)) {
      this.#late.forget(this.#lateRead);
      this.#lateRead = null;
    }
    while (this.#read[0] !== undefined && isGone(this.#read[0])) {
      this.#read.shift();
    }
    return this.#lateRead ?? this.#read[0] ?? null;
  }

  /** Takes the head out. */
  shift(): void {
    if (this.#lateRead === null) {
      this.#read.shift();
    } else {
      this.#lateRead = null;
      this.#isLateUnderWay = true;
    }
  }

  /** A late record was answered. */
  lateAnswered(): void {
    this.#isLateUnderWay = false;
  }

  /** What was read goes back to what was not: it may wait long. */
  unread(): void {
    this.#read.splice(0).forEach((record) => this.#ranges.add(rangeOf(record)));
  }

  /** When `wish` may have something although nothing happened, or null. */
  wakeAt(): number | null {
    return this.#isLateBusy() ? null : this.#late.dueAt();
  }

  clear(): void {
    this.#ranges.clear();
    this.#read = [];
    this.#reading = null;
    this.#lateRead = null;
    this.#isLateUnderWay = false;
  }

  #isLateBusy(): boolean {
    return this.#lateRead !== null || this.#isLateUnderWay;
  }

  /** A notice that came later must not wait for what happens to be in memory already. */
  #letNoticesFirst(): void {
    const first = this.#read[0];
    if (first !== undefined && first.class !== "notice" && this.#ranges.hasNotice) {
      this.unread();
    }
  }

  #readAhead(): number {
    const fitting = this.#recordBytes === 0 ? 1 : Math.floor(READ_BYTES / this.#recordBytes);
    return Math.max(1, Math.min(READ_RECORDS, fitting));
  }
}

export function rangeOf({ class: name, store, sequence }: RecordSlot): ChainRange {
  return { class: name, store, range: [sequence, sequence] };
}

/** Records read from the disk at a time. */
const READ_RECORDS = 32;
/** Bytes of them, about: by the largest record of the read before. */
const READ_BYTES = 2 ** 20;
