import { decimalText } from "./decimal.ts";

/**
 * Scales what a device counts in by an exact ratio and an offset, in decimal digits that are all exact: nothing is rounded, and nothing is
 * calculated in binary fractions.
 */
export class Scale {
  /** The scaled value is `(raw * multiplier + offset) / 10^places`. */
  readonly #multiplier: bigint;
  readonly #offset: bigint;
  readonly #places: number;
  /** The device counts in steps of a power of ten: every value has all its digits, also zeros at the end. */
  readonly #isDecimal: boolean;
  /** Below this the calculation may be done with numbers. */
  readonly #rawMax: number;

  private constructor(parts: ScaleParts) {
    this.#multiplier = parts.multiplier;
    this.#offset = parts.offset;
    this.#places = parts.places;
    this.#isDecimal = parts.isDecimal;
    const room = Number.MAX_SAFE_INTEGER - Math.abs(Number(parts.offset));
    this.#rawMax = Math.floor(room / Math.max(1, Math.abs(Number(parts.multiplier))));
  }

  /**
   * The scale of a ratio of two whole numbers, and an offset that is added afterwards. Null when the ratio has no finite decimal, as 1/3 has
   * none.
   */
  static of(numerator: number, denominator: number, offset = 0): Scale | null {
    const divisor = greatestDivisor(Math.abs(numerator), denominator);
    const given = powerOf(10, denominator);
    const needed = finitePlaces(denominator / divisor);
    if (needed === null) {
      return null;
    }
    const shift = parseDecimal(String(offset));
    const places = Math.max(needed, given ?? 0, -shift.exponent, 0);
    return new Scale({
      multiplier: (BigInt(numerator) * 10n ** BigInt(places)) / BigInt(denominator),
      offset: shift.digits * 10n ** BigInt(places + shift.exponent),
      places,
      isDecimal: given !== null,
    });
  }

  /** True when values stay as they are. */
  get isOne(): boolean {
    return this.#multiplier === 1n && this.#offset === 0n && this.#places === 0;
  }

  /** The scaled value of a whole number. */
  text(raw: number | bigint): string {
    if (typeof raw === "number" && Math.abs(raw) <= this.#rawMax) {
      const count = raw * Number(this.#multiplier) + Number(this.#offset);
      return this.#settled(decimalText(count, this.#places));
    }
    const count = BigInt(raw) * this.#multiplier + this.#offset;
    return this.#settled(digitsText(count, this.#places));
  }

  /** The scaled value of a decimal, for example "-1.5e-7". */
  textOf(decimal: string): string {
    const { digits, exponent } = parseDecimal(decimal);
    const scaled = digits * this.#multiplier;
    // Both parts over the same power of ten.
    const down = BigInt(Math.max(0, -exponent));
    const up = BigInt(Math.max(0, exponent));
    const count = scaled * 10n ** up + this.#offset * 10n ** down;
    return trimmed(digitsText(count, this.#places + Number(down)));
  }

  #settled(text: string): string {
    return this.#isDecimal ? text : trimmed(text);
  }
}

interface ScaleParts {
  readonly multiplier: bigint;
  readonly offset: bigint;
  readonly places: number;
  readonly isDecimal: boolean;
}

/** `count / 10^places` in digits. */
function digitsText(count: bigint, places: number): string {
  if (places === 0) {
    return String(count);
  }
  const isNegative = count < 0n;
  const digits = String(isNegative ? -count : count).padStart(places + 1, "0");
  const point = digits.length - places;
  return `${isNegative ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Without the zeros at the end of a fraction. */
function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** The digits of a decimal and the power of ten that they are multiplied by. */
function parseDecimal(text: string): { readonly digits: bigint; readonly exponent: number } {
  const [, sign = "", whole = "0", fraction = "", power = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/.exec(text) ?? [];
  return {
    digits: BigInt(`${sign}${whole}${fraction}`),
    exponent: Number(power) - fraction.length,
  };
}

/** How many decimal places 1/denominator has, or null when they never end. */
function finitePlaces(denominator: number): number | null {
  let rest = denominator;
  let twos = 0;
  let fives = 0;
  for (; rest % 2 === 0; rest /= 2) {
    twos += 1;
  }
  for (; rest % 5 === 0; rest /= 5) {
    fives += 1;
  }
  return rest === 1 ? Math.max(twos, fives) : null;
}

/** The exponent that gives `value` from `base`, or null. */
function powerOf(base: number, value: number): number | null {
  let rest = value;
  let exponent = 0;
  for (; rest % base === 0; rest /= base) {
    exponent += 1;
  }
  return rest === 1 ? exponent : null;
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}
