import { uptime as systemUptime } from "node:os";

import type { ClockQuality } from "../reading.ts";

/** The wall clock was set: the same instant by the clock before and after (epoch milliseconds). */
export interface ClockStep {
  readonly before: number;
  readonly after: number;
}

/** Where a Clock takes its time from; all in milliseconds. */
export interface ClockSources {
  /** The system's wall clock, epoch milliseconds. */
  readonly wall?: () => number;
  /** Never jumps; from any start. */
  readonly steady?: () => number;
  /** How long the machine has been on, its sleep included. */
  readonly uptime?: () => number;
  /** Whether something keeps the wall clock right, or null when that cannot be known. */
  readonly synced?: () => boolean | null;
}

/**
 * The gateway's time, as bedside gives it to takes. Between two steps it runs on the steady clock, whatever small things are
 * done to the wall clock; when the wall clock was set, it steps there once and tells. So for any two takes of one run of
 * bedside the steps between them turn the difference of their times into the time that has really passed.
 *
 * How right the wall clock is, it judges by what one process can know: a time before this program was written is no time
 * (boxes without a battery clock start in 1970), the system may say that it is synchronised, and a clock that was just
 * set was wrong before or is now.
 */
export class Clock {
  readonly #wall: () => number;
  readonly #steady: () => number;
  readonly #uptime: () => number;
  readonly #synced: () => boolean | null;
  readonly #listeners: ((step: ClockStep) => void)[] = [];
  /** Time is `steady + offset`. */
  #offset: number;
  /** How much of the time since the start the machine has slept, about. */
  #slept: number;
  #wasSynced: boolean | null;
  #steppedAt: number | null = null;

  constructor(sources: ClockSources = {}) {
    this.#wall = sources.wall ?? Date.now;
    this.#steady = sources.steady ?? (() => performance.now());
    this.#uptime = sources.uptime ?? (() => systemUptime() * 1000);
    this.#synced = sources.synced ?? (() => null);
    this.#offset = this.#wall() - this.#steady();
    this.#slept = this.#sleptNow();
    this.#wasSynced = this.#synced();
  }

  /** Called at every step, before any time of the new clock is given out. */
  onStep(listener: (step: ClockStep) => void): void {
    this.#listeners.push(listener);
  }

  /** Epoch milliseconds, a whole number from 0 on. */
  now(): number {
    this.#look();
    return this.#timeAt(this.#steady());
  }

  /** The same of something that was stamped with the wall clock just now: bytes that arrived, a reply. */
  at(stamp: number): number {
    this.#look();
    const age = this.#wall() - stamp;
    // A stamp of another age is one from before the wall clock was set.
    return this.#timeAt(this.#steady() - (age >= 0 && age <= AGE_MS_MAX ? age : 0));
  }

  /** Milliseconds that never jump, for measuring spans. */
  steady(): number {
    return this.#steady();
  }

  quality(): ClockQuality {
    this.#look();
    if (this.#steady() + this.#offset < FLOOR_MS || this.#wasSynced === false) {
      return "unsynchronised";
    }
    const isSettled =
      this.#wasSynced === true ||
      this.#steppedAt === null ||
      this.#steady() - this.#steppedAt >= HOLDOVER_MS;
    return isSettled ? "synchronised" : "holdover";
  }

  #timeAt(steady: number): number {
    return Math.max(0, Math.floor(steady + this.#offset));
  }

  /** Compares the two clocks, and steps when they have come apart or the wall clock is known to be right now. */
  #look(): void {
    const steady = this.#steady();
    const wall = this.#wall();
    if (this.#steady() - steady > READ_MS_MAX) {
      return;
    }
    const synced = this.#synced();
    const isSyncedNow = synced === true && this.#wasSynced === false;
    this.#wasSynced = synced;
    const isApart = Math.abs(wall - steady - this.#offset) > STEP_MS;
    const isEarly = this.#steppedAt !== null && steady - this.#steppedAt < BETWEEN_STEPS_MS;
    if (isSyncedNow || (isApart && !isEarly)) {
      this.#step(wall, steady, isSyncedNow);
    }
  }

  #step(wall: number, steady: number, isSyncedNow: boolean): void {
    // The steady clock stands still while the machine sleeps: that is no step, times before were right.
    const slept = this.#sleptNow();
    const overslept = slept - this.#slept >= SLEPT_MS_MIN ? slept - this.#slept : 0;
    this.#slept = slept;
    const before = this.#timeAt(steady + overslept);
    this.#offset = wall - steady;
    const after = this.#timeAt(steady);
    if (isSyncedNow || Math.abs(after - before) > (overslept > 0 ? SLEPT_MS_MIN : STEP_MS)) {
      this.#steppedAt = steady;
      this.#listeners.forEach((listener) => listener({ before, after }));
    }
  }

  #sleptNow(): number {
    return this.#uptime() - this.#steady();
  }
}

/** Beginning of the year in which this was written. */
const FLOOR_MS = Date.UTC(2026, 0, 1);
/** Less is left to what disciplines the clock. */
const STEP_MS = 250;
/** While a clock is set to and fro, times stay on the steady clock in between. */
const BETWEEN_STEPS_MS = 1000;
/** After a step it is not known for a while which side of it was right. */
const HOLDOVER_MS = 60_000;
/** A stamp is at most so old when it comes here. */
const AGE_MS_MAX = 5000;
/** Two clocks read further apart than this say nothing about each other. */
const READ_MS_MAX = 20;
/** Sleep is known to about a tenth of this. */
const SLEPT_MS_MIN = 1000;
