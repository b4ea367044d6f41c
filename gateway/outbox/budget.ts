import { BALLAST_STEP_BYTES, type Ballast } from "./ballast.ts";

export interface BudgetOptions {
  /** Bytes of records that may wait. */
  readonly bytesMax: number;
  /** Free space of the disk that is left to others (bytes). */
  readonly reserveBytes: number;
  /** Free space of the disk in bytes, or null when it cannot be known. */
  readonly free: () => number | null;
}

/**
 * How many bytes the outbox may hold: what the settings say, and less when the disk is short of space. Then it holds no more
 * than it does already, and new records take the place of old ones. It does not shrink because others fill the disk: that
 * would only give them more to fill.
 */
export class Budget {
  readonly #options: BudgetOptions;
  readonly #ballast: Ballast;
  #limit: number;
  #free: number | null = null;
  #isShort = false;

  constructor(options: BudgetOptions, ballast: Ballast) {
    this.#options = options;
    this.#ballast = ballast;
    this.#limit = options.bytesMax;
  }

  /** Bytes of records that may be held, as the disk was at the last look. */
  get limit(): number {
    return this.#limit;
  }

  /** Free space at the last look (bytes), or null when it is not known. */
  get free(): number | null {
    return this.#free;
  }

  /** True when the disk had less free space than it should at the last look. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /**
   * Free bytes that are missing before anything may be stored: LevelDB needs some for its next file, and what the ballast gave
   * back is there to delete with. 0 when all is well.
   */
  get lackingBytes(): number {
    return this.#free === null ? 0 : Math.max(0, this.#least - this.#free);
  }

  /**
   * Looks at the disk, and makes ballast when there is room. Call it about once a second. `held`: bytes of records; `deleted`:
   * bytes of deleted ones whose space the disk does not have back yet.
   */
  look(held: number, deleted: number): void {
    const { bytesMax, reserveBytes } = this.#options;
    this.#free = this.#options.free();
    if (this.#free === null) {
      this.#isShort = false;
      this.#limit = bytesMax;
      return;
    }
    // What the ballast takes from the free space it makes up for: it does not make the disk lack more.
    const kept = this.#ballast.isSpent ? this.#least : Math.max(HARD_BYTES, reserveBytes / 2);
    if (this.#free >= kept + BALLAST_STEP_BYTES) {
      this.#ballast.grow();
    }
    const spare = this.#free - this.#ballast.missing - reserveBytes;
    const used = held + deleted;
    if (spare >= 0) {
      this.#isShort = false;
      this.#limit = Math.min(bytesMax, used + spare);
      return;
    }
    const own = Math.min(OWN_BYTES, bytesMax / 16);
    // As long as it is short the limit stands still: what is given up makes room for what comes, and is not lost twice.
    const limit = this.#isShort ? this.#limit : Math.max(own, used);
    this.#limit = Math.min(bytesMax, this.lackingBytes > 0 ? Math.min(limit, used) : limit);
    this.#isShort = true;
  }

  get #least(): number {
    return HARD_BYTES + (this.#ballast.isSpent ? this.#ballast.missing : 0);
  }
}

/** What the outbox may hold in spite of the reserve, so that a disk which others have filled does not stop it. */
const OWN_BYTES = 16 * 2 ** 20;
/** With less free than this, LevelDB may not find room for its next file. */
const HARD_BYTES = 8 * 2 ** 20;
