import { TREND_MINUTES } from "../rooms.ts";

/** Where a series has no trend. */
export const NO_TREND = -1;

/** Epoch minute, lowest and highest value. */
export type TrendPoint = readonly [minute: number, low: number, high: number];

/**
 * Lowest and highest value of each minute of the last hour, for many series. A trend is a ring of minutes and ends with the minute of
 * the last value: a value of an earlier minute (the clock was set back) takes away what was after it. Kept in pages of plain numbers,
 * because thousands of small lists would cost more than what is in them.
 */
export class BoardTrends {
  /** Per page: low and high of each minute of each trend; NaN where there was no value. */
  readonly #pages: Float64Array[] = [];
  /** Per page: the last minute of each trend. */
  readonly #ends: Int32Array[] = [];
  /** Trends that are used no more. */
  readonly #free: number[] = [];
  #used = 0;

  /** Bytes that trends take up. */
  get bytes(): number {
    return this.#pages.length * PAGE_TRENDS * (POINT_NUMBERS * TREND_MINUTES * 8 + 4);
  }

  /** Counts a value of an instant (epoch milliseconds). Returns the trend, which is a new one for `NO_TREND`. */
  add(trend: number, at: number, value: number): number {
    const minute = Math.floor(at / MINUTE_MS);
    if (minute > MINUTE_MAX) {
      return trend;
    }
    if (trend === NO_TREND) {
      return this.#begin(minute, value);
    }
    const ends = this.#ends[trend >> PAGE_BITS];
    const page = this.#pages[trend >> PAGE_BITS];
    if (ends === undefined || page === undefined) {
      return trend;
    }
    const place = trend & PAGE_MASK;
    const ring = place * RING_NUMBERS;
    const end = ends[place] ?? 0;
    if (minute !== end) {
      clear(page, ring, end, minute);
      ends[place] = minute;
    }
    const low = ring + POINT_NUMBERS * (minute % TREND_MINUTES);
    const high = low + 1;
    // Turned round, because nothing is below or above NaN.
    if (!(Number(page[low]) <= value)) {
      page[low] = value;
    }
    if (!(Number(page[high]) >= value)) {
      page[high] = value;
    }
    return trend;
  }

  /** The minute of the last value. */
  end(trend: number): number {
    return this.#ends[trend >> PAGE_BITS]?.[trend & PAGE_MASK] ?? 0;
  }

  /** The minutes that have values, of the hour that ends with the minute `until`, oldest first. */
  points(trend: number, until: number): TrendPoint[] {
    const page = this.#pages[trend >> PAGE_BITS];
    const points: TrendPoint[] = [];
    if (page === undefined) {
      return points;
    }
    const ring = (trend & PAGE_MASK) * RING_NUMBERS;
    const end = this.end(trend);
    const from = Math.max(0, end - TREND_MINUTES + 1, until - TREND_MINUTES + 1);
    for (let minute = from; minute <= end && minute <= until; minute += 1) {
      const place = ring + POINT_NUMBERS * (minute % TREND_MINUTES);
      const [low = Number.NaN, high = Number.NaN] = page.subarray(place, place + POINT_NUMBERS);
      if (!Number.isNaN(low)) {
        points.push([minute, low, high]);
      }
    }
    return points;
  }

  /** The trend is used no more. */
  forget(trend: number): void {
    if (trend !== NO_TREND) {
      this.#free.push(trend);
    }
  }

  #begin(minute: number, value: number): number {
    const trend = this.#free.pop() ?? this.#used;
    const pageNumber = trend >> PAGE_BITS;
    if (trend === this.#used) {
      this.#used += 1;
      if (pageNumber === this.#pages.length) {
        this.#pages.push(new Float64Array(PAGE_TRENDS * RING_NUMBERS));
        this.#ends.push(new Int32Array(PAGE_TRENDS));
      }
    }
    const ring = (trend & PAGE_MASK) * RING_NUMBERS;
    const page = this.#pages[pageNumber];
    page?.fill(Number.NaN, ring, ring + RING_NUMBERS);
    page?.fill(
      value,
      ring + POINT_NUMBERS * (minute % TREND_MINUTES),
      ring + POINT_NUMBERS * (minute % TREND_MINUTES) + POINT_NUMBERS,
    );
    this.#ends[pageNumber]?.fill(minute, trend & PAGE_MASK, (trend & PAGE_MASK) + 1);
    return trend;
  }
}

/** Empties the minutes between the old end of a ring and the new one: those passed over, or those taken away. */
function clear(page: Float64Array, ring: number, end: number, minute: number): void {
  const [from, to] = minute > end ? [end + 1, minute] : [minute + 1, end];
  const count = Math.min(TREND_MINUTES, to - from + 1);
  for (let passed = 0; passed < count; passed += 1) {
    const place = ring + POINT_NUMBERS * ((to - passed) % TREND_MINUTES);
    page.fill(Number.NaN, place, place + POINT_NUMBERS);
  }
}

export const MINUTE_MS = 60_000;
/** The last minute that a page can hold: in the year 6053. */
const MINUTE_MAX = 2 ** 31 - 1;
const POINT_NUMBERS = 2;
const RING_NUMBERS = POINT_NUMBERS * TREND_MINUTES;
const PAGE_BITS = 6;
const PAGE_TRENDS = 2 ** PAGE_BITS;
const PAGE_MASK = PAGE_TRENDS - 1;
