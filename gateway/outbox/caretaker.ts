import { statfsSync } from "node:fs";

import { WardError } from "../errors.ts";
import type { Ages } from "./ages.ts";
import { Ballast } from "./ballast.ts";
import { Budget } from "./budget.ts";
import type { Evicting } from "./evict.ts";
import { Forecast } from "./forecast.ts";
import { Reclaimer } from "./reclaim.ts";
import type { OutboxState } from "./state.ts";
import type { Store } from "./commits.ts";
import { doneOr, type Turns } from "./turns.ts";

export interface CaretakerOptions {
  readonly directory: string;
  readonly bytesMax: number;
  readonly reserveBytes: number;
  readonly ballastBytes: number;
  /** Monotonic milliseconds. */
  readonly monotonic: () => number;
  /** Free bytes of the disk, or null. */
  readonly free: () => number | null;
}

export interface CaretakerParts {
  readonly store: Store;
  readonly state: OutboxState;
  readonly ages: Ages;
  readonly evicting: Evicting;
  /** What changes chains has its turn. */
  readonly turns: Turns;
}

/** How much room there is, and how long it will last. */
export interface OutboxRoom {
  /** Bytes of records held, what the settings allow, and what the disk allows now. */
  readonly bytes: number;
  readonly bytesMax: number;
  readonly limit: number;
  /** Free space of the disk (bytes), or null when it is not known; `diskShort` when that is less than it should be. */
  readonly freeBytes: number | null;
  readonly diskShort: boolean;
  /** Bytes of the ballast file. */
  readonly ballastBytes: number;
  /** How fast it fills over the last ten minutes; negative while it empties, null when it is not known yet. */
  readonly bytesPerSecond: number | null;
  /** Milliseconds until it is full if it goes on like this; null when it does not fill. */
  readonly fullInMs: number | null;
}

/** Sees to it that there is room before it is needed: gives up records by the policies, watches the disk, cleans up. */
export class Caretaker {
  readonly #options: CaretakerOptions;
  readonly #parts: CaretakerParts;
  readonly #ballast: Ballast;
  readonly #budget: Budget;
  readonly #forecast = new Forecast();
  readonly #reclaimer: Reclaimer;
  #storedBytes = 0;
  #deletedBytes = 0;
  #isTrimming = false;
  #shrunkAt = Number.NEGATIVE_INFINITY;
  #isExpiring = false;

  constructor(options: CaretakerOptions, parts: CaretakerParts, ballast: Ballast) {
    this.#options = options;
    this.#parts = parts;
    this.#ballast = ballast;
    this.#budget = new Budget(options, ballast);
    this.#reclaimer = new Reclaimer(parts.store, parts.state, options.bytesMax);
  }

  /** Notes bytes of records that were put. */
  stored(bytes: number): void {
    this.#storedBytes += bytes;
  }

  /** Notes bytes of records that are gone. */
  deleted(bytes: number): void {
    this.#deletedBytes += bytes;
    this.#reclaimer.deleted(bytes);
  }

  /** Everything that has to be done now and then. Call it about once a second. */
  tend(): void {
    const { state, store, ages } = this.#parts;
    this.#budget.look(state.bytes, this.#reclaimer.pendingBytes);
    this.#forecast.note(this.#options.monotonic(), state.bytes);
    this.#reclaimer.tick(this.#storedBytes + this.#deletedBytes, this.#budget.isShort);
    this.#shrink();
    const lived = state.bytes > 0 ? ages.due() : [];
    if (lived.length > 0) {
      store.write(lived, "lazy").catch(() => undefined);
    }
    this.#expire();
    if (state.bytes > this.#budget.limit) {
      this.#trim();
    }
  }

  /** The disk has no space left: nothing may be stored until some was won back. */
  noSpace(): void {
    this.#ballast.release();
    this.#budget.look(this.#parts.state.bytes, this.#reclaimer.pendingBytes);
  }

  /** True when so many bytes more fit. Makes room ahead of time, so that puts need not wait for it. */
  hasRoom(bytes: number): boolean {
    const wanted = this.#parts.state.bytes + bytes;
    const { limit } = this.#budget;
    if (wanted > limit - this.#slack / 4) {
      this.#trim();
    }
    return wanted <= limit && this.#budget.lackingBytes === 0;
  }

  /** Makes room for so many bytes more. Throws WardError `WARD_OUTBOX_FULL` when nothing may be given up for them. */
  async makeRoom(bytes: number): Promise<void> {
    for (let tries = 0; tries < ROOM_TRIES; tries += 1) {
      if (await this.#makeRoomOnce(bytes)) {
        return;
      }
    }
    const held = this.#parts.state.bytes;
    throw new WardError(
      "WARD_OUTBOX_FULL",
      `Cannot store ${bytes} bytes: the outbox holds ${held} of ${this.#budget.limit} bytes. Bring the hub back, free disk space or raise outboxBytes.`,
    );
  }

  get room(): OutboxRoom {
    const { bytes } = this.#parts.state;
    const { limit, free, isShort } = this.#budget;
    return {
      bytes,
      bytesMax: this.#options.bytesMax,
      limit,
      freeBytes: free,
      diskShort: isShort,
      ballastBytes: this.#ballast.size,
      bytesPerSecond: this.#forecast.bytesPerSecond,
      fullInMs: this.#forecast.fullInMs(limit),
    };
  }

  /** Resolves when no cleaning is under way. */
  async idle(): Promise<void> {
    await this.#reclaimer.idle();
  }

  async #makeRoomOnce(bytes: number): Promise<boolean> {
    const { state, turns, evicting } = this.#parts;
    const { limit } = this.#budget;
    if (bytes > limit) {
      return false;
    }
    const fits = (): boolean => state.bytes + bytes <= this.#budget.limit;
    const heldMax = Math.max(0, limit - this.#slack - bytes);
    // Its turn may be far away: a long receipt before it makes room as well.
    await doneOr(
      turns.run(() => evicting.makeRoom(heldMax, limit)),
      fits,
    );
    if (this.#budget.lackingBytes > 0) {
      throw new WardError(
        "WARD_OUTBOX_FULL",
        `Cannot store ${bytes} bytes: the disk is full. It goes on by itself when there is space; free some.`,
      );
    }
    return fits();
  }

  /** What is freed in one go: so many records that one gap record tells of them all. */
  get #slack(): number {
    return Math.min(SLACK_BYTES_MAX, this.#budget.limit / SLACK_PART);
  }

  /** Makes space on a disk that lacks it, if there is none to be had from what was deleted before. Not in haste: others may free it. */
  #shrink(): void {
    const { turns, evicting, state } = this.#parts;
    const lacking = this.#budget.lackingBytes;
    const now = this.#options.monotonic();
    if (lacking === 0 || this.#reclaimer.pendingBytes > 0 || now - this.#shrunkAt < SHRINK_MS) {
      return;
    }
    this.#shrunkAt = now;
    const heldMax = state.bytes - Math.max(lacking, this.#slack);
    turns
      .run(() => evicting.makeRoom(Math.max(0, heldMax), this.#budget.limit))
      .catch(() => undefined);
  }

  #trim(): void {
    const { turns, evicting } = this.#parts;
    if (this.#isTrimming) {
      return;
    }
    this.#isTrimming = true;
    const { limit } = this.#budget;
    turns
      .run(() => evicting.makeRoom(limit - this.#slack, limit))
      .catch(() => undefined)
      .finally(() => {
        this.#isTrimming = false;
      });
  }

  #expire(): void {
    const { state, ages, evicting, turns, store } = this.#parts;
    const old = state
      .chains()
      .map((chain) => ({ chain, below: ages.expiredBelow(chain.place) }))
      .filter(({ chain, below }) => (chain.waiting()[0]?.[0] ?? below) < below);
    if (old.length === 0 || this.#isExpiring) {
      return;
    }
    this.#isExpiring = true;
    turns
      .run(async () => {
        for (const { chain, below } of old) {
          await evicting.expire(chain, below);
          await store.write(ages.trim(chain));
        }
      })
      .catch(() => undefined)
      .finally(() => {
        this.#isExpiring = false;
      });
  }
}

/** Free bytes of the disk that a directory lies on, for those who are not root; null when it cannot be known. */
export function freeBytesOf(directory: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return null;
  }
}

const SHRINK_MS = 30_000;
/** Others may take the room that was made. */
const ROOM_TRIES = 3;
const SLACK_PART = 32;
const SLACK_BYTES_MAX = 8 * 2 ** 20;
