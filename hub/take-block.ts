import type { ColumnReader, ColumnWriter } from "../gateway/columns.ts";
import { CLASSES } from "../gateway/reading.ts";
import { isSameRow, type TakeRow } from "./ledger.ts";
import { packPage, readText, unpackPage, writeText } from "./page-form.ts";

/** Take numbers in one block. */
const BLOCK_TAKES = 256;

/** The number of the block that holds this take. */
export function blockOf(take: number): number {
  return Math.floor(take / BLOCK_TAKES);
}

/**
 * What the hub knows of 256 takes of one run of bedside. Takes in a row about which it knows the same (most: all of it is here)
 * are one entry of a few bytes, so nothing has to be forgotten, and even a late duplicate is known as one.
 */
export class TakeBlock {
  readonly #rows: (TakeRow | undefined)[] = [];

  get(take: number): TakeRow | undefined {
    return this.#rows[take % BLOCK_TAKES];
  }

  set(take: number, row: TakeRow): void {
    this.#rows[take % BLOCK_TAKES] = row;
  }

  encode(): Uint8Array {
    return packPage((writer) => {
      let place = 0;
      while (place < this.#rows.length) {
        const row = this.#rows[place];
        let end = place + 1;
        while (end < this.#rows.length && isSame(row, this.#rows[end])) {
          end += 1;
        }
        writer.uint(end - place);
        writeRow(writer, row);
        place = end;
      }
      writer.uint(0);
    });
  }

  static decode(bytes: Uint8Array): TakeBlock {
    const reader = unpackPage(bytes);
    const block = new TakeBlock();
    for (let run = readRun(reader); run > 0; run = readRun(reader)) {
      const row = readRow(reader);
      for (let count = 0; count < run; count += 1) {
        block.#rows.push(row);
      }
    }
    return block;
  }
}

function readRun(reader: ColumnReader): number {
  return reader.uint("run", BLOCK_TAKES);
}

function isSame(a: TakeRow | undefined, b: TakeRow | undefined): boolean {
  return a === undefined || b === undefined ? a === b : isSameRow(a, b);
}

const FLAG_TOLD = 1;
const FLAG_DERIVED = 2;
const FLAG_EXCUSE = 4;
const FLAG_REST = 8;
/** In place of the class: no row. */
const NO_ROW = 255;
const SETS = ["items", "claimed", "refused", "withheld", "dropped"] as const;
const WORD_MAX = 2 ** 32 - 1;

function writeRow(writer: ColumnWriter, row: TakeRow | undefined): void {
  if (row === undefined) {
    writer.byte(NO_ROW);
    return;
  }
  writer.byte(CLASSES.indexOf(row.class));
  const told = row.told ? FLAG_TOLD : 0;
  const derived = row.derived ? FLAG_DERIVED : 0;
  const excuse = row.excuse === null ? 0 : FLAG_EXCUSE;
  const rest = row.rest === null ? 0 : FLAG_REST;
  writer.byte(told + derived + excuse + rest);
  writer.byte(row.count);
  for (const name of SETS) {
    writer.uint(row[name]);
  }
  writer.uint(row.hour);
  writer.uint(row.balance);
  if (row.rest !== null) {
    writer.uint(row.rest);
  }
  if (row.excuse !== null) {
    writeText(writer, row.excuse);
  }
}

function readRow(reader: ColumnReader): TakeRow | undefined {
  const name = CLASSES[reader.byte("class", NO_ROW)];
  if (name === undefined) {
    return undefined;
  }
  const flags = reader.byte("flags", NO_ROW);
  const count = reader.byte("count", NO_ROW);
  const set = (): number => reader.uint("set", Number.MAX_SAFE_INTEGER);
  const [items, claimed, refused, withheld, dropped] = [set(), set(), set(), set(), set()];
  const hour = reader.uint("hour", Number.MAX_SAFE_INTEGER);
  const balance = reader.uint("balance", WORD_MAX);
  return {
    class: name,
    count,
    items,
    claimed,
    refused,
    withheld,
    dropped,
    hour,
    balance,
    rest: (flags & FLAG_REST) === 0 ? null : reader.uint("rest", WORD_MAX),
    told: (flags & FLAG_TOLD) !== 0,
    derived: (flags & FLAG_DERIVED) !== 0,
    excuse: (flags & FLAG_EXCUSE) === 0 ? null : readText(reader),
  };
}
