import { CLASSES, type ClassName } from "../gateway/reading.ts";
import type { TakeRow } from "./ledger.ts";
import { type HubStore, numberIn, numberOrNullIn, type Row, textIn } from "./store.ts";

/** The rows of recent takes; what is old and complete lies in the archive (take-archive.ts). */
export class TakeTable {
  readonly #store: HubStore;

  constructor(store: HubStore) {
    this.#store = store;
  }

  get(boot: number, take: number): TakeRow | null {
    const row = this.#store
      .statement("SELECT * FROM takes WHERE boot = ? AND take = ?")
      .get(boot, take);
    return row === undefined ? null : takeRowIn(row);
  }

  put(boot: number, take: number, row: TakeRow): void {
    this.#store
      .statement("INSERT OR REPLACE INTO takes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .run(
        boot,
        take,
        row.class,
        row.count,
        row.items,
        row.got,
        row.claimed,
        row.refused,
        row.withheld,
        row.dropped,
        row.digest,
        row.rest,
        row.tally,
        row.derived ? 1 : 0,
      );
  }

  remove(boot: number, take: number): void {
    this.#store.statement("DELETE FROM takes WHERE boot = ? AND take = ?").run(boot, take);
  }

  /** Rows with take numbers above `after` and up to `last`, in order, `countMax` at most. */
  list(
    boot: number,
    after: number,
    last: number,
    countMax: number,
  ): { readonly take: number; readonly row: TakeRow }[] {
    return this.#store
      .statement(
        "SELECT * FROM takes WHERE boot = ? AND take > ? AND take <= ? ORDER BY take LIMIT ?",
      )
      .all(boot, after, last, countMax)
      .map((row) => ({ take: numberIn(row, "take"), row: takeRowIn(row) }));
  }

  /** The highest take number among the rows of a boot, or 0. */
  highest(boot: number): number {
    const row = this.#store
      .statement("SELECT take FROM takes WHERE boot = ? ORDER BY take DESC LIMIT 1")
      .get(boot);
    return row === undefined ? 0 : numberIn(row, "take");
  }
}

/** A class name read from the database. Throws TypeError when it is none. */
export function classIn(row: Row, column: string): ClassName {
  const text = textIn(row, column);
  const found = CLASSES.find((name) => name === text);
  if (found === undefined) {
    throw new TypeError(`column ${column} is no class`);
  }
  return found;
}

function takeRowIn(row: Row): TakeRow {
  return {
    class: classIn(row, "class"),
    count: numberIn(row, "count"),
    items: numberIn(row, "items"),
    got: numberOrNullIn(row, "got"),
    claimed: numberIn(row, "claimed"),
    refused: numberIn(row, "refused"),
    withheld: numberIn(row, "withheld"),
    dropped: numberIn(row, "dropped"),
    digest: numberOrNullIn(row, "digest"),
    rest: numberOrNullIn(row, "rest"),
    tally: numberOrNullIn(row, "tally"),
    derived: numberIn(row, "derived") === 1,
  };
}
