import { fenceKey, goneKey, headKey, type ChainSlot } from "./keys.ts";
import type { StoreWrite } from "./store.ts";
import { sealRow, writeGone, writeHead, type Head } from "./values.ts";
import {
  addRange,
  countSequences,
  dropBelow,
  hasSequence,
  missingFrom,
  type SequenceRange,
} from "../sealing/sequence-ranges.ts";

/** One class of one store in memory: which numbers were given, which records are gone. */
export class Chain {
  readonly place: ChainSlot;
  #next: number;
  #low: number;
  #bytes: number;
  #hash: string | null;
  #gone: readonly SequenceRange[];
  #committed: number;

  constructor(place: ChainSlot, head: Head = EMPTY, gone: readonly SequenceRange[] = []) {
    this.place = place;
    this.#next = head.next;
    this.#low = head.low;
    this.#bytes = head.bytes;
    this.#hash = head.hash;
    this.#gone = dropBelow(gone, head.low);
    this.#committed = head.next;
  }

  /** The sequence number of the next record. */
  get next(): number {
    return this.#next;
  }

  /** Every record below is gone. */
  get low(): number {
    return this.#low;
  }

  /** Numbers that were given and are not gone. */
  get batches(): number {
    return this.#next - this.#low - countSequences(this.#gone);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Hash of the last record, as hex. */
  get hash(): string | null {
    return this.#hash;
  }

  get isEmpty(): boolean {
    return this.#low === this.#next;
  }

  append(hash: string, bytes: number): void {
    this.#next += 1;
    this.#bytes += bytes;
    this.#hash = hash;
  }

  /** Records below `next` are on disk. */
  commit(next: number): void {
    this.#committed = Math.max(this.#committed, next);
  }

  /** Records on disk that are not gone, as ranges in order. */
  waiting(): SequenceRange[] {
    return this.waitingIn([this.#low, this.#committed - 1]);
  }

  /** The part of a range that is on disk and not gone. */
  waitingIn([from, to]: SequenceRange): SequenceRange[] {
    const within: SequenceRange = [Math.max(from, this.#low), Math.min(to, this.#committed - 1)];
    return within[0] > within[1] ? [] : missingFrom(this.#gone, within);
  }

  isGone(sequence: number): boolean {
    return sequence < this.#low || hasSequence(this.#gone, sequence);
  }

  /** True when a range can be forgotten without the set of gone numbers growing too long. */
  canForget(range: SequenceRange): boolean {
    return range[0] <= this.#low || addRange(this.#gone, range).length <= GONE_RANGES_MAX;
  }

  /** Takes a range out, in which `bytes` bytes of records were really there. */
  forget(range: SequenceRange, bytes: number): void {
    const gone = addRange(this.#gone, range);
    const first = gone[0];
    if (first !== undefined && first[0] <= this.#low) {
      this.#low = Math.max(this.#low, first[1] + 1);
    }
    this.#gone = dropBelow(gone, this.#low);
    this.#bytes = this.isEmpty ? 0 : Math.max(0, this.#bytes - bytes);
  }

  /** Goes with the first record. */
  fenceWrite(): StoreWrite {
    return [fenceKey(this.place), new Uint8Array()];
  }

  headWrite(): StoreWrite {
    const head = {
      next: this.#next,
      low: this.#low,
      batches: this.batches,
      bytes: this.#bytes,
      hash: this.#hash,
    };
    return sealRow(headKey(this.place), writeHead(head));
  }

  goneWrite(): StoreWrite {
    const key = goneKey(this.place);
    return this.#gone.length === 0 ? [key, null] : sealRow(key, writeGone(this.#gone));
  }
}

/** Receipts mostly run together; a hub that leaves more holes than this waits until the holes close. */
export const GONE_RANGES_MAX = 1024;

const EMPTY: Head = { next: 1, low: 1, batches: 0, bytes: 0, hash: null };
