import { itemDigest } from "../gateway/digest.ts";
import type { ClassName, Item } from "../gateway/reading.ts";
import type { TakeGap } from "../gateway/rooms.ts";
import { DeviceTable } from "./device-table.ts";
import {
  emptyRow,
  sumsOf,
  type TakeRow,
  type TallyTake,
  verdictOf,
  withItem,
  withTally,
} from "./ledger.ts";
import type { DeviceNames } from "./names.ts";
import { RangeTable } from "./range-table.ts";
import { type HubStore, numberIn, textIn } from "./store.ts";
import { TakeArchive } from "./take-archive.ts";
import { classIn, TakeTable } from "./take-table.ts";

/** The record that is being booked. */
export interface BookedRecord {
  /** Row id in the sealed store: its place in the order of commits. */
  readonly id: number;
  readonly gateway: string;
  /** Hub time, epoch milliseconds. */
  readonly committedAt: number;
}

/** What booking a record of items found. Numbers are places in the record's list of items. */
export interface ItemMarks {
  /** Items the hub had before. */
  readonly duplicates: readonly number[];
  /** Items of takes that a flow changed. */
  readonly derived: readonly number[];
  /** Items naming takes that turned out to be changed after other items of them had come with earlier records. */
  readonly revealed: readonly number[];
}

/** What booking a tally found. Numbers are places in its lists. */
export interface TallyMarks {
  /** Takes that turned out to be changed. */
  readonly revealed: readonly number[];
  /** Gaps the hub had before. */
  readonly knownGaps: readonly number[];
}

/** One take of a tally, as it names itself. */
export interface NamedTallyTake extends TallyTake {
  readonly device: string;
  readonly boot: string;
  readonly take: number;
}

/** A sealed record that the gateway had to give up. */
export interface GoneRecord {
  readonly gateway: string;
  readonly class: ClassName;
  readonly salt: Uint8Array;
  readonly reason: string;
}

/**
 * Enters records into the ledger's tables. Called inside the transaction that commits the record, or that rebuilds the
 * views; after a transaction was undone call `forget`.
 */
export class Book {
  readonly takes: TakeTable;
  readonly devices: DeviceTable;
  readonly ranges: RangeTable;
  readonly archive: TakeArchive;
  readonly #store: HubStore;

  constructor(store: HubStore, names: DeviceNames) {
    this.#store = store;
    this.takes = new TakeTable(store);
    this.devices = new DeviceTable(store, names);
    this.ranges = new RangeTable(store);
    this.archive = new TakeArchive(store, {
      takes: this.takes,
      ranges: this.ranges,
      devices: this.devices,
      gapReason: (boot, take, row) => this.gapReason(boot, take, row),
    });
  }

  forget(): void {
    this.devices.forget();
  }

  /** Enters the items of one batch, and says which of them are news. */
  addItems(
    record: BookedRecord,
    className: ClassName,
    salt: Uint8Array,
    items: readonly Item[],
  ): ItemMarks {
    const marks = { duplicates: [], derived: [], revealed: [] };
    for (const places of placesByTake(items)) {
      this.#addItemsOfTake(record, className, items, places, marks);
    }
    this.#store
      .statement("DELETE FROM awaited WHERE salt = ? AND gateway = ? AND reason IS NULL")
      .run(salt, record.gateway);
    return marks;
  }

  /** Enters a tally: the fate of every item of some takes, and takes that nothing else will ever name. */
  addTally(
    record: BookedRecord,
    salts: readonly Uint8Array[],
    takes: readonly NamedTallyTake[],
    gaps: readonly TakeGap[],
  ): TallyMarks {
    this.#awaitBatches(record, salts);
    const revealed: number[] = [];
    for (const [place, said] of takes.entries()) {
      if (this.#addTallyTake(record, said)) {
        revealed.push(place);
      }
    }
    const knownGaps: number[] = [];
    for (const [place, gap] of gaps.entries()) {
      if (!this.#addTakeGap(record, gap)) {
        knownGaps.push(place);
      }
    }
    return { revealed, knownGaps };
  }

  /** Notes that a sealed record will never come: what tallies say was stored in it counts as a gap. */
  addGone(gone: GoneRecord): void {
    this.#store
      .statement("UPDATE awaited SET class = ?, reason = ? WHERE salt = ? AND gateway = ?")
      .run(gone.class, gone.reason, gone.salt, gone.gateway);
  }

  /** Why items of this take are missing or nothing settles it; null when nothing explains it. */
  gapReason(boot: number, take: number, row: TakeRow): string | null {
    if (row.tally === null) {
      return this.#reason(
        "SELECT reason FROM take_gaps WHERE boot = ? AND first <= ? AND last >= ? LIMIT 1",
        [boot, take, take],
      );
    }
    if (sumsOf(row, null).unaccounted === 0) {
      return null;
    }
    return this.#reason(
      "SELECT reason FROM awaited WHERE tally = ? AND class = ? AND reason IS NOT NULL LIMIT 1",
      [row.tally, row.class],
    );
  }

  /** Items opened and duplicates dropped, per class. */
  openedByClass(): {
    readonly class: ClassName;
    readonly items: number;
    readonly duplicates: number;
  }[] {
    return this.#store
      .statement(
        "SELECT class, sum(items) AS items, sum(duplicates) AS duplicates FROM opened GROUP BY class",
      )
      .all()
      .map((row) => ({
        class: classIn(row, "class"),
        items: numberIn(row, "items"),
        duplicates: numberIn(row, "duplicates"),
      }));
  }

  #reason(sql: string, values: readonly (number | string)[]): string | null {
    const row = this.#store.statement(sql).get(...values);
    return row === undefined ? null : textIn(row, "reason");
  }

  #addItemsOfTake(
    record: BookedRecord,
    className: ClassName,
    items: readonly Item[],
    places: readonly number[],
    marks: { duplicates: number[]; derived: number[]; revealed: number[] },
  ): void {
    const [place = 0] = places;
    const first = items[place];
    if (first === undefined) {
      return;
    }
    const boot = this.devices.bootOf(record.gateway, first.device, first.boot, record.committedAt);
    const before = this.#row(boot.no, first.take) ?? emptyRow(className);
    let row = before;
    const fresh: number[] = [];
    for (const at of places) {
      const item = items[at];
      const next = item === undefined ? null : withItem(row, item.index, itemDigest(item));
      (next === null ? marks.duplicates : fresh).push(at);
      row = next ?? row;
    }
    const derived = row.derived || verdictOf(row) === "derived";
    if (derived) {
      marks.derived.push(...fresh);
      if (!before.derived && before.items !== 0) {
        marks.revealed.push(place);
      }
    }
    if (fresh.length > 0) {
      this.takes.put(boot.no, first.take, { ...row, derived });
    }
    this.#count(boot.device, row.class, {
      items: fresh.length,
      duplicates: places.length - fresh.length,
      derived: derived && !before.derived ? 1 : 0,
    });
  }

  /** True when the take turns out to be derived just now, and items of it were written before. */
  #addTallyTake(record: BookedRecord, said: NamedTallyTake): boolean {
    const boot = this.devices.bootOf(record.gateway, said.device, said.boot, record.committedAt);
    const before = this.#row(boot.no, said.take) ?? emptyRow(said.class);
    if (before.tally !== null && before.tally !== record.id) {
      // What the older tally still waits for may be missing for a reason that only its own batches have.
      this.#store
        .statement(
          "INSERT OR IGNORE INTO awaited SELECT ?, gateway, salt, class, reason FROM awaited WHERE tally = ?",
        )
        .run(record.id, before.tally);
    }
    const row = withTally(before, said, record.id);
    const derived = before.derived || verdictOf(row) === "derived";
    this.takes.put(boot.no, said.take, { ...row, derived });
    const news = derived && !before.derived;
    if (news) {
      this.#count(boot.device, row.class, { items: 0, duplicates: 0, derived: 1 });
    }
    return news && row.items !== 0;
  }

  #addTakeGap(record: BookedRecord, gap: TakeGap): boolean {
    const boot = this.devices.bootOf(record.gateway, gap.device, gap.boot, record.committedAt);
    const { changes } = this.#store
      .statement("INSERT OR IGNORE INTO take_gaps VALUES (?, ?, ?, ?, ?, ?, ?)")
      .run(
        record.gateway,
        gap.id,
        boot.no,
        gap.from,
        gap.to,
        reasonWord(gap.reason),
        gap.atMost ? 1 : 0,
      );
    return changes > 0;
  }

  #awaitBatches(record: BookedRecord, salts: readonly Uint8Array[]): void {
    const here = this.#store.statement(
      `SELECT 1 AS here FROM records JOIN chains ON chains.no = chain
       WHERE salt = ? AND gateway = ? AND id <= ? LIMIT 1`,
    );
    const goneWith = this.#store.statement(
      `SELECT chains.class AS class, reason FROM gone JOIN chains ON chains.no = chain
       WHERE salt = ? AND gateway = ? LIMIT 1`,
    );
    for (const salt of salts) {
      if (here.get(salt, record.gateway, record.id) !== undefined) {
        continue;
      }
      const gone = goneWith.get(salt, record.gateway);
      this.#store
        .statement("INSERT OR IGNORE INTO awaited VALUES (?, ?, ?, ?, ?)")
        .run(
          record.id,
          record.gateway,
          salt,
          gone === undefined ? null : textIn(gone, "class"),
          gone === undefined ? null : textIn(gone, "reason"),
        );
    }
  }

  #row(boot: number, take: number): TakeRow | null {
    const row = this.takes.get(boot, take);
    if (row !== null) {
      return row;
    }
    this.archive.restore(boot, take);
    return this.takes.get(boot, take);
  }

  #count(
    device: number,
    className: ClassName,
    news: { readonly items: number; readonly duplicates: number; readonly derived: number },
  ): void {
    this.#store
      .statement(
        `INSERT INTO opened VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         items = items + excluded.items, duplicates = duplicates + excluded.duplicates,
         derived = derived + excluded.derived`,
      )
      .run(device, className, news.items, news.duplicates, news.derived);
  }
}

/** A reason as a word that says nothing about a device or a person; `other` when it is no word. */
export function reasonWord(reason: string): string {
  return REASON.test(reason) ? reason : "other";
}

const REASON = /^[a-z][a-z0-9-]{0,31}$/;

/** Places of the items of each take, in order of first appearance. */
function placesByTake(items: readonly Item[]): Iterable<readonly number[]> {
  const takes = new Map<string, number[]>();
  for (const [place, item] of items.entries()) {
    const key = `${item.device}\n${item.boot}\n${item.take}`;
    const places = takes.get(key);
    if (places === undefined) {
      takes.set(key, [place]);
    } else {
      places.push(place);
    }
  }
  return takes.values();
}
