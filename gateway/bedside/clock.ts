import type { ClockQuality } from "../reading.ts";

/**
 * Judges the gateway's own wall clock by what one process can know: a time before this program was written is no time
 * (boxes without a battery clock start in 1970), and a wall clock that has moved against the monotonic one has been set.
 */
export class Clock {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  #offset: number;
  #steppedAt: number | null = null;

  constructor(wall: () => number = Date.now, monotonic: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#offset = wall() - monotonic();
  }

  /** Wall time, epoch milliseconds, a whole number. */
  now(): number {
    return Math.floor(this.#wall());
  }

  /** `holdover` for a while after the clock was seen to jump: which side of the jump was right is not known. */
  quality(): ClockQuality {
    const wall = this.#wall();
    const monotonic = this.#monotonic();
    if (Math.abs(wall - monotonic - this.#offset) > STEP_MS) {
      this.#offset = wall - monotonic;
      this.#steppedAt = monotonic;
    }
    if (wall < FLOOR_MS) {
      return "unsynchronised";
    }
    const stepped = this.#steppedAt !== null && monotonic - this.#steppedAt < HOLDOVER_MS;
    return stepped ? "holdover" : "synchronised";
  }
}

const FLOOR_MS = Date.UTC(2026, 0, 1);
const STEP_MS = 2000;
const HOLDOVER_MS = 60_000;
