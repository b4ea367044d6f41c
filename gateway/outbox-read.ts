import { errorCode, WardError } from "./errors.ts";
import type { Chain } from "./outbox-chain.ts";
import { recordKey, slotOf, type ChainSlot, type RecordSlot } from "./outbox-keys.ts";
import type { RecordCodec, StoredRecord } from "./outbox-records.ts";
import type { OutboxState } from "./outbox-state.ts";
import type { Store } from "./outbox-store.ts";
import type { SequenceRange } from "./sequence-ranges.ts";

/** Reads records and tells the good from the bad. */
export class RecordReader {
  readonly #store: Store;
  readonly #state: OutboxState;
  readonly #codec: RecordCodec;

  constructor(store: Store, state: OutboxState, codec: RecordCodec) {
    this.#store = store;
    this.#state = state;
    this.#codec = codec;
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
      const record = this.#checked({ ...chain.place, sequence }, found.get(sequence));
      if (record === null) {
        bad.push(sequence);
      } else {
        good.push(record);
      }
    }
    return { good, bad, found };
  }

  /** The bytes that lie in a range, unchecked. Throws WardError `WARD_OUTBOX_READ` when the disk cannot be read. */
  async scan(place: ChainSlot, [from, to]: SequenceRange): Promise<Map<number, Uint8Array>> {
    try {
      const gte = recordKey({ ...place, sequence: from });
      const entries = await this.#store.range({
        gte,
        lt: recordKey({ ...place, sequence: to + 1 }),
      });
      return new Map(entries.map(([key, value]) => [slotOf(key)?.sequence ?? 0, value]));
    } catch (error) {
      if (!isDamagedTable(error)) {
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
        const found = await this.scan(chain.place, [first[0], first[0]]);
        const bytes = found.get(first[0]);
        return bytes === undefined ? null : this.#codec.storedAt(bytes);
      }
    }
    return null;
  }

  async #scanOneByOne(place: ChainSlot, range: SequenceRange): Promise<Map<number, Uint8Array>> {
    const found = new Map<number, Uint8Array>();
    for (const sequence of numbers(range)) {
      try {
        const bytes = await this.#store.get(recordKey({ ...place, sequence }));
        if (bytes !== undefined) {
          found.set(sequence, bytes);
        }
      } catch (error) {
        if (!isDamagedTable(error)) {
          throw error;
        }
      }
    }
    return found;
  }

  #checked(slot: RecordSlot, bytes: Uint8Array | undefined): StoredRecord | null {
    if (bytes === undefined) {
      return null;
    }
    try {
      const { epoch, items, storedAt } = this.#codec.check(bytes, {
        store: this.#state.idOf(slot.store),
        class: slot.class,
        sequence: slot.sequence,
      });
      return { ...slot, bytes, epoch, items, storedAt };
    } catch {
      return null;
    }
  }
}

/** Every number of a range. */
export function numbers([from, to]: SequenceRange): number[] {
  return Array.from({ length: to - from + 1 }, (_, place) => from + place);
}

/** A part of the data is unreadable for good, as against a disk that cannot be read now. */
function isDamagedTable(error: unknown): boolean {
  return error instanceof WardError && errorCode(error.cause) === "LEVEL_CORRUPTION";
}
