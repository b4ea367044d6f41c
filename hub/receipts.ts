import { ENTRIES_MAX, type Receipt, type Reject } from "../gateway/sealing/receipt.ts";
import type { RecordClass } from "../gateway/sealing/envelope.ts";
import type { TakeRange } from "./ledger.ts";

/** One record that the hub has answered for. */
export interface AnsweredPlace {
  readonly gateway: string;
  readonly store: string;
  readonly class: RecordClass;
  readonly sequence: number;
}

/** How far back a receipt may reach for a record; see `ReceiptBook`. */
export type ProvenFrom = (place: AnsweredPlace) => number;

/**
 * Gathers what is committed until the next receipt goes out. A receipt names a record only when these very bytes are
 * committed: the record itself, and all before it without a hole, because its hash chain proves that the gateway's are
 * the same as ours. So one new record after a lost receipt makes up for all that were lost, and a gateway whose store
 * was set back to an older copy is never told to forget what we never saw.
 */
export class ReceiptBook {
  readonly #stores = new Map<string, PendingReceipt>();
  readonly #provenFrom: ProvenFrom;

  constructor(provenFrom: ProvenFrom) {
    this.#provenFrom = provenFrom;
  }

  /** Notes a record that is committed, now or before. */
  committed(place: AnsweredPlace): void {
    const pending = this.#pending(place);
    const sequences = pending.sequences.get(place.class) ?? new Set();
    sequences.add(place.sequence);
    pending.sequences.set(place.class, sequences);
  }

  /** Notes a record that will never be committed. `reason` is a word of [a-z0-9-]. */
  rejected(place: AnsweredPlace, reason: string): void {
    const { rejects } = this.#pending(place);
    const { class: name, sequence } = place;
    if (rejects.length < ENTRIES_MAX) {
      rejects.push({ class: name, sequence, reason });
    }
  }

  get isEmpty(): boolean {
    return this.#stores.size === 0;
  }

  /** Takes everything gathered so far: one receipt per gateway and store. `at` is hub time (epoch milliseconds). */
  take(at: number): Receipt[] {
    const receipts = [...this.#stores.values()].map((pending): Receipt => {
      const { gateway, store, rejects } = pending;
      const ranges: Partial<Record<RecordClass, readonly TakeRange[]>> = {};
      for (const [name, sequences] of pending.sequences) {
        ranges[name] = this.#ranges({ gateway, store, class: name }, sequences);
      }
      return { version: 1, gateway, store, at, ranges, rejects };
    });
    this.#stores.clear();
    return receipts;
  }

  /** The highest first: one reach back mostly covers all the others. */
  #ranges(chain: Omit<AnsweredPlace, "sequence">, sequences: ReadonlySet<number>): TakeRange[] {
    const ranges: TakeRange[] = [];
    for (const sequence of [...sequences].sort((a, b) => b - a)) {
      const lowest = ranges.at(-1);
      if (lowest === undefined || sequence < lowest[0]) {
        ranges.push([this.#provenFrom({ ...chain, sequence }), sequence]);
      }
    }
    return joined(ranges.toReversed()).slice(-ENTRIES_MAX);
  }

  #pending({ gateway, store }: AnsweredPlace): PendingReceipt {
    const key = `${gateway}/${store}`;
    const known = this.#stores.get(key);
    if (known !== undefined) {
      return known;
    }
    const made: PendingReceipt = { gateway, store, sequences: new Map(), rejects: [] };
    this.#stores.set(key, made);
    return made;
  }
}

interface PendingReceipt {
  readonly gateway: string;
  readonly store: string;
  readonly sequences: Map<RecordClass, Set<number>>;
  readonly rejects: Reject[];
}

/** Rising disjoint ranges without neighbours that touch. */
function joined(ranges: readonly TakeRange[]): TakeRange[] {
  const result: TakeRange[] = [];
  for (const range of ranges) {
    const last = result.at(-1);
    if (last !== undefined && range[0] <= last[1] + 1) {
      result[result.length - 1] = [last[0], Math.max(last[1], range[1])];
    } else {
      result.push(range);
    }
  }
  return result;
}
