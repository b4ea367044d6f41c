import { openSync, closeSync, rmSync, statSync, writeSync } from "node:fs";

/**
 * A file that takes up space and says nothing. When the disk is full it is removed, so that gap records, receipts and
 * deletions can still be written: on a full disk nothing can be deleted either. It is made again when there is room.
 */
export class Ballast {
  readonly #path: string;
  readonly #bytes: number;
  #isSpent = false;

  /** `bytes` 0: there is none. */
  constructor(path: string, bytes: number) {
    this.#path = path;
    this.#bytes = bytes;
  }

  /** Bytes that it holds now. */
  get size(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Bytes that it should hold and does not. */
  get missing(): number {
    return Math.max(0, this.#bytes - this.size);
  }

  /** True from the moment it had to go until it is there again as a whole. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  /** Gives the space back to the disk. Never throws. */
  release(): void {
    this.#isSpent = this.#bytes > 0;
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // A disk that does not even let go of a file: then there is nothing to be had here.
    }
  }

  /** The same, when there is hardly any free space to open a database with. `free` in bytes, null when unknown. */
  releaseIfNeeded(free: number | null): void {
    if (free !== null && free < OPEN_BYTES) {
      this.release();
    }
  }

  /** Grows by one step; a disk that has no room for it leaves it as it is. */
  grow(): void {
    const bytes = Math.min(BALLAST_STEP_BYTES, this.missing);
    if (bytes === 0) {
      return;
    }
    try {
      const file = openSync(this.#path, "a", 0o600);
      try {
        // Not zeros: some file systems would not store them.
        writeSync(
          file,
          Buffer.alloc(bytes, "ballast of the outbox: removed when the disk is full\n"),
        );
      } finally {
        closeSync(file);
      }
      this.#isSpent &&= this.missing > 0;
    } catch {
      this.release();
    }
  }
}

/** Ballast grows by so much at a time. */
export const BALLAST_STEP_BYTES: number = 2 ** 20;
/** A store that is opened writes its log anew, as a table. */
const OPEN_BYTES = 16 * 2 ** 20;
