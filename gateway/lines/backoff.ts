/** How long to wait between attempts. */
export interface BackoffOptions {
  /** The first wait is 50-100 % of this. @default 500 */
  readonly firstMs?: number;
  /** No wait is longer. @default 15000 */
  readonly maxMs?: number;
  /** Random number in [0, 1). @default Math.random */
  readonly random?: () => number;
}

/**
 * Waits that double from attempt to attempt up to a limit, each shortened by up to half at random, so that a ward full of
 * gateways does not knock at the same moment after a power cut.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempts = 0;

  constructor(options: BackoffOptions = {}) {
    this.#firstMs = options.firstMs ?? FIRST_MS;
    this.#maxMs = options.maxMs ?? MAX_MS;
    this.#random = options.random ?? Math.random;
  }

  /** Failed attempts since the last `reset`. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The wait before the next attempt, whole milliseconds. */
  next(): number {
    const full = Math.min(
      this.#firstMs * 2 ** Math.min(this.#attempts, DOUBLINGS_MAX),
      this.#maxMs,
    );
    this.#attempts += 1;
    return Math.round(full * (0.5 + this.#random() / 2));
  }

  /** To be called when the peer has proved itself (a good frame), not when it merely accepted the connection. */
  reset(): void {
    this.#attempts = 0;
  }
}

const FIRST_MS = 500;
const MAX_MS = 15_000;
const DOUBLINGS_MAX = 20;
