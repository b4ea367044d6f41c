import type { ColumnReader, ColumnWriter } from "../gateway/columns.ts";
import { CLOCK_SET_NOTICE, type Item } from "../gateway/reading.ts";
import type { ItemColumns, ItemGroup } from "../gateway/sealing/item-columns.ts";
import { itemAt } from "../gateway/sealing/unbatch.ts";

/** A clock that was set in one run of bedside, as the notice among the takes of one device tells. */
export interface ClockSet {
  /** Takes with a smaller number have times by the clock before. */
  readonly take: number;
  /** What the clock after said, less what the one before said at the same instant (milliseconds). */
  readonly ms: number;
  /** The clock after was one to go by. */
  readonly isTrusted: boolean;
}

/** What an item says of a clock that was set, or null. */
export function clockSetIn(item: Item): ClockSet | null {
  return item.kind === "notice" && item.notice === CLOCK_SET_NOTICE && item.since !== null
    ? { take: item.take, ms: item.at - item.since, isTrusted: item.clock !== "unsynchronised" }
    : null;
}

/** All clocks that were set in one run of bedside of one device, in the order of takes. */
export class ClockSets {
  readonly #sets: ClockSet[];

  constructor(sets: readonly ClockSet[] = []) {
    this.#sets = sets.toSorted((a, b) => a.take - b.take);
  }

  /** Adds those that items tell of, the first of which is number `first` of its record; true when there are any. */
  learn(items: ItemColumns, groups: readonly ItemGroup[], first: number): boolean {
    let item = first;
    let hasAny = false;
    for (const group of groups) {
      for (const end = item + group.count; item < end; item += 1) {
        const set = clockSetIn(itemAt(items, group, item));
        if (set !== null) {
          this.add(set);
          hasAny = true;
        }
      }
    }
    return hasAny;
  }

  /** Adds one; one that is here already, or one too many, is left out. */
  add(set: ClockSet): void {
    const place = this.#sets.findIndex(({ take }) => take >= set.take);
    const isKnown = this.#sets[place]?.take === set.take;
    if (!isKnown && this.#sets.length < SETS_MAX) {
      this.#sets.splice(place < 0 ? this.#sets.length : place, 0, set);
    }
  }

  /**
   * What has to be added to the time of a take to have it by the last clock to go by (milliseconds). 0 when none came after
   * the take.
   */
  correctionOf(take: number): number {
    let sum = 0;
    let trusted = 0;
    for (const set of this.#sets) {
      if (set.take > take) {
        sum += set.ms;
        trusted = set.isTrusted ? sum : trusted;
      }
    }
    return trusted;
  }

  write(writer: ColumnWriter): void {
    writer.uint(this.#sets.length);
    for (const { take, ms, isTrusted } of this.#sets) {
      writer.uint(take);
      writer.sint(ms);
      writer.byte(isTrusted ? 1 : 0);
    }
  }

  static read(reader: ColumnReader): ClockSets {
    const count = reader.count("clocks", SETS_MAX);
    return new ClockSets(
      Array.from({ length: count }, () => ({
        take: reader.uint("take", Number.MAX_SAFE_INTEGER),
        ms: reader.sint("time", Number.MAX_SAFE_INTEGER),
        isTrusted: reader.byte("trusted", 1) === 1,
      })),
    );
  }
}

/** In one run of bedside; a gateway tells of at most one a second. */
const SETS_MAX = 1000;
