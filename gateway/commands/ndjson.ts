import { once } from "node:events";
import type { Writable } from "node:stream";

/** Writes one JSON object as one line. */
export function writeLine(output: Writable, value: object): void {
  output.write(`${JSON.stringify(value)}\n`);
}

/** Resolves when the reader of an output has caught up, or is gone, so that nothing piles up in memory. */
export async function caughtUp(output: Writable): Promise<void> {
  if (!output.writableNeedDrain || output.destroyed) {
    return;
  }
  const over = new AbortController();
  try {
    await Promise.race([
      once(output, "drain", { signal: over.signal }),
      once(output, "close", { signal: over.signal }),
    ]);
  } finally {
    over.abort();
  }
}
