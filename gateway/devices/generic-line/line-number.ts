/** How a device writes a number. */
export interface NumberForm {
  readonly base: 10 | 16;
  readonly point: "." | ",";
  /** Digits before the point, at least and at most; of a hexadecimal number all digits. */
  readonly whole: Span;
  /** Digits after the point. With none allowed there is no point. */
  readonly places: Span;
  readonly sign: "allowed" | "none" | "required";
  /** Digits after a point that the device does not write: with 1, `0365` is 36.5. */
  readonly impliedPlaces: number;
}

export interface Span {
  readonly low: number;
  readonly high: number;
}

/** Digits of a number, at most: up to here value and text are exactly the same number. */
export const DIGITS_MAX = 15;

/** Makes the reader of numbers of one form. It gives the device's digits as a number is written, or null for other text. */
export function makeNumberReader(form: NumberForm): (raw: string) => string | null {
  const { whole, base, impliedPlaces } = form;
  if (base === 16) {
    const hex = new RegExp(`^[0-9A-Fa-f]{${whole.low},${whole.high}}$`);
    return (raw) => (hex.test(raw) ? String(Number.parseInt(raw, 16)) : null);
  }
  const decimal = decimalForm(form);
  // Most numbers are written as they are said, without a sign: then the form need only fit.
  const plain = impliedPlaces === 0 && form.sign !== "required" ? plainForm(form) : null;
  return (raw) => {
    if (plain?.test(raw) === true) {
      return raw;
    }
    const [match, sign = "", digits = "", places = ""] = decimal.exec(raw) ?? [];
    if (match === undefined) {
      return null;
    }
    return `${sign}${impliedPlaces > 0 ? pointed(digits, impliedPlaces) : withPlaces(digits, places)}`;
  };
}

/** Digits and a point, and nothing else. */
function plainForm({ point, whole, places }: NumberForm): RegExp | null {
  const digits = `\\d{${whole.low},${whole.high}}`;
  if (places.low === 0) {
    return new RegExp(`^${digits}$`);
  }
  return point === "." ? new RegExp(`^${digits}\\.\\d{${places.low},${places.high}}$`) : null;
}

/** Sign, blanks that some devices put behind it, digits, and what follows the point. */
function decimalForm({ point, whole, places, sign }: NumberForm): RegExp {
  const signs = { allowed: "([+-]?) *", none: "()", required: "([+-]) *" }[sign];
  const fraction = `\\${point}(\\d{${Math.max(1, places.low)},${places.high}})`;
  const after = places.high === 0 ? "" : places.low === 0 ? `(?:${fraction})?` : fraction;
  return new RegExp(`^${signs}(\\d{${whole.low},${whole.high}})${after}$`);
}

function withPlaces(digits: string, places: string): string {
  return places === "" ? digits : `${digits}.${places}`;
}

function pointed(digits: string, places: number): string {
  const padded = digits.padStart(places + 1, "0");
  return `${padded.slice(0, -places)}.${padded.slice(-places)}`;
}
