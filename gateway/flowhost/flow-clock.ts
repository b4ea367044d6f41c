/**
 * Time in which the flow could run: it goes on in ticks and skips what the process spent stopped or in one endless piece of
 * work. Deadlines for a flow are measured with it, so that a stall does not count against takes that nobody could handle.
 */
export class FlowClock {
  readonly #now: () => number;
  readonly #stepMaxMs: number;
  #elapsed = 0;
  #last: number;

  /** `now` is any clock that does not run backwards, milliseconds; `stepMaxMs` is what one tick adds at most. */
  constructor(now: () => number, stepMaxMs: number) {
    this.#now = now;
    this.#stepMaxMs = stepMaxMs;
    this.#last = now();
  }

  /** Milliseconds of flow time until the last tick. */
  get elapsed(): number {
    return this.#elapsed;
  }

  /** To be called regularly, more often than `stepMaxMs`. */
  tick(): number {
    const now = this.#now();
    this.#elapsed += Math.min(this.#stepMaxMs, Math.max(0, now - this.#last));
    this.#last = now;
    return this.#elapsed;
  }
}
