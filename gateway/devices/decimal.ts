/** Exact decimal text of what devices send as integers or binary fractions: no digit is dropped, rounded or made up. */

/** `count / 10^places` as a decimal string with exactly `places` digits after the point: (-123, 4) gives "-0.0123". */
export function decimalText(count: number, places: number): string {
  if (places === 0) {
    return String(count);
  }
  const digits = String(Math.abs(count)).padStart(places + 1, "0");
  const point = digits.length - places;
  return `${count < 0 ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** The shortest decimal that is this IEEE 754 single and no other; `value` must be finite. */
export function singleText(value: number): string {
  for (let digits = 1; digits < SINGLE_DIGITS_MAX; digits += 1) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) {
      return text;
    }
  }
  return String(Number(value.toPrecision(SINGLE_DIGITS_MAX)));
}

/** The single in two 16-bit words, the high word first. May be NaN or infinite. */
export function singleOf(high: number, low: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, high);
  view.setUint16(2, low);
  return view.getFloat32(0);
}

/** A 16-bit word as a signed integer. */
export function signed16(word: number): number {
  return word >= 0x80_00 ? word - 0x1_00_00 : word;
}

/** Nine significant digits always tell one single from every other. */
const SINGLE_DIGITS_MAX = 9;
