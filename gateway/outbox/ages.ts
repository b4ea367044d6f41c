import type { Chain } from "./chain.ts";
import { ageKey, livedKey, type ChainSlot } from "./keys.ts";
import type { StoreWrite } from "./store.ts";
import { sealRow, writeLived, writeMarks, type AgeMark } from "./values.ts";

/** What the rows of a store say about ages. */
export interface LoadedAges {
  /** Milliseconds that the store had been open when that was last written. */
  readonly livedMs: number;
  /** Per chain, oldest first. */
  readonly marks: readonly { readonly place: ChainSlot; readonly marks: readonly AgeMark[] }[];
}

/** How long a class may wait in milliseconds; null: for ever; undefined: not known here, and its marks stay as they are. */
export type TtlOf = (className: ChainSlot["class"]) => number | null | undefined;

/**
 * How old records are, in time that the store was open. No wall clock is asked: one that jumps by years must not make
 * anything old. What a gateway holds while it is switched off does not age.
 *
 * Marks say "record n was put at t". There are few of them, so a record may live longer than its time by one mark's span.
 */
export class Ages {
  readonly #ttlMs: TtlOf;
  readonly #monotonic: () => number;
  readonly #startedAt: number;
  readonly #before: number;
  readonly #marks: Map<string, AgeMark[]> = new Map();
  #writtenMs: number;

  /** `monotonic` is in milliseconds. */
  constructor(loaded: LoadedAges, ttlMs: TtlOf, monotonic: () => number) {
    this.#ttlMs = ttlMs;
    this.#monotonic = monotonic;
    this.#startedAt = monotonic();
    this.#before = loaded.livedMs;
    this.#writtenMs = loaded.livedMs;
    for (const { place, marks } of loaded.marks) {
      this.#marks.set(chainName(place), [...marks]);
    }
  }

  /** Milliseconds that the store has been open, over all its starts. */
  get livedMs(): number {
    return this.#before + Math.max(0, this.#monotonic() - this.#startedAt);
  }

  /** Sets a mark where one is due for what comes next in a chain. Returns what to store with it. */
  mark(chain: Chain): StoreWrite[] {
    const ttlMs = this.#ttlMs(chain.place.class);
    if (ttlMs === undefined) {
      return [];
    }
    if (ttlMs === null) {
      return this.#forget(chain.place);
    }
    const marks = this.#marks.get(chainName(chain.place)) ?? [];
    const last = marks.at(-1);
    const now = Math.trunc(this.livedMs);
    if (last !== undefined && now - last.livedMs < ttlMs / MARKS_PER_TTL) {
      return [];
    }
    const live = marks.slice(-MARKS_MAX + 1);
    this.#marks.set(chainName(chain.place), [...live, { sequence: chain.next, livedMs: now }]);
    return [...this.#row(chain.place), ...this.#lived()];
  }

  /** Everything in the chain below this number is older than its class may be; 1 when nothing is. */
  expiredBelow(place: ChainSlot): number {
    const ttlMs = this.#ttlMs(place.class);
    const marks = typeof ttlMs !== "number" ? [] : (this.#marks.get(chainName(place)) ?? []);
    const before = this.livedMs - (ttlMs ?? 0);
    return marks.findLast(({ livedMs }) => livedMs <= before)?.sequence ?? 1;
  }

  /** Forgets marks that say nothing any more. Returns what to store. */
  trim(chain: Chain): StoreWrite[] {
    const marks = this.#marks.get(chainName(chain.place));
    if (marks === undefined) {
      return [];
    }
    const needed = marks.findLastIndex(({ sequence }) => sequence <= chain.low);
    if (needed <= 0) {
      return [];
    }
    this.#marks.set(chainName(chain.place), marks.slice(needed));
    return this.#row(chain.place);
  }

  /** The time lived, when it was last written a while ago; nothing when it is fresh. */
  due(): StoreWrite[] {
    return this.livedMs - this.#writtenMs < LIVED_MS ? [] : this.#lived();
  }

  /** The time lived, to be stored. */
  #lived(): StoreWrite[] {
    this.#writtenMs = this.livedMs;
    return [sealRow(livedKey(), writeLived(Math.trunc(this.#writtenMs)))];
  }

  #forget(place: ChainSlot): StoreWrite[] {
    return this.#marks.delete(chainName(place)) ? [[ageKey(place), null]] : [];
  }

  #row(place: ChainSlot): StoreWrite[] {
    const key = ageKey(place);
    return [sealRow(key, writeMarks(this.#marks.get(chainName(place)) ?? []))];
  }
}

/** A mark is set at most this often within the time that a class may wait. */
const MARKS_PER_TTL = 32;
const MARKS_MAX = 64;
/** What a kill may take from the time lived. */
const LIVED_MS = 60_000;

function chainName(place: ChainSlot): string {
  return `${place.class}/${place.store}`;
}
