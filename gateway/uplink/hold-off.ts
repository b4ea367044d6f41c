/**
 * Waits when nobody listens or the broker or the disk says no: a moment, then ever longer, with one message at a time
 * in between until something goes well. All times are monotonic milliseconds.
 */
export class HoldOff {
  readonly #msMin: number;
  #ms = 0;
  #until: number | null = null;

  /** @param msMin the shortest wait */
  constructor(msMin: number) {
    this.#msMin = msMin;
  }

  isHolding(now: number): boolean {
    return this.#until !== null && now < this.#until;
  }

  /** True until something went well: one message at a time. */
  get isProbing(): boolean {
    return this.#ms > 0;
  }

  /** End of the wait, or null. */
  get until(): number | null {
    return this.#until;
  }

  begin(now: number): void {
    if (!this.isHolding(now)) {
      this.#ms = Math.min(this.#msMin * LONGEST, Math.max(this.#msMin, this.#ms * 2));
      this.#until = now + this.#ms;
    }
  }

  /** There is a reason to believe that it goes better now. */
  end(): void {
    this.#until = null;
  }

  success(): void {
    this.#ms = 0;
  }

  reset(): void {
    this.#ms = 0;
    this.#until = null;
  }
}

/** The longest wait, in shortest ones. */
const LONGEST = 30;
