import type { Item, Notice, Quality, Reading } from "../reading.ts";
import { BoardIndex, type SeriesName } from "./board-index.ts";
import { BoardTrends, NO_TREND, type TrendPoint } from "./board-trends.ts";
import { BoardWaves } from "./board-waves.ts";

/** One series on the board: what one code of one device said last. */
export interface ShownSeries extends SeriesName {
  readonly reading: Reading;
  /** Its trend, `NO_TREND` for what has no numbers. */
  readonly trend: number;
}

/** The same, with what only the board needs. */
interface Series extends ShownSeries {
  reading: Reading;
  trend: number;
  /** In which round it was updated last: a round ends when somebody asks what has changed. */
  round: number;
  /** Series that were updated next before and next after this one. */
  older: Series | null;
  newer: Series | null;
}

/**
 * The latest value of every series that the flow shows, the lowest and highest of each minute of the last hour, and the latest
 * notices. In memory only, bounded: what was not updated for longest goes first.
 */
export class Board {
  /** Waveforms that somebody watches. */
  readonly waves: BoardWaves = new BoardWaves();
  readonly #series: BoardIndex<Series> = new BoardIndex();
  readonly #trends: BoardTrends = new BoardTrends();
  readonly #seriesMax: number;
  #round = 0;
  /** How many series went off the board for want of room. */
  #gone = 0;
  #oldest: Series | null = null;
  #newest: Series | null = null;
  #notices: Notice[] = [];

  constructor(seriesMax: number = SERIES_MAX) {
    this.#seriesMax = seriesMax;
  }

  /** Series on the board. */
  get size(): number {
    return this.#series.size;
  }

  /** Series that went off the board for want of room. */
  get gone(): number {
    return this.#gone;
  }

  /** Puts items on the board; an older value never covers a newer one. Waveforms are for who watches them now. */
  show(items: readonly Item[]): void {
    for (const item of items) {
      if (item.kind === "reading") {
        this.#showReading(item);
      } else if (item.kind === "notice") {
        this.#notices = [...this.#notices, item].slice(-NOTICES_MAX);
      } else if (isMeasured(item.quality)) {
        this.waves.show(item);
      }
    }
  }

  /** Everything on the board. */
  content(): { readonly readings: readonly Reading[]; readonly notices: readonly Notice[] } {
    return { readings: this.series().map(({ reading }) => reading), notices: this.#notices };
  }

  /** All series, what was updated last comes last. */
  series(): ShownSeries[] {
    const all: Series[] = [];
    for (let series = this.#oldest; series !== null; series = series.newer) {
      all.push(series);
    }
    return all;
  }

  /** The series that were updated since this was asked last. */
  takeChanges(): ShownSeries[] {
    const changed: Series[] = [];
    // They stand together, since what is updated becomes the newest.
    for (let series = this.#newest; series?.round === this.#round; series = series.older) {
      changed.push(series);
    }
    this.#round += 1;
    return changed.reverse();
  }

  /** Series whose trend has a value of the minute `since` or later. */
  trendsSince(since: number): ShownSeries[] {
    return this.series().filter(
      ({ trend }) => trend !== NO_TREND && this.#trends.end(trend) >= since,
    );
  }

  /** The trend of the hour that ends with the minute `until`, oldest minute first. */
  trendOf({ trend }: ShownSeries, until: number): TrendPoint[] {
    return this.#trends.points(trend, until);
  }

  #showReading(reading: Reading): void {
    let series = this.#series.get(reading);
    if (series === undefined) {
      const { device, code, path } = reading;
      series = { device, code, path, reading, trend: NO_TREND, round: 0, older: null, newer: null };
      this.#series.add(series, series);
      this.#append(series);
      this.#makeRoom();
    } else if (isBefore(reading, series.reading)) {
      return;
    } else {
      series.reading = reading;
      if (series !== this.#newest) {
        this.#remove(series);
        this.#append(series);
      }
    }
    const { value } = reading;
    if (typeof value === "number" && Number.isFinite(value) && isMeasured(reading.quality)) {
      series.trend = this.#trends.add(series.trend, reading.at, value);
    }
    series.round = this.#round;
  }

  #makeRoom(): void {
    const oldest = this.#oldest;
    if (oldest !== null && this.#series.size > this.#seriesMax) {
      this.#series.delete(oldest);
      this.#trends.forget(oldest.trend);
      oldest.trend = NO_TREND;
      this.#remove(oldest);
      this.#gone += 1;
    }
  }

  #append(series: Series): void {
    series.older = this.#newest;
    series.newer = null;
    if (this.#newest === null) {
      this.#oldest = series;
    } else {
      this.#newest.newer = series;
    }
    this.#newest = series;
  }

  #remove({ older, newer }: Series): void {
    if (older === null) {
      this.#oldest = newer;
    } else {
      older.newer = newer;
    }
    if (newer === null) {
      this.#newest = older;
    } else {
      newer.older = older;
    }
  }
}

/** By number, not by time: the clock may have been set in between. */
function isBefore(reading: Reading, shown: Reading): boolean {
  return reading.boot === shown.boot && reading.take < shown.take;
}

/** True where no word says that the number is not what the patient has (or, of a device on show, would have). */
function isMeasured(quality: readonly Quality[]): boolean {
  return (
    (quality.length === 1 && quality[0] === "valid") ||
    !quality.some((word) => UNMEASURED.has(word))
  );
}

const UNMEASURED: ReadonlySet<Quality> = new Set<Quality>([
  "invalid",
  "questionable",
  "unavailable",
  "calibrating",
]);
const SERIES_MAX = 5000;
const NOTICES_MAX = 100;
