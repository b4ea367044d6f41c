import {
  countIndices,
  differenceOf,
  firstIndices,
  hasIndex,
  oneIndex,
  unionOf,
} from "../gateway/indices.ts";
import type { ClassName } from "../gateway/reading.ts";

/**
 * The arithmetic of completeness: taken = kept + accounted, where accounted = withheld + refused + dropped + gaps. Pure;
 * ledger-tables.ts keeps the rows.
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
  /** Exclusive or of their digests; null for a take that was in the archive, which keeps none. */
  readonly got: number | null;
  /** Items that tallies say were sealed and stored. */
  readonly claimed: number;
  readonly refused: number;
  readonly withheld: number;
  readonly dropped: number;
  /** Bedside's digest of the whole take; null without a tally. */
  readonly digest: number | null;
  /** Exclusive or of the digests of what was withheld or refused; null when it cannot be known. */
  readonly rest: number | null;
  /** Record id of the newest tally that names the take; null without one. */
  readonly tally: number | null;
  /** True when a flow changed a value on the way. */
  readonly derived: boolean;
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
  readonly atMost: boolean;
}

/** A closed range of take numbers. */
export type TakeRange = readonly [first: number, last: number];

/** What is missing between takes, and why. */
export interface Holes {
  /** Takes per reason. */
  readonly reasons: Map<string, number>;
  /** Of these, takes that may never have been taken. */
  readonly atMost: number;
  readonly unexplained: number;
}

/** A take of which nothing is known yet. */
export function emptyRow(className: ClassName): TakeRow {
  return {
    class: className,
    count: 0,
    items: 0,
    got: 0,
    claimed: 0,
    refused: 0,
    withheld: 0,
    dropped: 0,
    digest: null,
    rest: null,
    tally: null,
    derived: false,
  };
}

/** The row after one more item has come; null when the hub already has that item. */
export function withItem(row: TakeRow, index: number, digest: number): TakeRow | null {
  if (hasIndex(row.items, index)) {
    return null;
  }
  return {
    ...row,
    count: Math.max(row.count, index + 1),
    items: unionOf(row.items, oneIndex(index)),
    got: row.got === null ? null : (row.got ^ digest) >>> 0,
  };
}

/** The row after one more tally has named the take: stored wins over refused, over withheld, over dropped. */
export function withTally(row: TakeRow, said: TallyTake, tally: number): TakeRow {
  const claimed = unionOf(row.claimed, said.kept);
  const refused = differenceOf(unionOf(row.refused, said.refused), claimed);
  const ended = unionOf(claimed, refused);
  const withheld = differenceOf(unionOf(row.withheld, said.withheld), ended);
  const dropped = differenceOf(unionOf(row.dropped, said.dropped), unionOf(ended, withheld));
  const merged: TakeRow = {
    ...row,
    class: row.tally === null && row.items === 0 ? said.class : row.class,
    count: Math.max(row.count, said.count),
    claimed,
    refused,
    withheld,
    dropped,
    digest: row.digest ?? said.digest,
    tally,
  };
  return { ...merged, rest: mergedRest(row, said, merged) };
}

/**
 * Whether the items are what bedside took: "open" while that cannot be said (items on the way, dropped items, or
 * contradicting tallies).
 */
export function verdictOf(row: TakeRow): "open" | "same" | "derived" {
  const lost = differenceOf(row.dropped, row.items);
  const { digest, got, rest } = row;
  if (digest === null || got === null || rest === null) {
    return "open";
  }
  if (lost !== 0 || row.items !== row.claimed) {
    return "open";
  }
  return (got ^ rest) >>> 0 === digest ? "same" : "derived";
}

/** True when nothing more is expected: a tally has named the take and every item is here, accounted for or in a gap. */
export function isComplete(row: TakeRow, gapReason: string | null): boolean {
  return row.tally !== null && (gapReason !== null || sumsOf(row, null).unaccounted === 0);
}

/** The row's line of the account. `gapReason` says why claimed items may be missing; null when nothing says it. */
export function sumsOf(row: TakeRow, gapReason: string | null): Sums {
  const kept = countIndices(row.items);
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
    gaps: gapReason === null ? 0 : missing,
    unaccounted: gapReason === null ? missing : 0,
  };
}

export function noSums(): Sums {
  return { taken: 0, kept: 0, withheld: 0, refused: 0, dropped: 0, gaps: 0, unaccounted: 0 };
}

/** Adds one line of the account to another. */
export function addSums(total: Sums, line: Readonly<Sums>): void {
  total.taken += line.taken;
  total.kept += line.kept;
  total.withheld += line.withheld;
  total.refused += line.refused;
  total.dropped += line.dropped;
  total.gaps += line.gaps;
  total.unaccounted += line.unaccounted;
}

/**
 * Looks for take numbers from 1 to the highest known that nothing is present of, and for what explains them.
 * @param present ranges of takes the hub knows, in any order, overlapping or not
 */
export function explainHoles(
  present: readonly TakeRange[],
  gaps: readonly ExplainedTakes[],
): Holes {
  const explained = disjoint(gaps);
  const last = Math.max(highest(present), explained.at(-1)?.last ?? 0);
  const reasons = new Map<string, number>();
  let atMost = 0;
  let unexplained = 0;
  let place = 0;
  for (const hole of complement(present, [1, last])) {
    unexplained += hole[1] - hole[0] + 1;
    for (let gap = explained[place]; gap !== undefined; gap = explained[place]) {
      const covered = overlap(hole, [gap.first, gap.last]);
      if (covered > 0) {
        reasons.set(gap.reason, (reasons.get(gap.reason) ?? 0) + covered);
        atMost += gap.atMost ? covered : 0;
        unexplained -= covered;
      }
      if (gap.last > hole[1]) {
        break;
      }
      place += 1;
    }
  }
  return { reasons, atMost, unexplained };
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
  if (row.tally === null || sameEnds(merged, said.kept, said.refused, said.withheld)) {
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

function overlap(a: TakeRange, b: TakeRange): number {
  return Math.max(0, Math.min(a[1], b[1]) - Math.max(a[0], b[0]) + 1);
}
