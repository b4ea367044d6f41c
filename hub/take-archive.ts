import { zstdCompressSync, zstdDecompressSync } from "node:zlib";

import { CLASSES } from "../gateway/reading.ts";
import type { DeviceTable } from "./device-table.ts";
import {
  addSums,
  emptyRow,
  isComplete,
  noSums,
  type Sums,
  sumsOf,
  type TakeRow,
} from "./ledger.ts";
import { RANGE_KINDS, type RangeTable } from "./range-table.ts";
import { bytesIn, type HubStore } from "./store.ts";
import type { TakeTable } from "./take-table.ts";

/** What the archive needs beside the store. */
export interface ArchiveParts {
  readonly takes: TakeTable;
  readonly ranges: RangeTable;
  readonly devices: DeviceTable;
  /** Why items of a take may be missing, or null. */
  readonly gapReason: (boot: number, take: number, row: TakeRow) => string | null;
}

/**
 * Old complete takes, 256 take numbers to a compressed block of one or two bytes a take, with their counts added up per
 * boot and class. Nothing is forgotten: when such a take is named again its block becomes rows again, so that a late
 * duplicate is still known as one.
 */
export class TakeArchive {
  readonly #store: HubStore;
  readonly #parts: ArchiveParts;
  /** Up to which take a boot has been looked through. */
  readonly #looked = new Map<number, number>();
  #nextBoot = 0;

  constructor(store: HubStore, parts: ArchiveParts) {
    this.#store = store;
    this.#parts = parts;
  }

  /**
   * Archives what is old among the next few runs of bedside; call it now and then, in a transaction. `now` is hub time
   * (epoch milliseconds). Returns how many takes it moved.
   */
  step(now: number): number {
    const boots = this.#parts.devices.boots(this.#nextBoot, STEP_BOOTS);
    this.#nextBoot = boots.length < STEP_BOOTS ? 0 : (boots.at(-1)?.no ?? 0);
    let moved = 0;
    for (const boot of boots) {
      const keep = now - boot.touchedAt > QUIET_MS ? 0 : RECENT_TAKES;
      moved += this.#archiveBoot(boot.no, this.#parts.takes.highest(boot.no) - keep);
    }
    return moved;
  }

  /** Makes rows again of the block that holds this take, if it is archived. */
  restore(boot: number, take: number): void {
    if (this.#parts.ranges.holding(RANGE_KINDS.archived, boot, take) === null) {
      return;
    }
    const block = blockOf(take);
    for (const entry of this.#read(boot, block)) {
      this.#parts.takes.put(boot, entry.take, entry.row);
      this.#account(boot, entry, -1);
    }
    this.#store.statement("DELETE FROM archive WHERE boot = ? AND block = ?").run(boot, block);
  }

  #archiveBoot(boot: number, last: number): number {
    if (last <= 0) {
      return 0;
    }
    const blocks = new Map<number, ArchivedTake[]>();
    const rows = this.#oldRows(boot, last);
    for (const { take, row } of rows) {
      const reason = this.#parts.gapReason(boot, take, row);
      if (isComplete(row, reason)) {
        const block = blockOf(take);
        blocks.set(block, [...(blocks.get(block) ?? []), { take, row, reason }]);
      }
    }
    for (const [block, entries] of blocks) {
      this.#archiveBlock(boot, block, entries);
    }
    return rows.length;
  }

  /** Incomplete rows stay, so a boot that has many of them is looked through in turns. */
  #oldRows(boot: number, last: number): { readonly take: number; readonly row: TakeRow }[] {
    const after = this.#looked.get(boot) ?? 0;
    const rows = this.#parts.takes.list(boot, after, last, STEP_TAKES);
    const end = rows.at(-1)?.take;
    if (rows.length < STEP_TAKES || end === undefined) {
      this.#looked.delete(boot);
    } else {
      this.#looked.set(boot, end);
    }
    return rows;
  }

  #archiveBlock(boot: number, block: number, entries: readonly ArchivedTake[]): void {
    const before = this.#read(boot, block);
    const bytes = zstdCompressSync(JSON.stringify([...before, ...entries].map(fieldsOf)));
    this.#store
      .statement("INSERT OR REPLACE INTO archive VALUES (?, ?, ?)")
      .run(boot, block, bytes);
    for (const entry of entries) {
      this.#parts.takes.remove(boot, entry.take);
      this.#parts.ranges.add(RANGE_KINDS.archived, boot, entry.take, entry.take);
      this.#account(boot, entry, 1);
    }
  }

  #account(boot: number, entry: ArchivedTake, sign: 1 | -1): void {
    const sums = noSums();
    addSums(sums, sumsOf(entry.row, entry.reason));
    this.#store
      .statement(
        `INSERT INTO sums VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
         taken = taken + excluded.taken, kept = kept + excluded.kept,
         withheld = withheld + excluded.withheld, refused = refused + excluded.refused,
         dropped = dropped + excluded.dropped, gaps = gaps + excluded.gaps`,
      )
      .run(boot, entry.row.class, ...signed(sums, sign));
    if (entry.reason !== null && sums.gaps > 0) {
      this.#store
        .statement(
          "INSERT INTO sum_reasons VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET items = items + excluded.items",
        )
        .run(boot, entry.reason, sign * sums.gaps);
    }
  }

  #read(boot: number, block: number): ArchivedTake[] {
    const row = this.#store
      .statement("SELECT bytes FROM archive WHERE boot = ? AND block = ?")
      .get(boot, block);
    if (row === undefined) {
      return [];
    }
    const text = zstdDecompressSync(bytesIn(row, "bytes")).toString("utf8");
    const entries: unknown = JSON.parse(text);
    if (!Array.isArray(entries)) {
      throw new TypeError("archive block is not a list");
    }
    return entries.map(entryOf);
  }
}

interface ArchivedTake {
  readonly take: number;
  readonly row: TakeRow;
  readonly reason: string | null;
}

const BLOCK_TAKES = 256;
/** Takes of a running boot that stay rows, because duplicates and second tallies come soon if they come. */
const RECENT_TAKES = 4096;
/** After this long without a record all complete takes of a boot are archived (milliseconds). */
const QUIET_MS = 3_600_000;
const STEP_BOOTS = 64;
const STEP_TAKES = 2048;

function blockOf(take: number): number {
  return Math.floor(take / BLOCK_TAKES);
}

function signed(sums: Readonly<Sums>, sign: 1 | -1): number[] {
  const { taken, kept, withheld, refused, dropped, gaps } = sums;
  return [taken, kept, withheld, refused, dropped, gaps].map((count) => sign * count);
}

/** Digests are left out: they would not compress, and the comparison with bedside's was made before. */
function fieldsOf({ take, row, reason }: ArchivedTake): readonly unknown[] {
  const { count, items, claimed, refused, withheld, dropped, tally } = row;
  const className = CLASSES.indexOf(row.class);
  const derived = row.derived ? 1 : 0;
  return [
    take,
    className,
    count,
    items,
    claimed,
    refused,
    withheld,
    dropped,
    derived,
    tally,
    reason,
  ];
}

function entryOf(value: unknown): ArchivedTake {
  const fields: readonly unknown[] = Array.isArray(value) ? value : [];
  const numbers = fields.slice(0, 9).map(Number);
  const [take = 0, classNumber = -1, count = 0, items = 0, claimed = 0] = numbers;
  const [refused = 0, withheld = 0, dropped = 0, derived = 0] = numbers.slice(5);
  const className = CLASSES[classNumber];
  const [tally, reason] = fields.slice(9);
  if (className === undefined || !numbers.every(Number.isSafeInteger)) {
    throw new TypeError("archive entry cannot be read");
  }
  const row: TakeRow = {
    ...emptyRow(className),
    got: null,
    count,
    items,
    claimed,
    refused,
    withheld,
    dropped,
    derived: derived === 1,
    tally: typeof tally === "number" ? tally : null,
  };
  return { take, row, reason: typeof reason === "string" ? reason : null };
}
