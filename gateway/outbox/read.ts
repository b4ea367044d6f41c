import type { Chain } from "./chain.ts";
import { recordKey, slotOf, type ChainSlot, type RecordSlot } from "./keys.ts";
import type { StoredRecord } from "./records.ts";
import type { Store } from "./commits.ts";
import { getIfReadable, isUnreadable } from "./salvage.ts";
import { readRecord } from "./values.ts";
import { hashHex } from "../sealing/envelope.ts";
import type { SequenceRange } from "../sealing/sequence-ranges.ts";

/** Reads records and tells the good from the bad. */
export class RecordReader {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * The records of some ranges of one chain, as far as about `bytesMax` bytes reach: those that are good, and the numbers of
   * those that are not. `next` is the first number that was not looked at, or null.
   */
  async read(
    chain: Chain,
    ranges: readonly SequenceRange[],
    bytesMax: number = Number.POSITIVE_INFINITY,
  ): Promise<{
    good: StoredRecord[];
    bad: number[];
    found: ReadonlyMap<number, Uint8Array>;
    next: number | null;
  }> {
    const good: StoredRecord[] = [];
    const bad: number[] = [];
    const found = new Map<number, Uint8Array>();
    let bytesLeft = bytesMax;
    for (const range of ranges) {
      if (bytesLeft <= 0) {
        return { good, bad, found, next: range[0] };
      }
      const looked = await this.some(chain.place, range, bytesLeft);
      const end = looked.rest === null ? range[1] : looked.rest[0] - 1;
      for (const sequence of numbers([range[0], end])) {
        const slot = { ...chain.place, sequence };
        const value = looked.found.get(sequence) ?? (await this.#passedOver(slot));
        const record = checked(slot, value);
        if (record === null) {
          bad.push(sequence);
        } else {
          good.push(record);
        }
        if (value !== undefined) {
          found.set(sequence, value);
          bytesLeft -= value.length;
        }
      }
      if (looked.rest !== null) {
        return { good, bad, found, next: looked.rest[0] };
      }
    }
    return { good, bad, found, next: null };
  }

  /** The values that lie in a range, unchecked. Throws WardError `WARD_OUTBOX_READ` when the disk cannot be read. */
  async scan(place: ChainSlot, range: SequenceRange): Promise<Map<number, Uint8Array>> {
    return (await this.some(place, range, Number.POSITIVE_INFINITY)).found;
  }

  /**
   * The same for the beginning of a range, or for its end: about `bytesMax` bytes and at least one record. `rest` is the
   * part of the range that was not looked at, or null.
   */
  async some(
    place: ChainSlot,
    [from, to]: SequenceRange,
    bytesMax: number,
    side: "oldest" | "newest" = "oldest",
  ): Promise<{ found: Map<number, Uint8Array>; rest: SequenceRange | null }> {
    const limit = to - from + 1;
    try {
      const entries = await this.#store.range({
        gte: recordKey({ ...place, sequence: from }),
        lt: recordKey({ ...place, sequence: to + 1 }),
        limit,
        bytesMax,
        reverse: side === "newest",
      });
      const found = new Map(entries.map(([key, value]) => [slotOf(key)?.sequence ?? 0, value]));
      const bytes = entries.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
      const last = [...found.keys()].at(-1);
      const isCut = bytes >= bytesMax && found.size < limit && last !== undefined;
      const rest: SequenceRange =
        side === "oldest" ? [(last ?? 0) + 1, to] : [from, (last ?? 0) - 1];
      return { found, rest: isCut && rest[0] <= rest[1] ? rest : null };
    } catch (error) {
      if (!isUnreadable(error)) {
        throw error;
      }
      return { found: await this.#scanOneByOne(place, [from, to]), rest: null };
    }
  }

  /** When the oldest waiting record of some chains was stored (epoch milliseconds), or null. */
  async oldestAt(chains: readonly Chain[]): Promise<number | null> {
    for (const chain of chains) {
      const first = chain.waiting()[0];
      if (first !== undefined) {
        const key = recordKey({ ...chain.place, sequence: first[0] });
        const value = await getIfReadable(this.#store, key);
        return value === undefined ? null : (readRecord(key, value)?.facts.storedAt ?? null);
      }
    }
    return null;
  }

  /** A record that a walk did not meet although it is there: the index of its table is damaged. */
  async #passedOver(slot: RecordSlot): Promise<Uint8Array | undefined> {
    const value = await getIfReadable(this.#store, recordKey(slot));
    if (value !== undefined) {
      this.#store.distrust();
    }
    return value;
  }

  async #scanOneByOne(place: ChainSlot, range: SequenceRange): Promise<Map<number, Uint8Array>> {
    const found = new Map<number, Uint8Array>();
    for (const sequence of numbers(range)) {
      const value = await getIfReadable(this.#store, recordKey({ ...place, sequence }));
      if (value !== undefined) {
        found.set(sequence, value);
      }
    }
    return found;
  }
}

/** The record in a value, or null when it is not exactly what was stored. */
function checked(slot: RecordSlot, value: Uint8Array | undefined): StoredRecord | null {
  const read = value === undefined ? null : readRecord(recordKey(slot), value);
  return read === null || hashHex(read.bytes) !== read.facts.hash
    ? null
    : { ...slot, ...read.facts, bytes: read.bytes };
}

/** Every number of a range. */
export function numbers([from, to]: SequenceRange): number[] {
  return Array.from({ length: to - from + 1 }, (_, place) => from + place);
}
