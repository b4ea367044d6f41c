/**
 * Sets of item indices of one take (0-49) as one safe integer: bit i stands for index i. A plain number survives
 * JSON, CBOR and Node-RED's message cloning, which BigInt and classes do not.
 */
const HALF_BITS = 26;
const HALF: number = 2 ** HALF_BITS;
/** Sets of indices below 30 are numbers on which the engine's operators for bits work, several times faster: the usual case. */
const SMALL_BITS = 30;
const SMALL_MAX: number = 2 ** SMALL_BITS - 1;
const ONES: readonly number[] = Array.from({ length: 2 * HALF_BITS }, (_, index) => 2 ** index);

/** The set {0, ..., count - 1}. */
export function firstIndices(count: number): number {
  return 2 ** count - 1;
}

/** The set {index}. */
export function oneIndex(index: number): number {
  return index < SMALL_BITS ? 1 << index : (ONES[index] ?? 2 ** index);
}

export function hasIndex(set: number, index: number): boolean {
  if (set <= SMALL_MAX) {
    return index < SMALL_BITS && ((set >>> index) & 1) === 1;
  }
  const bits = index < HALF_BITS ? low(set) >>> index : high(set) >>> (index - HALF_BITS);
  return (bits & 1) === 1;
}

export function unionOf(a: number, b: number): number {
  return a <= SMALL_MAX && b <= SMALL_MAX ? a | b : join(high(a) | high(b), low(a) | low(b));
}

export function intersectionOf(a: number, b: number): number {
  return a <= SMALL_MAX && b <= SMALL_MAX ? a & b : join(high(a) & high(b), low(a) & low(b));
}

/** The members of `a` that are not in `b`. */
export function differenceOf(a: number, b: number): number {
  return a <= SMALL_MAX && b <= SMALL_MAX ? a & ~b : join(high(a) & ~high(b), low(a) & ~low(b));
}

export function countIndices(set: number): number {
  return ones(high(set)) + ones(low(set));
}

/** True for a set that only names indices below `count`. */
export function isIndexSet(set: unknown, count: number): set is number {
  return Number.isSafeInteger(set) && Number(set) >= 0 && Number(set) <= firstIndices(count);
}

function high(set: number): number {
  return Math.floor(set / HALF);
}

function low(set: number): number {
  return set % HALF;
}

function join(highBits: number, lowBits: number): number {
  return highBits * HALF + lowBits;
}

function ones(bits: number): number {
  let count = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) {
    count += 1;
  }
  return count;
}
