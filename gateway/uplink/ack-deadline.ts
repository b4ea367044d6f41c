/**
 * Finds a broker that takes messages and does not acknowledge them. A slow line is no reason to give up, so the clock of
 * the oldest message starts anew whenever one before it was acknowledged; but once a later one was acknowledged before it,
 * its own acknowledgement has to follow in time. All times are monotonic milliseconds.
 */
export class AckDeadline {
  readonly #ms: number;
  /** In order of sending: when it was sent, and when a later one was acknowledged before it. */
  readonly #open: Map<number, { readonly sentAt: number; overtakenAt: number | null }> = new Map();
  #ids = 0;
  /** When the oldest one was acknowledged last. */
  #progressAt = -Infinity;

  /** @param ms how long an acknowledgement may take */
  constructor(ms: number) {
    this.#ms = ms;
  }

  /** A message is sent; returns its number for `answered`. */
  sent(now: number): number {
    this.#ids += 1;
    this.#open.set(this.#ids, { sentAt: now, overtakenAt: null });
    return this.#ids;
  }

  answered(id: number, now: number): void {
    let isFirst = true;
    for (const [other, message] of this.#open) {
      if (other === id) {
        break;
      }
      message.overtakenAt ??= now;
      isFirst = false;
    }
    if (this.#open.delete(id) && isFirst) {
      this.#progressAt = now;
    }
  }

  /** True when the broker has had its time. */
  isOver(now: number): boolean {
    for (const { sentAt, overtakenAt } of this.#open.values()) {
      return now - (overtakenAt ?? Math.max(sentAt, this.#progressAt)) >= this.#ms;
    }
    return false;
  }
}
