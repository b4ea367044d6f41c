import { malformed } from "./cbor.ts";

/**
 * Reads a CBOR structure of which nothing is open but the values: in the deterministic form there is exactly one way to
 * write it, so it is read front to back and compared, which takes a tenth of the time of reading any CBOR and looking
 * at what came out. Takes exactly what `decodeCbor` and the checks of the structure would take. Every method throws
 * WardError `WARD_ENVELOPE`.
 */
export class FixedForm {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Exactly these bytes. */
  literal(expected: Uint8Array, what: string): void {
    for (const byte of expected) {
      if (this.#bytes[this.#at] !== byte) {
        throw malformed(`bad ${what}`);
      }
      this.#at += 1;
    }
  }

  /** 0 to `maximum`. */
  uint(what: string, maximum: number): number {
    return this.#head(MAJOR_UINT, what, maximum);
  }

  /** A byte string of `minimum` to `maximum` bytes; shares memory. */
  bytes(what: string, minimum: number, maximum: number = minimum): Uint8Array {
    const length = this.#head(MAJOR_BYTES, what, maximum);
    if (length < minimum) {
      throw malformed(`${what} must be ${minimum} to ${maximum} bytes`);
    }
    return this.#take(length, what);
  }

  /** A byte string, or null. */
  bytesOrNull(what: string, length: number): Uint8Array | null {
    if (this.#bytes[this.#at] === NULL) {
      this.#at += 1;
      return null;
    }
    return this.bytes(what, length);
  }

  /** ASCII text of at most `maximum` characters. */
  text(what: string, maximum: number): string {
    const length = this.#head(MAJOR_TEXT, what, maximum);
    const bytes = this.#take(length, what);
    if (bytes.some((byte) => byte > ASCII_MAX)) {
      throw malformed(`${what} must be ASCII`);
    }
    return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString("latin1");
  }

  /** Nothing may be left. */
  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw malformed("bytes after the end");
    }
  }

  #take(length: number, what: string): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) {
      throw malformed(`${what} is cut off`);
    }
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  /** Type and number in the shortest form. */
  #head(major: number, what: string, maximum: number): number {
    const first = this.#bytes[this.#at];
    if (first === undefined || first >> MAJOR_SHIFT !== major) {
      throw malformed(`bad ${what}`);
    }
    this.#at += 1;
    const short = first & INFO_MASK;
    const value = short < INFO_1 ? short : this.#long(short, what);
    if (value > maximum) {
      throw malformed(`${what} is too large`);
    }
    return value;
  }

  #long(info: number, what: string): number {
    const count = 2 ** (info - INFO_1);
    if (info > INFO_8) {
      throw malformed(`bad ${what}`);
    }
    let value = 0;
    for (const byte of this.#take(count, what)) {
      value = value * 256 + byte;
    }
    const smallest = count === 1 ? INFO_1 : 256 ** (count / 2);
    if (value < smallest || value > Number.MAX_SAFE_INTEGER) {
      throw malformed(`${what} is not in the deterministic form`);
    }
    return value;
  }
}

/** The deterministic bytes of an array head, or of the head of a byte string or text of this many bytes. */
export function headOf(kind: "array" | "bytes" | "text", count: number): Uint8Array {
  const major =
    (kind === "array" ? MAJOR_ARRAY : kind === "bytes" ? MAJOR_BYTES : MAJOR_TEXT) << MAJOR_SHIFT;
  if (count < INFO_1) {
    return Uint8Array.of(major + count);
  }
  if (count < 0x100) {
    return Uint8Array.of(major + INFO_1, count);
  }
  const [high, low] = [count >>> 8, count & 0xff];
  return count < 0x1_0000
    ? Uint8Array.of(major + INFO_1 + 1, high, low)
    : Uint8Array.of(major + INFO_1 + 2, count >>> 24, (count >>> 16) & 0xff, high & 0xff, low);
}

const MAJOR_UINT = 0;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_SHIFT = 5;
const INFO_MASK = 0x1f;
/** From here on the number follows in 1, 2, 4 or 8 bytes. */
const INFO_1 = 24;
const INFO_8 = 27;
const NULL = 0xf6;
const ASCII_MAX = 0x7f;
