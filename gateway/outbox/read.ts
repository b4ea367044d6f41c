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

  /** The records of some ranges of one chain: those that are good, and the numbers of those that are not. */
  async read(
    chain: Chain,
    ranges: readonly SequenceRange[],
  ): Promise<{ good: StoredRecord[]; bad: number[]; found: ReadonlyMap<number, Uint8Array> }> {
    const first = ranges[0];
    const last = ranges.at(-1);
    const good: StoredRecord[] = [];
    const bad: number[] = [];
    if (first === undefined || last === undefined) {
      return { good, bad, found: new Map() };
    }
    const found = await this.scan(chain.place, [first[0], last[1]]);
    for (const sequence of ranges.flatMap(numbers)) {
      const record = checked({ ...chain.place, sequence }, found.get(sequence));
      if (record === null) {
        bad.push(sequence);
      } else {
        good.push(record);
      }
    }
    return { good, bad, found };
  }

  /** The values that lie in a range, unchecked. Throws WardError `WARD_OUTBOX_READ` when the disk cannot be read. */
  async scan(place: ChainSlot, [from, to]: SequenceRange): Promise<Map<number, Uint8Array>> {
    try {
      const gte = recordKey({ ...place, sequence: from });
      const entries = await this.#store.range({
        gte,
        lt: recordKey({ ...place, sequence: to + 1 }),
      });
      return new Map(entries.map(([key, value]) => [slotOf(key)?.sequence ?? 0, value]));
    } catch (error) {
      if (!isUnreadable(error)) {
        throw error;
      }
      return this.#scanOneByOne(place, [from, to]);
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
