/**
 * The CRC-32 of ISO 3309 as a state that is carried on from text to text: what it is before its last inversion, as a signed
 * number of 32 bits. A CRC is linear: the state after some bytes is the state after as many zeros, exclusive or the state that
 * these bytes alone give (beginning with 0). So what repeats need not be fed again, only shifted.
 */

/** The state that a CRC-32 begins with. */
export const CRC_START = -1;

/** The state after one more byte. */
export function feedByte(state: number, byte: number): number {
  return (TABLE[(state ^ byte) & 0xff] ?? 0) ^ (state >>> 8);
}

/** The state after a text of ASCII characters. */
export function feedText(state: number, text: string): number {
  let next = state;
  for (let place = 0; place < text.length; place += 1) {
    next = feedByte(next, text.charCodeAt(place));
  }
  return next;
}

/** The CRC-32 itself, 0 to 2^32 - 1. */
export function crcOf(state: number): number {
  return ~state >>> 0;
}

export function isAscii(text: string): boolean {
  for (let place = 0; place < text.length; place += 1) {
    if (text.charCodeAt(place) > ASCII_LAST) {
      return false;
    }
  }
  return true;
}

/** Gives the state after so many zeros: 256 entries for each byte of the state. */
export type Shift = Int32Array;

/** The shift over `length` zeros. */
export function shiftOf(length: number): Shift {
  const known = SHIFTS.get(length);
  if (known !== undefined) {
    return known;
  }
  if (SHIFTS.size >= SHIFTS_MAX) {
    SHIFTS.clear();
  }
  const zeros = "\0".repeat(length);
  const bits = Array.from({ length: 32 }, (_, bit) => feedText(1 << bit, zeros));
  const table = new Int32Array(4 * 256);
  for (let entry = 0; entry < table.length; entry += 1) {
    const first = (entry >>> 8) * 8;
    for (let bit = 0; bit < 8; bit += 1) {
      if (((entry >>> bit) & 1) === 1) {
        table[entry] = (table[entry] ?? 0) ^ (bits[first + bit] ?? 0);
      }
    }
  }
  SHIFTS.set(length, table);
  return table;
}

/** The state after the zeros of a shift. */
export function shifted(shift: Shift, state: number): number {
  return (
    (shift[state & 0xff] ?? 0) ^
    (shift[256 + ((state >>> 8) & 0xff)] ?? 0) ^
    (shift[512 + ((state >>> 16) & 0xff)] ?? 0) ^
    (shift[768 + (state >>> 24)] ?? 0)
  );
}

const ASCII_LAST = 0x7f;
const POLYNOMIAL = 0xed_b8_83_20;
const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, value) => {
  let row = value;
  for (let bit = 0; bit < 8; bit += 1) {
    row = (row & 1) === 1 ? (row >>> 1) ^ POLYNOMIAL : row >>> 1;
  }
  return row;
});
const SHIFTS = new Map<number, Shift>();
const SHIFTS_MAX = 512;
