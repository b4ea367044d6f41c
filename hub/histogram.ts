/**
 * Counts durations in steps of 4 percent, so that any quantile is known to 4 percent in a fixed few kilobytes of memory.
 */
export class Histogram {
  readonly #counts: number[] = Array.from({ length: STEPS }, () => 0);
  #total = 0;

  /** Adds one duration (milliseconds); negative ones, from clocks that disagree, count as 0. */
  add(ms: number): void {
    const step = Math.ceil(Math.log(Math.max(ms, 0) + 1) / GROWTH);
    const place = Math.min(step, STEPS - 1);
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    this.#total += 1;
  }

  get total(): number {
    return this.#total;
  }

  /** The duration (milliseconds) that the given part (0 to 1) of all does not exceed; 0 when there is none. */
  quantile(part: number): number {
    let rest = Math.ceil(part * this.#total);
    if (rest === 0) {
      return 0;
    }
    for (const [place, count] of this.#counts.entries()) {
      rest -= count;
      if (rest <= 0) {
        return Math.round((Math.exp(place * GROWTH) - 1) * 10) / 10;
      }
    }
    return Number.POSITIVE_INFINITY;
  }
}

const GROWTH = Math.log(1.04);
/** Steps of 4 percent that reach 4 hours; what is longer counts as that. */
const STEPS = 424;
