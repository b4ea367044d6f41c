/** How often something may happen: some at once, and later one in a while. What did not get its turn is counted. */
export class Allowance {
  readonly #burst: number;
  readonly #everyMs: number;
  readonly #now: () => number;
  #left: number;
  #filledAt: number;
  #leftOut = 0;

  /** `burst` at once, then one in `everyMs`; `now` is monotonic milliseconds. */
  constructor(burst: number, everyMs: number, now: () => number) {
    this.#burst = burst;
    this.#everyMs = everyMs;
    this.#now = now;
    this.#left = burst;
    this.#filledAt = now();
  }

  /** True when it may happen now. */
  take(): boolean {
    const more = Math.floor((this.#now() - this.#filledAt) / this.#everyMs);
    this.#left = Math.min(this.#burst, this.#left + more);
    this.#filledAt += more * this.#everyMs;
    if (this.#left === 0) {
      this.#leftOut += 1;
      return false;
    }
    this.#left -= 1;
    return true;
  }

  /** How many did not get their turn since this was asked last. */
  takeLeftOut(): number {
    const count = this.#leftOut;
    this.#leftOut = 0;
    return count;
  }
}
