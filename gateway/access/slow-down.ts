/**
 * How long an answer to a wrong password is put off: more with every one for the same name or from the same address, less as time passes,
 * 8 seconds at most. It is a delay and no lock: whoever knows the password gets in, however many others guess.
 */
export class SlowDown {
  readonly #now: () => number;
  readonly #wrong = new Map<string, { count: number; at: number }>();

  /** `now` gives milliseconds of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A wrong password was given for this name, or from this address; returns the milliseconds to wait before saying so. */
  wrong(key: string): number {
    const count = this.#countOf(key) + 1;
    this.#wrong.delete(key);
    this.#wrong.set(key, { count, at: this.#now() });
    if (this.#wrong.size > KEYS_MAX) {
      const [oldest = ""] = this.#wrong.keys();
      this.#wrong.delete(oldest);
    }
    return Math.min(DELAY_MAX_MS, DELAY_MS * 2 ** Math.min(count - 1, 10));
  }

  /** The right one was given. */
  right(key: string): void {
    this.#wrong.delete(key);
  }

  #countOf(key: string): number {
    const known = this.#wrong.get(key);
    return known === undefined
      ? 0
      : Math.max(0, known.count - Math.floor((this.#now() - known.at) / FORGET_MS));
  }
}

const DELAY_MS = 250;
const DELAY_MAX_MS = 8000;
/** One wrong password is forgotten in this time. */
const FORGET_MS = 30_000;
const KEYS_MAX = 5000;
