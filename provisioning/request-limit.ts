/**
 * How often one address may fail: a bucket of tries that fills up again with time. What succeeds costs nothing, so that a
 * whole hospital behind one address can enrol at once, and guessing cannot.
 */
export class RequestLimit {
  readonly #now: () => number;
  readonly #failures = new Map<string, { count: number; at: number }>();

  /** `now` gives milliseconds that never jump. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** True while this address has to wait. */
  isOver(address: string): boolean {
    return this.#countOf(address) >= FAILURES_MAX;
  }

  failed(address: string): void {
    const count = this.#countOf(address) + 1;
    // Put at the end: the one that is given up when there are too many is the one that was quiet longest.
    this.#failures.delete(address);
    this.#failures.set(address, { count, at: this.#now() });
    if (this.#failures.size > ADDRESSES_MAX) {
      const [oldest = ""] = this.#failures.keys();
      this.#failures.delete(oldest);
    }
  }

  #countOf(address: string): number {
    const known = this.#failures.get(address);
    return known === undefined
      ? 0
      : Math.max(0, known.count - (this.#now() - known.at) / FORGIVE_MS);
  }
}

/** Tries that may fail one after the other, and how long it takes until one of them is forgotten (milliseconds). */
const FAILURES_MAX = 20;
const FORGIVE_MS = 6000;
/** Addresses remembered, at most. */
const ADDRESSES_MAX = 10_000;
/** What a client is told to wait (seconds). */
export const RETRY_AFTER_S = 60;
