import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * True when a log in a LevelDB directory ends in the middle of a write. LevelDB takes that for a crash before the write was
 * acknowledged and says nothing; but a damaged length looks the same, and then acknowledged writes are gone. To be read
 * before the database is opened. (LevelDB's log format: blocks of 32 KiB; per record a CRC, its length, its type.)
 */
export function hasTornLog(directory: string): boolean {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".log"))
    .some((name) => isTorn(readFileSync(join(directory, name))));
}

/** True for log bytes that do not end with a whole record. */
export function isTorn(log: Uint8Array): boolean {
  let at = 0;
  let isWhole = true;
  while (at < log.length) {
    const blockLeft = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (blockLeft < HEADER_BYTES) {
      at += blockLeft;
      continue;
    }
    const length = (log[at + 4] ?? 0) + 256 * (log[at + 5] ?? 0);
    const type = log[at + 6] ?? 0;
    const end = at + HEADER_BYTES + length;
    if (type === 0 || type > LAST || HEADER_BYTES + length > blockLeft || end > log.length) {
      return true;
    }
    isWhole = type === FULL || type === LAST;
    at = end;
  }
  return !isWhole;
}

export const BLOCK_BYTES = 32_768;
export const HEADER_BYTES = 7;
/** The type of a part of a log: a whole record, or the first, a middle, or the last part of one. */
export const FULL = 1;
export const FIRST = 2;
export const MIDDLE = 3;
export const LAST = 4;
