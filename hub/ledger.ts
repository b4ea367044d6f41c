import { countIndices, differenceOf, firstIndices, unionOf } from "../gateway/indices.ts";
import type { ClassName } from "../gateway/reading.ts";

/**
 * The arithmetic of completeness: taken = kept + accounted, where accounted = withheld + refused + dropped + gaps. Pure;
 * book.ts keeps the rows.
 *
 * All counts are items, except that a take of which nothing is known but its number counts as one.
 */

/** What the hub knows of one take. All sets are index sets (indices.ts). */
export interface TakeRow {
  readonly class: ClassName;
  /** Items of the take: from the tally, or the highest index seen plus one. */
  readonly count: number;
  /** Items the hub has. */
  readonly items: number;
  /** Items that tallies say were sealed and stored. */
  readonly claimed: number;
  readonly refused: number;
  readonly withheld: number;
  readonly dropped: number;
  /**
   * Exclusive or of the digests of the items the hub has and, once told, of bedside's digest of the whole take: 0 when all
   * of it is here as bedside took it.
   */
  readonly balance: number;
  /** Exclusive or of the digests of what was withheld or refused; null when it cannot be known. */
  readonly rest: number | null;
  /** True when a tally has named the take. */
  readonly told: boolean;
  /** True when a flow changed a value on the way. */
  readonly derived: boolean;
  /** Why claimed items may be missing; null when nothing says it. */
  readonly excuse: string | null;
  /** Hours since 1970 of its items, or of its tally while there are none. */
  readonly hour: number;
}

/** What a tally says about one take. */
export interface TallyTake {
  readonly class: ClassName;
  readonly count: number;
  readonly kept: number;
  readonly withheld: number;
  readonly refused: number;
  readonly dropped: number;
  readonly digest: number;
  readonly rest: number;
}

/** One line of the account. */
export interface Sums {
  taken: number;
  kept: number;
  withheld: number;
  refused: number;
  dropped: number;
  gaps: number;
  unaccounted: number;
}

/** A run of takes that a gap record explains. */
export interface ExplainedTakes {
  readonly first: number;
  readonly last: number;
  readonly reason: string;
  /** True when takes of it may never have been taken. */
  readonly atMost: boolean;
  /** When it began, epoch milliseconds. */
  readonly start: number;
}

/** A closed range of take numbers. */
export type TakeRange = readonly [first: number, last: number];

/** What is missing between takes, and why. */
export interface Holes {
  readonly explained: readonly ExplainedTakes[];
  readonly unexplained: readonly TakeRange[];
}

/** A take of which nothing is known yet. */
export function emptyRow(className: ClassName, hour: number): TakeRow {
  return {
    class: className,
    count: 0,
    items: 0,
    claimed: 0,
    refused: 0,
    withheld: 0,
    dropped: 0,
    balance: 0,
    rest: null,
    told: false,
    derived: false,
    excuse: null,
    hour,
  };
}

/** Items of one take that came with one record. */
export interface TakeItems {
  /** Their indices: an index set, not empty. */
  readonly set: number;
  /** One more than the highest of them. */
  readonly count: number;
  /** Exclusive or of their digests. */
  readonly digest: number;
  readonly hour: number;
}

/** The row after items have come of which the hub has none yet. */
export function withItems(row: TakeRow, came: TakeItems): TakeRow {
  return {
    ...row,
    count: Math.max(row.count, came.count),
    items: unionOf(row.items, came.set),
    balance: (row.balance ^ came.digest) >>> 0,
    hour: row.items === 0 ? came.hour : row.hour,
  };
}

/** The row after one more tally has named the take: stored wins over refused, over withheld, over dropped. */
export function withTally(row: TakeRow, said: TallyTake): TakeRow {
  const claimed = unionOf(row.claimed, said.kept);
  const refused = differenceOf(unionOf(row.refused, said.refused), claimed);
  const ended = unionOf(claimed, refused);
  const withheld = differenceOf(unionOf(row.withheld, said.withheld), ended);
  const dropped = differenceOf(unionOf(row.dropped, said.dropped), unionOf(ended, withheld));
  const merged: TakeRow = {
    ...row,
    class: !row.told && row.items === 0 ? said.class : row.class,
    count: Math.max(row.count, said.count),
    claimed,
    refused,
    withheld,
    dropped,
    balance: row.told ? row.balance : (row.balance ^ said.digest) >>> 0,
    told: true,
  };
  return { ...merged, rest: mergedRest(row, said, merged) };
}

/**
 * Whether the items are what bedside took: "open" while that cannot be said (items on the way, dropped items, or
 * contradicting tallies).
 */
export function verdictOf(row: TakeRow): "open" | "same" | "derived" {
  if (!row.told || row.rest === null || row.items !== row.claimed) {
    return "open";
  }
  if (differenceOf(row.dropped, row.items) !== 0) {
    return "open";
  }
  return row.balance === row.rest ? "same" : "derived";
}

/** The row's line of the account. */
export function sumsOf(row: TakeRow): Sums {
  const kept = countIndices(row.items);
  if (kept === row.count) {
    return { ...noSums(), taken: kept, kept };
  }
  const refused = countIndices(differenceOf(row.refused, row.items));
  const withheld = countIndices(differenceOf(row.withheld, row.items));
  const dropped = countIndices(differenceOf(row.dropped, row.items));
  const known = unionOf(unionOf(row.items, row.refused), unionOf(row.withheld, row.dropped));
  const missing = countIndices(differenceOf(firstIndices(row.count), known));
  return {
    taken: row.count,
    kept,
    withheld,
    refused,
    dropped,
    gaps: row.excuse === null ? 0 : missing,
    unaccounted: row.excuse === null ? missing : 0,
  };
}

/** True when the hub has every item of the take. */
export function isWhole(row: TakeRow): boolean {
  return row.items === firstIndices(row.count);
}

/** True when the two rows say the same of two takes. */
export function isSameRow(a: TakeRow, b: TakeRow): boolean {
  return (
    a.class === b.class &&
    a.count === b.count &&
    a.items === b.items &&
    a.claimed === b.claimed &&
    a.refused === b.refused &&
    a.withheld === b.withheld &&
    a.dropped === b.dropped &&
    a.balance === b.balance &&
    a.rest === b.rest &&
    a.told === b.told &&
    a.derived === b.derived &&
    a.excuse === b.excuse &&
    a.hour === b.hour
  );
}

export function noSums(): Sums {
  return { taken: 0, kept: 0, withheld: 0, refused: 0, dropped: 0, gaps: 0, unaccounted: 0 };
}

/** True when two lines of the account say the same. */
export function isSameSums(a: Readonly<Sums>, b: Readonly<Sums>): boolean {
  return (
    a.taken === b.taken &&
    a.kept === b.kept &&
    a.withheld === b.withheld &&
    a.refused === b.refused &&
    a.dropped === b.dropped &&
    a.gaps === b.gaps &&
    a.unaccounted === b.unaccounted
  );
}

/** Adds one line of the account to another, or takes it away again. */
export function addSums(total: Sums, line: Readonly<Sums>, sign: 1 | -1 = 1): void {
  total.taken += sign * line.taken;
  total.kept += sign * line.kept;
  total.withheld += sign * line.withheld;
  total.refused += sign * line.refused;
  total.dropped += sign * line.dropped;
  total.gaps += sign * line.gaps;
  total.unaccounted += sign * line.unaccounted;
}

/**
 * Looks for take numbers from 1 to the highest known that nothing is present of, and for what explains them.
 * @param present ranges of takes the hub knows, in any order, overlapping or not
 */
export function explainHoles(
  present: readonly TakeRange[],
  gaps: readonly ExplainedTakes[],
): Holes {
  const reasons = disjoint(gaps);
  const last = Math.max(highest(present), reasons.at(-1)?.last ?? 0);
  const explained: ExplainedTakes[] = [];
  const unexplained: TakeRange[] = [];
  let place = 0;
  for (const hole of complement(present, [1, last])) {
    let next = hole[0];
    for (let gap = reasons[place]; gap !== undefined; gap = reasons[place]) {
      const [from, to] = [Math.max(next, gap.first), Math.min(hole[1], gap.last)];
      if (from <= to) {
        if (from > next) {
          unexplained.push([next, from - 1]);
        }
        explained.push({ ...gap, first: from, last: to });
        next = to + 1;
      }
      if (gap.last > hole[1]) {
        break;
      }
      place += 1;
    }
    if (next <= hole[1]) {
      unexplained.push([next, hole[1]]);
    }
  }
  return { explained, unexplained };
}

/** How many takes the ranges hold together. */
export function countOf(ranges: readonly TakeRange[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** The parts of `whole` that no range covers, in order. */
export function complement(ranges: readonly TakeRange[], whole: TakeRange): TakeRange[] {
  const parts: TakeRange[] = [];
  let next = whole[0];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    if (first > whole[1]) {
      break;
    }
    if (first > next) {
      parts.push([next, first - 1]);
    }
    next = Math.max(next, last + 1);
  }
  if (next <= whole[1]) {
    parts.push([next, whole[1]]);
  }
  return parts;
}

function mergedRest(row: TakeRow, said: TallyTake, merged: TakeRow): number | null {
  if (!row.told || sameEnds(merged, said.kept, said.refused, said.withheld)) {
    return said.rest;
  }
  if (sameEnds(merged, row.claimed, row.refused, row.withheld)) {
    return row.rest;
  }
  return merged.claimed === firstIndices(merged.count) ? 0 : null;
}

function sameEnds(row: TakeRow, kept: number, refused: number, withheld: number): boolean {
  return row.claimed === kept && row.refused === refused && row.withheld === withheld;
}

/** The gaps in order, each take in one of them only. */
function disjoint(gaps: readonly ExplainedTakes[]): ExplainedTakes[] {
  const parts: ExplainedTakes[] = [];
  let next = 1;
  for (const gap of gaps.toSorted((a, b) => a.first - b.first)) {
    if (gap.last >= next) {
      parts.push({ ...gap, first: Math.max(gap.first, next) });
      next = gap.last + 1;
    }
  }
  return parts;
}

function highest(ranges: readonly TakeRange[]): number {
  return ranges.reduce((max, range) => Math.max(max, range[1]), 0);
}
