import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";

import { findBlocks } from "./block-search.ts";
import { crc32c } from "./crc32c.ts";
import { liveTables } from "./manifest.ts";

/**
 * Checks LevelDB's tables before LevelDB sees them. It does not verify its own checksums when it reads, and some damage
 * makes it end the process on the spot, at every start. (LevelDB's table format: blocks with a type byte and a masked
 * CRC-32C, an index block that names them, a footer that names the index.)
 */

/** Names of the tables of a database that are not what was written. */
export function damagedTables(directory: string): string[] {
  return withoutLeftovers(directory, tablesIn(directory)).filter(
    (name) => !isWholeTable(readFileSync(join(directory, name))),
  );
}

/** Names of the tables in a directory. */
export function tablesIn(directory: string): string[] {
  return readdirSync(directory).filter((name) => /^\d+\.(ldb|sst)$/.test(name));
}

/** Tables without those that a crash left half written: the database does not know them. */
export function withoutLeftovers(directory: string, tables: readonly string[]): string[] {
  const live = tables.length === 0 ? null : liveTables(directory);
  return tables.filter((name) => live?.has(Number.parseInt(name, 10)) ?? true);
}

/**
 * True when a table's footer, index and filter are what was written: a hundredth of it, but what LevelDB trusts in to find the
 * rest. One flipped bit there hides many records, and without a word. Also true when the disk does not give it now: nothing is
 * known then, and whoever reads it later will be told.
 */
export function hasWholeIndex(path: string): boolean {
  const file = openSync(path, "r");
  try {
    const tail = new Tail(file);
    const { meta, index } = readFooter(tail.bytes);
    for (const [, filter] of entriesIn(tail.block(meta))) {
      tail.block(readHandle(filter, 0));
    }
    tail.block(index);
    return true;
  } catch (error) {
    return !(error instanceof RangeError);
  } finally {
    closeSync(file);
  }
}

/** The end of a table, where all that is not records lies: mostly read at once. */
class Tail {
  bytes: Buffer;
  readonly #file: number;
  readonly #size: number;
  #from: number;

  constructor(file: number) {
    this.#file = file;
    this.#size = fstatSync(file).size;
    this.#from = Math.max(0, this.#size - TAIL_BYTES);
    this.bytes = this.#read();
  }

  /** A block's content; throws RangeError when its checksum is not right. */
  block(handle: Handle): Buffer {
    if (handle.offset < this.#from) {
      this.#from = handle.offset;
      this.bytes = this.#read();
    }
    return blockOf(this.bytes, { ...handle, offset: handle.offset - this.#from });
  }

  #read(): Buffer {
    const bytes = Buffer.alloc(this.#size - this.#from);
    readSync(this.#file, bytes, 0, bytes.length, this.#from);
    return bytes;
  }
}

/** True when the footer, the indices and every block of a table are what was written. */
export function isWholeTable(table: Buffer): boolean {
  try {
    const { meta, index } = readFooter(table);
    const filters = entriesIn(blockOf(table, meta)).map(([, value]) => readHandle(value, 0));
    return [...filters, ...blocksOf(table, index)].every((block) => isRight(table, block));
  } catch (error) {
    return orRethrow(error, false);
  }
}

/**
 * The keys and values in those blocks of a damaged table that are still right; of a key with several versions the newest,
 * and none of a key that was deleted.
 */
export function salvageTable(table: Buffer): [key: Buffer, value: Buffer][] {
  const found = new Map<string, [key: Buffer, value: Buffer]>();
  const seen = new Set<string>();
  for (const [internal, value] of entriesOf(table)) {
    // An internal key is the user's key, then 8 bytes: the type and the number of the write, newest first.
    const key = internal.subarray(0, -TAG_BYTES);
    const name = key.toString("latin1");
    if (!seen.has(name) && internal[internal.length - TAG_BYTES] === TYPE_VALUE) {
      found.set(name, [key, value]);
    }
    seen.add(name);
  }
  return [...found.values()];
}

/** What the good blocks hold; where the footer or the index is damaged, the blocks are found by their checksums. */
function entriesOf(table: Buffer): [key: Buffer, value: Buffer][] {
  const entries = (block: Handle): [Buffer, Buffer][] => {
    try {
      return isRight(table, block) ? entriesIn(blockOf(table, block)) : [];
    } catch (error) {
      return orRethrow(error, []);
    }
  };
  try {
    return blocksOf(table, readFooter(table).index).flatMap(entries);
  } catch (error) {
    const blocks = orRethrow(error, findBlocks(table));
    // The index and the filter are among them; what they hold is short.
    return blocks.flatMap(entries).filter(([, value]) => value.length > HANDLE_BYTES_MAX);
  }
}

interface Handle {
  readonly offset: number;
  readonly size: number;
  /** Where the handle itself ends. */
  readonly end: number;
}

function readFooter(table: Buffer): { readonly meta: Handle; readonly index: Handle } {
  const footer = table.subarray(-FOOTER_BYTES);
  if (footer.readBigUInt64LE(FOOTER_BYTES - 8) !== TABLE_MAGIC) {
    throw new RangeError("no table");
  }
  const meta = readHandle(footer, 0);
  return { meta, index: readHandle(footer, meta.end) };
}

function blocksOf(table: Buffer, index: Handle): Handle[] {
  return entriesIn(blockOf(table, index)).map(([, value]) => readHandle(value, 0));
}

/** A block's content; throws RangeError when its checksum is not right. */
function blockOf(table: Buffer, handle: Handle): Buffer {
  if (!isRight(table, handle)) {
    throw new RangeError("damaged block");
  }
  return table.subarray(handle.offset, handle.offset + handle.size);
}

function isRight(table: Buffer, { offset, size }: Handle): boolean {
  const trailer = offset + size;
  const stored = table.readUInt32LE(trailer + 1);
  return crc32c(table.subarray(offset, trailer + 1)) === stored && table[trailer] === 0;
}

/** The entries of a block: each key shares its beginning with the one before. */
function entriesIn(block: Buffer): [key: Buffer, value: Buffer][] {
  const end = block.length - 4 - 4 * block.readUInt32LE(block.length - 4);
  const entries: [Buffer, Buffer][] = [];
  let key = Buffer.alloc(0);
  for (let at = 0; at < end;) {
    const shared = readVarint(block, at);
    const own = readVarint(block, shared.end);
    const value = readVarint(block, own.end);
    const start = value.end + own.value;
    key = Buffer.concat([key.subarray(0, shared.value), block.subarray(value.end, start)]);
    at = start + value.value;
    entries.push([key, block.subarray(start, at)]);
  }
  return entries;
}

function readHandle(bytes: Buffer, at: number): Handle {
  const offset = readVarint(bytes, at);
  const size = readVarint(bytes, offset.end);
  return { offset: offset.value, size: size.value, end: size.end };
}

function readVarint(bytes: Buffer, at: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let place = 0; place < VARINT_BYTES_MAX; place += 1) {
    const byte = bytes.readUInt8(at + place);
    value += (byte % 128) * 128 ** place;
    if (byte < 128) {
      return { value, end: at + place + 1 };
    }
  }
  throw new RangeError("endless number");
}

const FOOTER_BYTES = 48;
/** The index of a table of 2 MiB and its filter, mostly. */
const TAIL_BYTES = 2 ** 15;
/** An index holds where blocks lie: two numbers. */
const HANDLE_BYTES_MAX = 20;
const TAG_BYTES = 8;
const TYPE_VALUE = 1;
const TABLE_MAGIC = 0xdb4775248b80fb57n;
/** Enough for any offset in a file of up to 2^49 bytes. */
const VARINT_BYTES_MAX = 7;

/** Reading beyond the end, or what is no table: not an error but the answer. */
function orRethrow<T>(error: unknown, answer: T): T {
  if (error instanceof RangeError) {
    return answer;
  }
  throw error;
}
