import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Sees to it that what was acknowledged does not lie in a log whose name a power cut can take away. LevelDB begins a new log
 * every few megabytes and syncs what it writes there, but not the directory. It does that when the old log has become a table;
 * then it deletes the old log.
 */
export class LogNames {
  readonly #directory: string;
  #newest: string;
  /** What the newest log takes in LevelDB's memory, at most. */
  #bytes = 0;

  /** To be made when the database has just been opened. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#newest = this.#logs().at(-1) ?? "";
  }

  /** A new log is about to be begun. */
  expect(): void {
    this.#bytes = Number.POSITIVE_INFINITY;
  }

  /** Resolves when the name of the log is durable that holds these writes, just made. */
  async settle(writes: readonly Write[]): Promise<void> {
    const bytes = sizeOf(writes);
    this.#bytes += bytes;
    if (this.#bytes < LOOK_BYTES) {
      return;
    }
    let logs = this.#logs();
    if (logs.length === 1 && logs[0] === this.#newest) {
      return;
    }
    for (let looks = 0; logs.length > 1; looks += 1) {
      if (looks === LOOKS_MAX) {
        throw new Error("LevelDB does not finish its old log");
      }
      await sleep(LOOK_MS);
      logs = this.#logs();
    }
    this.#newest = logs[0] ?? "";
    this.#bytes = bytes;
  }

  #logs(): string[] {
    return readdirSync(this.#directory)
      .filter((name) => name.endsWith(".log"))
      .toSorted();
  }
}

type Write = readonly [key: Uint8Array, value: Uint8Array | null];

/** Bytes that writes take in LevelDB's memory, at most. */
function sizeOf(writes: readonly Write[]): number {
  return writes.reduce(
    (sum, [key, value]) => sum + key.length + (value?.length ?? 0) + ENTRY_BYTES,
    0,
  );
}

const ENTRY_BYTES = 128;
/** LevelDB begins a new log when the last one takes 4 MiB: from here on every write is looked after. */
const LOOK_BYTES = 3 * 2 ** 20;
const LOOK_MS = 2;
const LOOKS_MAX = 5000;
