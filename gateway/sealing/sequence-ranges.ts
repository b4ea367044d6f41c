/**
 * Sets of sequence numbers as sorted, disjoint, non-adjacent closed ranges. Receipts arrive as ranges and mostly run
 * together, so a set stays short however many numbers it holds.
 */
export type SequenceRange = readonly [from: number, to: number];

/** The union of a set and one range. Throws TypeError on a range that is none. */
export function addRange(
  set: readonly SequenceRange[],
  [from, to]: SequenceRange,
): SequenceRange[] {
  if (!isRange([from, to])) {
    throw new TypeError(`Cannot add range ${from}-${to}: not a range of sequence numbers`);
  }
  const before = set.filter((range) => range[1] < from - 1);
  const after = set.filter((range) => range[0] > to + 1);
  const touching = set.slice(before.length, set.length - after.length);
  const first = touching[0];
  const last = touching.at(-1);
  const merged: SequenceRange =
    first === undefined || last === undefined
      ? [from, to]
      : [Math.min(from, first[0]), Math.max(to, last[1])];
  return [...before, merged, ...after];
}

export function hasSequence(set: readonly SequenceRange[], sequence: number): boolean {
  let low = 0;
  let high = set.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const range = set[middle];
    if (range === undefined) {
      return false;
    }
    if (sequence < range[0]) {
      high = middle - 1;
    } else if (sequence > range[1]) {
      low = middle + 1;
    } else {
      return true;
    }
  }
  return false;
}

/** The parts of one range that the set does not hold, in order. */
export function missingFrom(
  set: readonly SequenceRange[],
  [from, to]: SequenceRange,
): SequenceRange[] {
  const missing: SequenceRange[] = [];
  let next = from;
  for (const range of set) {
    if (range[1] < next) {
      continue;
    }
    if (range[0] > to) {
      break;
    }
    if (range[0] > next) {
      missing.push([next, range[0] - 1]);
    }
    next = range[1] + 1;
  }
  if (next <= to) {
    missing.push([next, to]);
  }
  return missing;
}

/** The set without everything below `low`. */
export function dropBelow(set: readonly SequenceRange[], low: number): SequenceRange[] {
  return set
    .filter((range) => range[1] >= low)
    .map((range): SequenceRange => [Math.max(range[0], low), range[1]]);
}

/** How many sequence numbers the set holds. */
export function countSequences(set: readonly SequenceRange[]): number {
  return set.reduce((count, range) => count + range[1] - range[0] + 1, 0);
}

/** True for a pair of safe integers with 1 <= from <= to. */
export function isRange(range: SequenceRange): boolean {
  return (
    Number.isSafeInteger(range[0]) &&
    Number.isSafeInteger(range[1]) &&
    range[0] >= 1 &&
    range[0] <= range[1]
  );
}
