/**
 * The device's decimal strings as numbers and back, digit for digit. A text of this shape is a mantissa, a number of
 * decimals and a number of surplus leading zeros: "-036.60" is -3660, 2 decimals, 1 zero.
 */
export interface Decimal {
  /** -(2^52 - 1) to 2^52 - 1. */
  mantissa: number;
  /** Digits after the point, 0-15. */
  decimals: number;
  /** Leading zeros beyond the one that a number below 1 needs, 0-15. */
  zeros: number;
}

/**
 * Takes `text` apart into `into` (reused, because this runs once per reading). False when the text has another shape or
 * too many digits, and then it travels as it is.
 */
export function parseDecimal(text: string, into: Decimal): boolean {
  const negative = text.charCodeAt(0) === MINUS;
  const length = text.length;
  let mantissa = 0;
  let point = -1;
  const first = negative ? 1 : 0;
  let zeros = 0;
  let leading = true;
  for (let place = first; place < length; place += 1) {
    const code = text.charCodeAt(place);
    if (code === POINT && point < 0) {
      point = place;
      leading = false;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9) {
      return false;
    }
    if (leading && digit === 0) {
      zeros += 1;
    } else {
      leading = false;
    }
    mantissa = mantissa * 10 + digit;
    if (mantissa > MANTISSA_MAX) {
      return false;
    }
  }
  const whole = (point < 0 ? length : point) - first;
  const decimals = point < 0 ? 0 : length - point - 1;
  // One zero of "0", "00" or "0.5" is needed; every other leading one is surplus.
  const surplus = zeros === whole ? zeros - 1 : zeros;
  if (whole < 1 || point === length - 1 || decimals > DECIMALS_MAX || surplus > ZEROS_MAX) {
    return false;
  }
  // Zero has no sign as an integer.
  if (negative && mantissa === 0) {
    return false;
  }
  into.mantissa = negative ? -mantissa : mantissa;
  into.decimals = decimals;
  into.zeros = surplus;
  return true;
}

/** The text of a decimal, exactly as `parseDecimal` was given it. */
export function decimalText(decimal: Readonly<Decimal>): string {
  const digits = String(Math.abs(decimal.mantissa)).padStart(decimal.decimals + 1, "0");
  const whole = digits.length - decimal.decimals;
  const sign = decimal.mantissa < 0 ? "-" : "";
  const fraction = decimal.decimals === 0 ? "" : `.${digits.slice(whole)}`;
  return `${sign}${"0".repeat(decimal.zeros)}${digits.slice(0, whole)}${fraction}`;
}

/** The double nearest to a decimal. Both operands are exact, so the one rounding of the division is the right one. */
export function decimalValue(decimal: Readonly<Decimal>): number {
  return decimal.mantissa / (POWERS[decimal.decimals] ?? Number.NaN);
}

export const DECIMALS_MAX = 15;
export const ZEROS_MAX = 15;
export const MANTISSA_MAX: number = 2 ** 52 - 1;
const POWERS = Array.from({ length: DECIMALS_MAX + 1 }, (_, power) => Number(`1e${power}`));
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
