import { once } from "node:events";
import type { Writable } from "node:stream";

/** Writes one JSON object as one line. */
export function writeLine(output: Writable, value: object): void {
  output.write(`${JSON.stringify(value)}\n`);
}

/** Resolves when the reader of an output has caught up, is gone, or `stop` is aborted, so that nothing piles up in memory. */
export async function caughtUp(output: Writable, stop: AbortSignal): Promise<void> {
  if (!output.writableNeedDrain || output.destroyed || stop.aborted) {
    return;
  }
  const over = new AbortController();
  const { signal } = over;
  try {
    await Promise.race([
      once(output, "drain", { signal }),
      once(output, "close", { signal }),
      once(stop, "abort", { signal }),
    ]);
  } finally {
    over.abort();
  }
}
