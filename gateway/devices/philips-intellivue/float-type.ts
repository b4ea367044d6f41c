import { decimalText } from "../decimal.ts";

/** What a FLOAT-Type says: a decimal number, or why there is none. */
export type FloatType =
  | { readonly kind: "number"; readonly mantissa: number; readonly exponent: number }
  /** No number, or none at this resolution. */
  | { readonly kind: "none" }
  /** Beyond what can be said. */
  | { readonly kind: "infinite" };

/**
 * FLOAT-Type of ISO/IEEE 11073: the high byte is a signed exponent of ten, the low three bytes are a signed mantissa; five
 * mantissas are no numbers, whatever the exponent.
 */
export function readFloat(word: number): FloatType {
  const bits = word % 0x1_00_00_00;
  const mantissa = bits >= 0x80_00_00 ? bits - 0x1_00_00_00 : bits;
  const high = Math.floor(word / 0x1_00_00_00);
  const exponent = high >= 0x80 ? high - 0x1_00 : high;
  switch (bits) {
    case NOT_A_NUMBER:
    case NOT_AT_THIS_RESOLUTION:
    case RESERVED:
      return { kind: "none" };
    case PLUS_INFINITY:
    case MINUS_INFINITY:
      return { kind: "infinite" };
    default:
      return { kind: "number", mantissa, exponent };
  }
}

const NOT_A_NUMBER = 0x7f_ff_ff;
const NOT_AT_THIS_RESOLUTION = 0x80_00_00;
const RESERVED = 0x80_00_01;
const PLUS_INFINITY = 0x7f_ff_fe;
const MINUS_INFINITY = 0x80_00_02;

/** The number with exactly the digits the monitor sent: (3670, -2) gives "36.70", (12, 2) gives "1200". */
export function floatText(mantissa: number, exponent: number): string {
  return exponent < 0
    ? decimalText(mantissa, -exponent)
    : `${mantissa}${mantissa === 0 ? "" : "0".repeat(exponent)}`;
}
