import { type HubStore, numberIn } from "./store.ts";
import type { TakeRange } from "./ledger.ts";

/** What a range row counts: records of a chain that are here or gone, or takes of a boot that are archived. */
export const RANGE_KINDS = { committed: 1, gone: 2, archived: 3 } as const;
export type RangeKind = (typeof RANGE_KINDS)[keyof typeof RANGE_KINDS];

/** Sets of numbers as merged ranges in the database: years of records stay a handful of rows. */
export class RangeTable {
  readonly #store: HubStore;

  constructor(store: HubStore) {
    this.#store = store;
  }

  /** Adds first..last, merging with what touches it. */
  add(kind: RangeKind, owner: number, first: number, last: number): void {
    let from = first;
    let to = last;
    for (const [otherFirst, otherLast] of this.#touching(kind, owner, first, last)) {
      from = Math.min(from, otherFirst);
      to = Math.max(to, otherLast);
      this.#store
        .statement("DELETE FROM ranges WHERE kind = ? AND owner = ? AND first = ?")
        .run(kind, owner, otherFirst);
    }
    this.#store.statement("INSERT INTO ranges VALUES (?, ?, ?, ?)").run(kind, owner, from, to);
  }

  /** The range that holds the value, or null. */
  holding(kind: RangeKind, owner: number, value: number): TakeRange | null {
    const row = this.#store
      .statement(
        `SELECT first, last FROM ranges WHERE kind = ? AND owner = ? AND first <= ?
         ORDER BY first DESC LIMIT 1`,
      )
      .get(kind, owner, value);
    if (row === undefined || numberIn(row, "last") < value) {
      return null;
    }
    return [numberIn(row, "first"), numberIn(row, "last")];
  }

  /** All ranges in order, newest `countMax` at most. */
  all(kind: RangeKind, owner: number, countMax: number): TakeRange[] {
    return this.#store
      .statement(
        "SELECT first, last FROM ranges WHERE kind = ? AND owner = ? ORDER BY first DESC LIMIT ?",
      )
      .all(kind, owner, countMax)
      .map((row): TakeRange => [numberIn(row, "first"), numberIn(row, "last")])
      .toReversed();
  }

  /** Ranges are disjoint, so the last ones that begin early enough are the only ones that can reach this far. */
  #touching(kind: RangeKind, owner: number, first: number, last: number): TakeRange[] {
    const touching: TakeRange[] = [];
    const below = this.#store
      .statement(
        "SELECT first, last FROM ranges WHERE kind = ? AND owner = ? AND first <= ? ORDER BY first DESC",
      )
      .each(kind, owner, last + 1);
    for (const row of below) {
      if (numberIn(row, "last") < first - 1) {
        break;
      }
      touching.push([numberIn(row, "first"), numberIn(row, "last")]);
    }
    return touching;
  }
}
