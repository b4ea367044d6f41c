import type { TakeRange } from "./ledger.ts";

/** A set of whole numbers as rising disjoint ranges that do not touch: millions of numbers in a row are one entry. */
export class Ranges {
  readonly #ranges: [first: number, last: number][];

  /** @param ranges rising, disjoint, not touching: what `list` gave */
  constructor(ranges: readonly TakeRange[] = []) {
    this.#ranges = ranges.map(([first, last]) => [first, last]);
  }

  /** Adds first..last. */
  add(first: number, last: number): void {
    const ranges = this.#ranges;
    const newest = ranges.at(-1);
    if (newest !== undefined && first === newest[1] + 1) {
      newest[1] = last;
      return;
    }
    if (newest === undefined || first > newest[1]) {
      ranges.push([first, last]);
      return;
    }
    const from = this.#firstReaching(first - 1);
    let to = from;
    let [low, high] = [first, last];
    for (let next = ranges[to]; next !== undefined && next[0] <= last + 1; next = ranges[to]) {
      low = Math.min(low, next[0]);
      high = Math.max(high, next[1]);
      to += 1;
    }
    ranges.splice(from, to - from, [low, high]);
  }

  remove(value: number): void {
    const place = this.#firstReaching(value);
    const range = this.#ranges[place];
    if (range === undefined || range[0] > value) {
      return;
    }
    const parts: [number, number][] = [
      [range[0], value - 1],
      [value + 1, range[1]],
    ];
    this.#ranges.splice(place, 1, ...parts.filter(([first, last]) => first <= last));
  }

  has(value: number): boolean {
    const range = this.#ranges[this.#firstReaching(value)];
    return range !== undefined && range[0] <= value;
  }

  list(): readonly TakeRange[] {
    return this.#ranges;
  }

  /** Every number in it; only for sets that are known to be small. */
  numbers(): number[] {
    return this.#ranges.flatMap(([first, last]) =>
      Array.from({ length: last - first + 1 }, (_, place) => first + place),
    );
  }

  /** The numbers in it from `first` to `last`. */
  numbersIn(first: number, last: number): number[] {
    const inside = this.#ranges
      .map((range): [number, number] => [Math.max(range[0], first), Math.min(range[1], last)])
      .filter(([from, to]) => from <= to);
    return new Ranges(inside).numbers();
  }

  get isEmpty(): boolean {
    return this.#ranges.length === 0;
  }

  /** How many numbers are in it. */
  get size(): number {
    return this.#ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }

  /** The place of the first range that ends at `value` or later. */
  #firstReaching(value: number): number {
    let [low, high] = [0, this.#ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.[1] ?? 0) < value) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
