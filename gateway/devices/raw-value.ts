import { singleText } from "./decimal.ts";

/** The types of values that registers hold. */
export const RAW_TYPES = [
  "int16",
  "uint16",
  "int32",
  "uint32",
  "int64",
  "uint64",
  "float32",
  "float64",
  "bcd",
  "bits",
  "string",
] as const;
export type RawType = (typeof RAW_TYPES)[number];

export const ORDERS = ["high-first", "low-first"] as const;
export type Order = (typeof ORDERS)[number];

/** How the words of a value lie in its registers. */
export interface RawForm {
  readonly type: RawType;
  /** Which word of a value, and which byte of a word, has the lower address or comes first. */
  readonly wordOrder: Order;
  readonly byteOrder: Order;
  /** The words are single bits, the lowest first (functions 1 and 2). */
  readonly isOfBits: boolean;
}

/** A value before it is scaled: whole numbers, decimals of fractions as text, characters; null when its words say nothing. */
export type Raw =
  | { readonly kind: "whole"; readonly value: number | bigint }
  | { readonly kind: "fraction"; readonly text: string }
  | { readonly kind: "text"; readonly text: string };

/** Registers of a type, where the type says how many. */
export const TYPE_REGISTERS: Readonly<Partial<Record<RawType, number>>> = {
  int16: 1,
  uint16: 1,
  int32: 2,
  uint32: 2,
  int64: 4,
  uint64: 4,
  float32: 2,
  float64: 4,
};

/** Reads the words of one value. Null for not-a-number, infinity, digits that are none, and characters that cannot be shown. */
export function readRaw(words: readonly number[], form: RawForm): Raw | null {
  if (form.isOfBits) {
    return whole(words.reduce((sum, bit, place) => sum + (bit & 1) * 2 ** place, 0));
  }
  const [first = 0] = words;
  if (words.length === 1 && form.byteOrder === "high-first") {
    switch (form.type) {
      case "int16":
        return whole(first >= 0x80_00 ? first - 0x1_00_00 : first);
      case "uint16":
      case "bits":
        return whole(first);
      default:
    }
  }
  return readBytes(viewOf(words, form), form.type);
}

function readBytes(view: DataView, type: RawType): Raw | null {
  switch (type) {
    case "int16":
      return whole(view.getInt16(0));
    case "uint16":
      return whole(view.getUint16(0));
    case "int32":
      return whole(view.getInt32(0));
    case "uint32":
      return whole(view.getUint32(0));
    case "int64":
      return whole(view.getBigInt64(0));
    case "uint64":
      return whole(view.getBigUint64(0));
    case "float32":
      return fraction(view.getFloat32(0), singleText);
    case "float64":
      return fraction(view.getFloat64(0), String);
    case "bcd":
      return readBcd(view);
    case "bits":
      return whole(view.byteLength === 2 ? view.getUint16(0) : view.getUint32(0));
    case "string":
      return readText(view);
  }
}

function whole(value: number | bigint): Raw {
  return { kind: "whole", value };
}

function fraction(value: number, textOf: (value: number) => string): Raw | null {
  return Number.isFinite(value) ? { kind: "fraction", text: textOf(value) } : null;
}

/** The bytes of a value, the highest first. */
function viewOf(words: readonly number[], { wordOrder, byteOrder }: RawForm): DataView {
  const view = new DataView(new ArrayBuffer(2 * words.length));
  for (const [place, word] of words.entries()) {
    const at = wordOrder === "high-first" ? place : words.length - 1 - place;
    view.setUint16(2 * at, word, byteOrder === "low-first");
  }
  return view;
}

function readBcd(view: DataView): Raw | null {
  let digits = "";
  for (let at = 0; at < view.byteLength; at += 1) {
    digits += view.getUint8(at).toString(16).padStart(2, "0");
  }
  return /^\d+$/.test(digits) ? whole(BigInt(digits)) : null;
}

/** Latin-1 without what fills the registers up: zeros and blanks at the end, zeros at the start. */
function readText(view: DataView): Raw | null {
  const bytes = new Uint8Array(view.buffer);
  const text = String.fromCharCode(...bytes).replace(/^\0+|[\0 ]+$/g, "");
  return /^[ -~\xa0-\xff]*$/.test(text) ? { kind: "text", text } : null;
}
