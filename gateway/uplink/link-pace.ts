/**
 * How many bytes of backlog may be on their way to the broker: what a live record has to wait behind. It follows the link
 * as LEDBAT (RFC 6817) does: the smallest latency seen is that of an empty link, what is above it is a queue that we made
 * ourselves. Below 100 ms of queue the window grows, the less the closer it comes; above, it is halved, once per window.
 * All times are monotonic milliseconds.
 *
 * Always true: `WINDOW_BYTES_MIN <= bytes <= bytesMax`.
 */
export class LinkPace {
  readonly #bytesMax: number;
  #bytes: number;
  /** Doubles every round until the first sign of a queue. */
  #isStarting = true;
  /** Answers to what was sent before this say nothing about the window that was chosen then. */
  #halvedAt = -Infinity;
  /** The smallest latency of this minute and of the one before: a link may have changed its route. */
  #least = { now: Infinity, before: Infinity, since: -Infinity };

  constructor(bytesMax: number) {
    this.#bytesMax = Math.max(WINDOW_BYTES_MIN, bytesMax);
    this.#bytes = Math.min(this.#bytesMax, START_BYTES);
  }

  /** Bytes of backlog without a PUBACK, at most; one record is always allowed. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A PUBACK came. `backlogBytes` is the record's size if it was one of the backlog, else 0. */
  acknowledged(sentAt: number, backlogBytes: number, now: number): void {
    const latency = now - sentAt;
    const queued = latency - this.#leastLatency(latency, now);
    if (queued > QUEUE_MS_MAX) {
      if (sentAt >= this.#halvedAt) {
        this.#bytes = Math.max(WINDOW_BYTES_MIN, this.#bytes / 2);
        this.#halvedAt = now;
        this.#isStarting = false;
      }
      return;
    }
    const step = this.#isStarting ? backlogBytes : (STEP_BYTES * backlogBytes) / this.#bytes;
    const growth = Math.min(step, backlogBytes) * (1 - queued / QUEUE_MS_MAX);
    this.#bytes = Math.min(this.#bytesMax, this.#bytes + growth);
  }

  #leastLatency(latency: number, now: number): number {
    const least = this.#least;
    if (now - least.since > MINUTE_MS) {
      this.#least = { now: latency, before: least.now, since: now };
    } else {
      least.now = Math.min(least.now, latency);
    }
    return Math.min(this.#least.now, this.#least.before);
  }
}

/** Fits a slow line: more is only tried when the answers come quickly. */
export const WINDOW_BYTES_MIN = 1024;
const START_BYTES = 8192;
/** The window grows by this much each time that a whole window was acknowledged. */
const STEP_BYTES = 2048;
/** The target of RFC 6817 section 2.5. */
const QUEUE_MS_MAX = 100;
const MINUTE_MS = 60_000;
