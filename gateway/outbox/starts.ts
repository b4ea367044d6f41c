import { readFileSync, rmSync, writeFileSync } from "node:fs";

/**
 * How often in a row the store was opened and not closed again, in a small file beside it. A store that ends the process
 * again and again is checked before it is opened once more.
 */

/** Counts one more start; returns how many before it did not end well. */
export function noteStart(path: string): number {
  const before = readCount(path);
  writeCount(path, before + 1);
  return before;
}

/** The next start is to be a careful one, whatever happens in between. */
export function noteBad(path: string): void {
  writeCount(path, COUNT_MAX);
}

/** The store was closed, or has worked for long. */
export function noteWell(path: string): void {
  rmSync(path, { force: true });
}

/** On a full disk nothing can be counted, and the store is to be opened all the same. */
function writeCount(path: string, count: number): void {
  try {
    writeFileSync(path, `${count}\n`, { mode: 0o600 });
  } catch {
    rmSync(path, { force: true });
  }
}

function readCount(path: string): number {
  try {
    const count = Number.parseInt(readFileSync(path, "utf8"), 10);
    return Number.isSafeInteger(count) && count >= 0 ? Math.min(count, COUNT_MAX) : 0;
  } catch {
    return 0;
  }
}

const COUNT_MAX = 1000;
