export interface Allowed {
  /** So many at once. */
  readonly count: number;
  /** How long it takes until one of them is forgotten (milliseconds). */
  readonly forgiveMs: number;
}

/** How often the same one may do something: a bucket that fills up again with time. */
export class RequestLimit {
  readonly #allowed: Allowed;
  readonly #now: () => number;
  readonly #known = new Map<string, { count: number; at: number }>();

  /** `now` gives milliseconds that never jump. */
  constructor(allowed: Allowed, now: () => number = () => performance.now()) {
    this.#allowed = allowed;
    this.#now = now;
  }

  /** True while this one has to wait. */
  isOver(who: string): boolean {
    return this.#countOf(who) >= this.#allowed.count;
  }

  /** It did it once more. */
  add(who: string): void {
    const count = this.#countOf(who) + 1;
    // Put at the end: the one that is given up when there are too many is the one that was quiet longest.
    this.#known.delete(who);
    this.#known.set(who, { count, at: this.#now() });
    if (this.#known.size > KNOWN_MAX) {
      const [oldest = ""] = this.#known.keys();
      this.#known.delete(oldest);
    }
  }

  #countOf(who: string): number {
    const known = this.#known.get(who);
    const { forgiveMs } = this.#allowed;
    return known === undefined
      ? 0
      : Math.max(0, known.count - (this.#now() - known.at) / forgiveMs);
  }
}

/** Remembered, at most. */
const KNOWN_MAX = 10_000;
