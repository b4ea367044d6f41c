import { epochKey, spareKey, useKey, type ChainSlot, type RecordSlot } from "./keys.ts";
import type { StoreWrite } from "./store.ts";
import type { Store } from "./commits.ts";
import type { EpochRecord } from "./records.ts";
import { openRow, sealRow, writeUse, type EpochUse } from "./values.ts";

/**
 * Which epoch keys the outbox holds, and which records need each. A wrapped key is kept until every record sealed under
 * it is gone, and beyond that while it is among the last ones used, because its sealing process may use it again.
 */
export class EpochBook {
  readonly #uses: Map<string, Use> = new Map();
  #order = 0;

  constructor(uses: ReadonlyMap<string, EpochUse>) {
    for (const [epoch, use] of uses) {
      this.#uses.set(epoch, {
        order: use.order,
        last: new Map(use.last.map((place) => [chainName(place), place])),
      });
      this.#order = Math.max(this.#order, use.order);
    }
  }

  has(epoch: string): boolean {
    return this.#uses.has(epoch);
  }

  /** Takes note of a new epoch; it is stored with the records of the same write. */
  add(epoch: string): void {
    if (!this.#uses.has(epoch)) {
      this.#order += 1;
      this.#uses.set(epoch, { order: this.#order, last: new Map() });
    }
  }

  /** Takes note that the record at `place` needs the epoch. */
  use(epoch: string, place: RecordSlot): void {
    this.add(epoch);
    const use = this.#uses.get(epoch);
    if (use !== undefined) {
      this.#order += 1;
      use.order = this.#order;
      use.last.set(chainName(place), place);
    }
  }

  useWrite(epoch: string): StoreWrite {
    const use = this.#uses.get(epoch);
    return use === undefined
      ? [useKey(epoch), null]
      : sealRow(useKey(epoch), writeUse({ order: use.order, last: [...use.last.values()] }));
  }

  /** Epochs that some record still needs, in the order of their last use. `lowOf` gives the first record not gone. */
  needed(lowOf: (chain: ChainSlot) => number): string[] {
    return this.#inOrder()
      .filter(([, use]) => isNeeded(use, lowOf))
      .map(([epoch]) => epoch);
  }

  /** Forgets what nobody needs any more; returns the deletions to be stored. */
  clean(lowOf: (chain: ChainSlot) => number, pinned: readonly string[]): StoreWrite[] {
    const kept = new Set(pinned);
    const old = this.#inOrder().slice(0, -RECENT_EPOCHS);
    const writes: StoreWrite[] = [];
    for (const [epoch, use] of old) {
      if (!kept.has(epoch) && !isNeeded(use, lowOf)) {
        this.#uses.delete(epoch);
        writes.push([epochKey(epoch), null], [spareKey(epoch), null], [useKey(epoch), null]);
      }
    }
    return writes;
  }

  #inOrder(): [string, Use][] {
    return [...this.#uses].sort(([, a], [, b]) => a.order - b.order);
  }
}

/** Stores a signed epoch key twice. */
export function epochWrites({ epoch, bytes }: EpochRecord): StoreWrite[] {
  return [sealRow(epochKey(epoch), bytes), sealRow(spareKey(epoch), bytes)];
}

/** The bytes of a signed epoch key, from whichever of its two rows is good; null when none is. */
export async function readEpoch(store: Store, epoch: string): Promise<Uint8Array | null> {
  for (const key of [epochKey(epoch), spareKey(epoch)]) {
    const value = await store.get(key).catch(() => undefined);
    const bytes = value === undefined ? null : openRow(key, value);
    if (bytes !== null) {
      return bytes;
    }
  }
  return null;
}

/** Epochs that are kept although no record needs them. */
export const RECENT_EPOCHS = 32;

interface Use {
  order: number;
  readonly last: Map<string, RecordSlot>;
}

function isNeeded(use: Use, lowOf: (chain: ChainSlot) => number): boolean {
  return [...use.last.values()].some((place) => place.sequence >= lowOf(place));
}

function chainName(place: ChainSlot): string {
  return `${place.class}/${place.store}`;
}
