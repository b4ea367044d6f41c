import { WardError } from "./errors.ts";

/**
 * The primitives of everything that is packed into bytes here: bytes, unsigned and signed variable-length integers, doubles, and
 * a table of strings. sealing/README.md specifies them.
 */
export class ColumnWriter {
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  #length = 0;

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  /** 0 to 2^53 - 1, seven bits a byte, lowest first, the top bit set on all but the last. */
  uint(value: number): void {
    this.#room(VARINT_BYTES_MAX);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length] = (rest % 0x80) + 0x80;
      this.#length += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length] = rest;
    this.#length += 1;
  }

  /** -(2^53 - 1) to 2^53 - 1: twice the magnitude, plus one when negative, as an unsigned one. */
  sint(value: number): void {
    const magnitude = Math.abs(value);
    const sign = value < 0 ? 1 : 0;
    const low = (magnitude % 0x40) * 2 + sign;
    if (magnitude < 0x40) {
      this.byte(low);
      return;
    }
    // Twice the magnitude may be more than a safe integer, so the lowest group of bits goes first on its own.
    this.byte(low + 0x80);
    this.uint(Math.floor(magnitude / 0x40));
  }

  /** IEEE 754 binary64, big-endian. */
  float64(value: number): void {
    this.#room(FLOAT_BYTES);
    viewOf(this.#bytes).setFloat64(this.#length, value);
    this.#length += FLOAT_BYTES;
  }

  /** Unsigned, big-endian. */
  uint32(value: number): void {
    this.#room(UINT32_BYTES);
    viewOf(this.#bytes).setUint32(this.#length, value);
    this.#length += UINT32_BYTES;
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** What was written so far; only until the next write. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Begins anew in the same memory. */
  clear(): void {
    this.#length = 0;
  }

  #room(bytes: number): void {
    if (this.#length + bytes > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + bytes));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
  }
}

/**
 * Reads what ColumnWriter wrote. Every method throws when the bytes are not that: WardError `WARD_OPEN`, or what `fail` makes of the
 * name of the part.
 */
export class ColumnReader {
  readonly #bytes: Uint8Array;
  readonly #fail: (what: string) => WardError;
  #at = 0;

  constructor(bytes: Uint8Array, fail: (what: string) => WardError = unreadable) {
    this.#bytes = bytes;
    this.#fail = fail;
  }

  byte(what: string, maximum: number): number {
    const value = this.#bytes[this.#at];
    if (value === undefined || value > maximum) {
      throw this.#fail(what);
    }
    this.#at += 1;
    return value;
  }

  uint(what: string, maximum: number): number {
    let value = 0;
    let weight = 1;
    for (let bytes = 0; bytes < VARINT_BYTES_MAX; bytes += 1) {
      const byte = this.#next(what);
      value += (byte & 0x7f) * weight;
      if (value > maximum || (byte === 0 && weight > 1)) {
        break;
      }
      if (byte < 0x80) {
        return value;
      }
      weight *= 0x80;
    }
    throw this.#fail(what);
  }

  /** `maximum` bounds the magnitude. */
  sint(what: string, maximum: number): number {
    const first = this.#next(what);
    const low = (first & 0x7f) >> 1;
    const high = first < 0x80 ? 0 : this.uint(what, Number.MAX_SAFE_INTEGER) * 0x40;
    const magnitude = high + low;
    const negative = (first & 1) === 1;
    if (magnitude > maximum || (first >= 0x80 && high === 0) || (negative && magnitude === 0)) {
      throw this.#fail(what);
    }
    return negative ? -magnitude : magnitude;
  }

  /** A finite double. */
  float64(what: string): number {
    const bytes = this.raw(what, FLOAT_BYTES);
    const value = viewOf(bytes).getFloat64(0);
    if (!Number.isFinite(value)) {
      throw this.#fail(what);
    }
    return value;
  }

  uint32(what: string): number {
    return viewOf(this.raw(what, UINT32_BYTES)).getUint32(0);
  }

  raw(what: string, bytes: number): Uint8Array {
    const end = this.#at + bytes;
    if (end > this.#bytes.length) {
      throw this.#fail(what);
    }
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  /** A count of things that take at least one byte each, so that a lie about it costs no memory. */
  count(what: string, maximum: number): number {
    return this.uint(what, Math.min(maximum, this.#bytes.length - this.#at));
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  /** Throws when bytes are left over. */
  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw this.#fail("end");
    }
  }

  #next(what: string): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) {
      throw this.#fail(what);
    }
    this.#at += 1;
    return byte;
  }
}

/** Strings in order of first use; everything else names them by their place. */
export class StringTable {
  readonly #places = new Map<string, number>();
  #bytes = 0;

  /** Bytes of all strings. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The place of `text`, which must pass `isTableText`. */
  place(text: string): number {
    const known = this.#places.get(text);
    if (known !== undefined) {
      return known;
    }
    const place = this.#places.size;
    this.#places.set(text, place);
    this.#bytes += Buffer.byteLength(text);
    return place;
  }

  write(writer: ColumnWriter): void {
    writer.uint(this.#places.size);
    for (const text of this.#places.keys()) {
      const bytes = ENCODER.encode(text);
      writer.uint(bytes.length);
      writer.raw(bytes);
    }
  }
}

/** Reads a table of strings; the result gives a string for its place. */
export function readStrings(reader: ColumnReader): (reader: ColumnReader, what: string) => string {
  const count = reader.count("strings", STRINGS_MAX);
  const texts: string[] = [];
  for (let place = 0; place < count; place += 1) {
    const bytes = reader.raw("string", reader.uint("string length", STRING_BYTES_MAX));
    try {
      texts.push(DECODER.decode(bytes));
    } catch (error) {
      throw unreadable("string", { cause: error });
    }
  }
  return (from, what) => {
    const text = texts[from.uint(what, count)];
    if (text === undefined) {
      throw unreadable(what);
    }
    return text;
  };
}

/** The error of content that is authentic, or claims to be, and is still not what it should be. */
export function unreadable(what: string, options?: ErrorOptions): WardError {
  return new WardError(
    "WARD_OPEN",
    `Cannot read sealed content: bad ${what}. Check that both sides run the same format version.`,
    options,
  );
}

/** True for text that a string table takes back exactly as it was given. */
export function isTableText(value: unknown): value is string {
  return typeof value === "string" && value.length <= TEXT_UNITS_MAX && value.isWellFormed();
}

/** UTF-16 code units of one string, at most. */
const TEXT_UNITS_MAX = 16_384;
/** Bytes of one string: a code unit takes at most three. */
const STRING_BYTES_MAX = 3 * TEXT_UNITS_MAX;
/** Strings of one record, at most. */
const STRINGS_MAX = 100_000;
const FIRST_BYTES = 4096;
const VARINT_BYTES_MAX = 8;
const FLOAT_BYTES = 8;
const UINT32_BYTES = 4;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
