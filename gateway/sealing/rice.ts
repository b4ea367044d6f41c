import { unreadable } from "../columns.ts";
import type { BitReader, BitWriter } from "./bits.ts";

/** How a block of samples is written: foretold by a polynomial, and what is left in Rice's code (README.md §5). */
export interface Coding {
  /** What foretells the next sample: 0 to PREDICTORS - 1. */
  readonly predictor: number;
  /** Bits of a rest that are written as they are: 0 to RICE_MAX. */
  readonly rice: number;
}

/** A coding with what is left to say of each sample that is foretold, signs folded in. */
export interface Rests extends Coding {
  readonly folded: Int32Array;
}

/** The coding of all samples from number `known` on with the smallest rests; all must be within CODED_MAX. */
export function codingOf(all: Int32Array, known: number): Rests {
  let predictor = 0;
  let least = Infinity;
  for (let each = 0; each < PREDICTORS && reachOf(each) <= all.length; each += 1) {
    const sum = sumOf(all, known, each);
    if (sum < least) {
      least = sum;
      predictor = each;
    }
  }
  const folded = restsOf(all, Math.max(reachOf(predictor), known), predictor);
  return { predictor, folded, rice: bestRice(folded) };
}

/** How many samples a predictor looks back. */
export function reachOf(predictor: number): number {
  return REACHES[predictor] ?? 0;
}

/** The magnitudes of all rests, and twice those of what has to be said before. The loops here are plain: every sample passes. */
function sumOf(all: Int32Array, known: number, predictor: number): number {
  const from = Math.max(reachOf(predictor), known);
  let sum = 0;
  for (let place = known; place < from; place += 1) {
    sum += 2 * Math.abs((all[place] ?? 0) - (all[place - 1] ?? 0));
  }
  for (let place = from; place < all.length; place += 1) {
    sum += Math.abs((all[place] ?? 0) - foretold(all, place, predictor));
  }
  return sum;
}

function restsOf(all: Int32Array, from: number, predictor: number): Int32Array {
  const folded = new Int32Array(Math.max(0, all.length - from));
  for (let place = from; place < all.length; place += 1) {
    const rest = (all[place] ?? 0) - foretold(all, place, predictor);
    folded[place - from] = rest < 0 ? -2 * rest - 1 : 2 * rest;
  }
  return folded;
}

/**
 * What the samples before number `place` foretell: nothing; that the last one stays; that the line through the last two goes on;
 * the same of the line that fits the last four best, and of the parabola that fits the last six best (least squares; they
 * follow noise less).
 */
function foretold(all: Int32Array, place: number, predictor: number): number {
  const first = all[place - 1] ?? 0;
  const second = all[place - 2] ?? 0;
  switch (predictor) {
    case 0:
      return 0;
    case 1:
      return first;
    case 2:
      return 2 * first - second;
    case 3:
      return Math.floor((2 * first + second - (all[place - 4] ?? 0) + 1) / 2);
    default:
      return Math.floor(
        (15 * first +
          3 * second -
          4 * (all[place - 3] ?? 0) -
          6 * (all[place - 4] ?? 0) -
          3 * (all[place - 5] ?? 0) +
          5 * (all[place - 6] ?? 0) +
          5) /
          10,
      );
  }
}

function bestRice(folded: Int32Array): number {
  let sum = 0;
  for (const value of folded) {
    sum += value;
  }
  // More than that is never best; less is, where a few large ones lift the mean.
  const most = Math.min(RICE_MAX, Math.floor(Math.log2(sum / Math.max(1, folded.length) + 1)) + 1);
  let best = 0;
  let least = Infinity;
  for (let rice = 0; rice <= most; rice += 1) {
    const cost = bitsOf(folded, rice);
    if (cost < least) {
      least = cost;
      best = rice;
    }
  }
  return best;
}

function bitsOf(folded: Int32Array, rice: number): number {
  let bits = 0;
  for (const value of folded) {
    const ones = value >>> rice;
    bits += ones < ONES_MAX ? ones + 1 + rice : ONES_MAX + LARGE_BITS;
  }
  return bits;
}

/** Writes all rests of a block. */
export function writeRests(bits: BitWriter, { folded, rice }: Rests): void {
  for (const value of folded) {
    const ones = value >>> rice;
    if (ones + 1 + rice <= BITS_MAX) {
      // So many ones, a zero, and the lowest bits.
      bits.bits((((1 << ones) - 1) << (rice + 1)) | (value & ((1 << rice) - 1)), ones + 1 + rice);
    } else if (ones < ONES_MAX) {
      bits.bits((1 << (ones + 1)) - 2, ones + 1);
      bits.bits(value & ((1 << rice) - 1), rice);
    } else {
      bits.bits((1 << ONES_MAX) - 1, ONES_MAX);
      bits.bits(value >>> (LARGE_BITS / 2), LARGE_BITS / 2);
      bits.bits(value & LARGE_LOW, LARGE_BITS / 2);
    }
  }
}

function readRest(bits: BitReader, rice: number): number {
  const ones = bits.ones(ONES_MAX);
  const folded =
    ones < ONES_MAX
      ? ones * 2 ** rice + bits.bits(rice)
      : bits.bits(LARGE_BITS / 2) * (LARGE_LOW + 1) + bits.bits(LARGE_BITS / 2);
  return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
}

/**
 * Fills `all` from number `known` on; `firsts` are the differences of those that have too few before them to be foretold.
 * Throws WardError `WARD_OPEN`.
 */
export function readBlock(
  bits: BitReader,
  all: Int32Array,
  coding: Coding & { readonly firsts: readonly number[]; readonly known: number },
): void {
  const { predictor, rice, firsts, known } = coding;
  for (let place = known; place < all.length; place += 1) {
    const first = firsts[place - known];
    const sample =
      first === undefined
        ? foretold(all, place, predictor) + readRest(bits, rice)
        : foretold(all, place, 1) + first;
    if (Math.abs(sample) > CODED_MAX) {
      throw unreadable("sample");
    }
    all[place] = sample;
  }
}

const REACHES: readonly number[] = [0, 1, 2, 4, 6];
export const PREDICTORS: number = REACHES.length;
/** The farthest that a predictor looks back. */
export const REACH_MAX = 6;
/** No device gives more than 24 bits; a rest of these, twice, still fits in 31. */
export const CODED_MAX: number = 2 ** 26 - 1;
export const RICE_MAX = 24;
/** After so many ones a rest is written whole, in two halves. */
const ONES_MAX = 23;
const LARGE_BITS = 32;
const LARGE_LOW = 0xffff;
/** Bits that BitWriter takes at once. */
const BITS_MAX = 24;
