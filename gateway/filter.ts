import type { ClassName, Item, Reading } from "./reading.ts";

/**
 * Is it news? Selects the items worth storing and never alters one: what it passes is the very object it was given. State is
 * kept per series (device, code, path) and compares with the last value that was *passed*, so that a slow drift is not lost.
 */
export interface FilterOptions {
  /** How far a number must move from the last one passed: not at all, by an amount in its unit, or by a part of it. */
  readonly deadBand: DeadBand;
  /** Passes no value sooner than this after the last one (milliseconds, 0 for no such limit). */
  readonly minimumIntervalMs: number;
  /** Passes a value at the latest this long after the last one, changed or not (milliseconds, at least 1000). */
  readonly heartbeatMs: number;
  /** Only readings of these classes are filtered; everything else passes. */
  readonly classes: readonly ClassName[];
}

export interface DeadBand {
  readonly kind: "none" | "absolute" | "percent";
  /** In the reading's unit, or in percent of the last value passed. Ignored for kind `none`. */
  readonly size: number;
}

/** What one call of `select` decided. Both lists keep the order of the items. */
export interface Selection {
  readonly passed: readonly Item[];
  readonly withheld: readonly Item[];
}

/** How many items ended how since the filter was made. */
export interface FilterCounts {
  readonly passed: number;
  readonly withheld: number;
}

/** Series one filter remembers; past that the one that was longest without news is forgotten and passes next time. */
export const SERIES_MAX = 10_000;

export class Filter {
  readonly #options: FilterOptions;
  readonly #last = new Map<string, Reading>();
  #generation = -1;
  #passed = 0;
  #withheld = 0;

  constructor(options: FilterOptions) {
    this.#options = options;
  }

  /**
   * Decides on the items of one message. `generation` is the run of flows in which they were handed out: a newer one
   * forgets everything, because what was passed before it may never have been stored; an older one just passes.
   */
  select(className: ClassName, items: readonly Item[], generation: number): Selection {
    if (generation > this.#generation) {
      this.#generation = generation;
      this.#last.clear();
    }
    const passed: Item[] = [];
    const withheld: Item[] = [];
    const filtered = generation === this.#generation && this.#options.classes.includes(className);
    for (const item of items) {
      (filtered && item.kind === "reading" && !this.#isNews(item) ? withheld : passed).push(item);
    }
    this.#passed += passed.length;
    this.#withheld += withheld.length;
    return { passed, withheld };
  }

  get counts(): FilterCounts {
    return { passed: this.#passed, withheld: this.#withheld };
  }

  #isNews(reading: Reading): boolean {
    const series = `${reading.device} ${reading.code} ${reading.path}`;
    const last = this.#last.get(series);
    if (last !== undefined && !isNews(last, reading, this.#options)) {
      return false;
    }
    this.#last.delete(series);
    this.#last.set(series, reading);
    this.#forget();
    return true;
  }

  /** A map keeps the order of insertion: the first key is the series that was longest without news. */
  #forget(): void {
    if (this.#last.size <= SERIES_MAX) {
      return;
    }
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      return;
    }
  }
}

/**
 * Whether `reading` says something that `last`, the one passed before it in the same series, did not. A value that appears
 * or disappears, a changed quality or unit, and a clock that went back are always news.
 */
export function isNews(last: Reading, reading: Reading, options: FilterOptions): boolean {
  const elapsedMs = reading.at - last.at;
  if (
    (last.value === null) !== (reading.value === null) ||
    last.unit !== reading.unit ||
    !sameWords(last.quality, reading.quality) ||
    elapsedMs < 0 ||
    elapsedMs >= options.heartbeatMs
  ) {
    return true;
  }
  return elapsedMs >= options.minimumIntervalMs && hasMoved(last.value, reading.value, options);
}

function hasMoved(
  last: Reading["value"],
  value: Reading["value"],
  { deadBand }: FilterOptions,
): boolean {
  if (typeof last !== "number" || typeof value !== "number") {
    return last !== value;
  }
  if (!Number.isFinite(last) || !Number.isFinite(value)) {
    return !Object.is(last, value);
  }
  return Math.abs(value - last) > bandOf(deadBand, last);
}

/** As the DataChangeFilter of OPC UA Part 4: a value is reported when it has moved by more than the dead-band. */
function bandOf(deadBand: DeadBand, last: number): number {
  switch (deadBand.kind) {
    case "none":
      return 0;
    case "absolute":
      return deadBand.size;
    case "percent":
      return (Math.abs(last) * deadBand.size) / 100;
  }
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word) => b.includes(word));
}
