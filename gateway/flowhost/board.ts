import type { Item, Notice, Reading } from "../reading.ts";

/**
 * The latest value of every series that the flow shows, and the latest notices. In memory only, bounded: what was not
 * updated for longest goes first.
 */
export class Board {
  readonly #readings = new Map<string, Reading>();
  readonly #seriesMax: number;
  #notices: Notice[] = [];

  constructor(seriesMax: number = SERIES_MAX) {
    this.#seriesMax = seriesMax;
  }

  /** Series on the board. */
  get size(): number {
    return this.#readings.size;
  }

  /** Puts items on the board; an older value never covers a newer one. Waveforms are not shown. */
  show(items: readonly Item[]): void {
    for (const item of items) {
      if (item.kind === "reading") {
        this.#showReading(item);
      } else if (item.kind === "notice") {
        this.#notices = [...this.#notices, item].slice(-NOTICES_MAX);
      }
    }
  }

  /** Everything on the board. */
  content(): { readonly readings: readonly Reading[]; readonly notices: readonly Notice[] } {
    return { readings: [...this.#readings.values()], notices: this.#notices };
  }

  #showReading(reading: Reading): void {
    const series = `${reading.device} ${reading.code} ${reading.path}`;
    const shown = this.#readings.get(series);
    if (shown !== undefined && isBefore(reading, shown)) {
      return;
    }
    this.#readings.delete(series);
    this.#readings.set(series, reading);
    if (this.#readings.size > this.#seriesMax) {
      for (const oldest of this.#readings.keys()) {
        this.#readings.delete(oldest);
        break;
      }
    }
  }
}

/** By number, not by time: the clock may have been set in between. */
function isBefore(reading: Reading, shown: Reading): boolean {
  return reading.boot === shown.boot && reading.take < shown.take;
}

const SERIES_MAX = 5000;
const NOTICES_MAX = 100;
