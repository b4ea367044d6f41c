import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { batchesOf } from "./log-salvage.ts";

/**
 * The tables that a LevelDB database consists of, by number, as its manifest says; null when that cannot be read in full. Other
 * tables in its directory are left over: from a crash while one was written, or one that was merged into others. (The manifest
 * is a log of edits, each a row of tagged fields.)
 */
export function liveTables(directory: string): ReadonlySet<number> | null {
  try {
    const current = readFileSync(join(directory, "CURRENT"), "latin1").trim();
    if (!readdirSync(directory).includes(current)) {
      return null;
    }
    const edits = [...batchesOf(readFileSync(join(directory, current)))];
    const live = new Set<number>();
    for (const { bytes, isWhole } of edits) {
      if (!isWhole) {
        return null;
      }
      applyEdit(new FieldReader(bytes), live);
    }
    return edits.length === 0 ? null : live;
  } catch {
    return null;
  }
}

function applyEdit(edit: FieldReader, live: Set<number>): void {
  while (!edit.isDone) {
    const tag = edit.number();
    switch (tag) {
      case COMPARATOR:
        edit.skipBytes();
        break;
      case LOG_NUMBER:
      case NEXT_FILE:
      case LAST_SEQUENCE:
      case PREVIOUS_LOG:
        edit.number();
        break;
      case COMPACT_POINTER:
        edit.number();
        edit.skipBytes();
        break;
      case DELETED_FILE:
        edit.number();
        live.delete(edit.number());
        break;
      case NEW_FILE:
        edit.number();
        live.add(edit.number());
        edit.number();
        edit.skipBytes();
        edit.skipBytes();
        break;
      default:
        throw new RangeError(`unknown field ${tag}`);
    }
  }
}

/** Reads fields one after the other; throws RangeError beyond the end. */
class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length;
  }

  number(): number {
    let value = 0;
    for (let place = 0; ; place += 1) {
      const byte = this.#bytes.readUInt8(this.#at);
      this.#at += 1;
      value += (byte % 128) * 128 ** place;
      if (byte < 128) {
        return value;
      }
    }
  }

  skipBytes(): void {
    const end = this.number();
    this.#at += end;
    if (this.#at > this.#bytes.length) {
      throw new RangeError("cut off");
    }
  }
}

const COMPARATOR = 1;
const LOG_NUMBER = 2;
const NEXT_FILE = 3;
const LAST_SEQUENCE = 4;
const COMPACT_POINTER = 5;
const DELETED_FILE = 6;
const NEW_FILE = 7;
const PREVIOUS_LOG = 9;
