import { decode, encode, rfc8949EncodeOptions, Tokenizer, Type } from "cborg";
import type { Token } from "cborg";

import { errorText, WardError } from "../errors.ts";

/**
 * The one door of `cborg`. Everything that is signed or authenticated is written in a narrow, deterministic CBOR (RFC 8949
 * §4.2.1): integers, byte strings, text, arrays, maps, booleans and null. No floats, no indefinite lengths, no tags but one
 * at the top, no repeated keys; and a reader takes nothing that this writer would have written differently.
 */
export type CborValue =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<number | string, CborValue>;

/** Bytes of one CBOR message, at most. */
export const CBOR_BYTES_MAX: number = 4 * 2 ** 20;
/** Data items in one CBOR message, at most. */
const CBOR_ITEMS_MAX = 20_000;
/** Arrays and maps inside each other, at most. */
const CBOR_DEPTH_MAX = 8;

/** The deterministic bytes of a value. Throws WardError `WARD_ENVELOPE` for what the narrow form cannot hold. */
export function encodeCbor(value: CborValue): Uint8Array {
  const problem = problemOf(value, 0);
  if (problem !== null) {
    throw new WardError("WARD_ENVELOPE", `Cannot write sealed bytes: ${problem}.`);
  }
  return encode(value, rfc8949EncodeOptions);
}

/** Like `encodeCbor`, under one tag (0-255). */
export function encodeTagged(tag: number, value: CborValue): Uint8Array {
  return Buffer.concat([tagHead(tag), encodeCbor(value)]);
}

/** Reads one value that fills `bytes` exactly. Throws WardError `WARD_ENVELOPE`. */
export function decodeCbor(bytes: Uint8Array): unknown {
  if (bytes.length > CBOR_BYTES_MAX) {
    throw malformed(`${bytes.length} bytes, more than ${CBOR_BYTES_MAX}`);
  }
  // A Buffer's slice() shares memory where a Uint8Array's copies; cborg relies on the latter.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  let value: unknown;
  let again: Uint8Array;
  try {
    value = decode(plain, { ...DECODE_OPTIONS, tokenizer: new BoundedTokenizer(plain) });
    again = encode(value, rfc8949EncodeOptions);
  } catch (error) {
    throw error instanceof WardError ? error : malformed(errorText(error), { cause: error });
  }
  const problem = problemOf(value, 0);
  if (problem !== null || Buffer.compare(again, plain) !== 0) {
    throw malformed(problem ?? "not in the deterministic form");
  }
  return value;
}

/** Reads one value under exactly the given tag (0-255). Throws WardError `WARD_ENVELOPE`. */
export function decodeTagged(tag: number, bytes: Uint8Array): unknown {
  const head = tagHead(tag);
  if (Buffer.compare(bytes.subarray(0, head.length), head) !== 0) {
    throw malformed(`tag ${tag} is missing`);
  }
  return decodeCbor(bytes.subarray(head.length));
}

/** The error of everything that is not the envelope it should be. */
export function malformed(why: string, options?: ErrorOptions): WardError {
  return new WardError("WARD_ENVELOPE", `Cannot read sealed bytes: ${why}.`, options);
}

/** Narrows to a map that has exactly the given keys. */
export function mapOf(
  value: unknown,
  keys: readonly (number | string)[],
  what: string,
): ReadonlyMap<unknown, unknown> {
  const map = anyMap(value, what);
  if (map.size !== keys.length || !keys.every((key) => map.has(key))) {
    throw malformed(`${what} must have exactly the keys ${keys.join(", ")}`);
  }
  return map;
}

/** Narrows to a map with any keys. */
export function anyMap(value: unknown, what: string): ReadonlyMap<unknown, unknown> {
  if (!(value instanceof Map)) {
    throw malformed(`${what} must be a map`);
  }
  return value;
}

/** Narrows to an array of `minimum` to `maximum` entries. */
export function arrayOf(
  value: unknown,
  what: string,
  minimum: number,
  maximum: number = minimum,
): readonly unknown[] {
  if (!Array.isArray(value) || value.length < minimum || value.length > maximum) {
    throw malformed(`${what} must be an array of ${minimum} to ${maximum}`);
  }
  return value;
}

/** Narrows to a byte string of `minimum` to `maximum` bytes. */
export function bytesOf(
  value: unknown,
  what: string,
  minimum: number,
  maximum: number = minimum,
): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length < minimum || value.length > maximum) {
    throw malformed(`${what} must be ${minimum} to ${maximum} bytes`);
  }
  return value;
}

/** Narrows to an integer from `minimum` to `maximum`. */
export function integerOf(value: unknown, what: string, minimum: number, maximum: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw malformed(`${what} must be an integer`);
  }
  if (value < minimum || value > maximum) {
    throw malformed(`${what} must be from ${minimum} to ${maximum}`);
  }
  return value;
}

/** Narrows to text that `pattern` matches. */
export function textOf(value: unknown, what: string, pattern: RegExp): string {
  if (typeof value !== "string" || !pattern.test(value)) {
    throw malformed(`${what} must match ${pattern.source}`);
  }
  return value;
}

const DECODE_OPTIONS = {
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
  allowNaN: false,
  allowInfinity: false,
};

/** Counts what it hands out, so that nesting and number of items stay bounded whatever the bytes say. */
class BoundedTokenizer extends Tokenizer {
  #items = 0;
  /** For every array or map that is open: how many of its entries are still to come. */
  readonly #open: number[] = [];

  constructor(bytes: Uint8Array) {
    super(bytes, DECODE_OPTIONS);
  }

  override next(): Token {
    const token = super.next();
    this.#items += 1;
    if (this.#items > CBOR_ITEMS_MAX) {
      throw malformed(`more than ${CBOR_ITEMS_MAX} data items`);
    }
    if (Type.equals(token.type, Type.float) || Type.equals(token.type, Type.tag)) {
      throw malformed("floats and inner tags are not used");
    }
    this.#nest(token);
    return token;
  }

  #nest(token: Token): void {
    const last = this.#open.length - 1;
    const rest = this.#open[last];
    if (rest !== undefined) {
      this.#open[last] = rest - 1;
    }
    const entries: unknown = token.value;
    if (typeof entries === "number" && Type.equals(token.type, Type.array)) {
      this.#open.push(entries);
    } else if (typeof entries === "number" && Type.equals(token.type, Type.map)) {
      this.#open.push(2 * entries);
    }
    if (this.#open.length > CBOR_DEPTH_MAX) {
      throw malformed(`nested deeper than ${CBOR_DEPTH_MAX}`);
    }
    while (this.#open.at(-1) === 0) {
      this.#open.pop();
    }
  }
}

function tagHead(tag: number): Uint8Array {
  return tag < 24 ? Uint8Array.of(0xc0 | tag) : Uint8Array.of(0xd8, tag);
}

/** What keeps a value out of the narrow form, or null. */
function problemOf(value: unknown, depth: number): string | null {
  if (depth > CBOR_DEPTH_MAX) {
    return `nested deeper than ${CBOR_DEPTH_MAX}`;
  }
  if (typeof value === "number") {
    const isInteger = Number.isSafeInteger(value) && !Object.is(value, -0);
    return isInteger ? null : "a number is not a safe integer";
  }
  if (typeof value === "string") {
    // A reader would drop a leading byte order mark, and cannot be given half a character.
    const isText = value.isWellFormed() && !value.startsWith("\uFEFF");
    return isText ? null : "text is not well-formed";
  }
  if (value instanceof Map) {
    for (const [key, entry] of value) {
      const isKey = typeof key === "number" || typeof key === "string";
      const problem = isKey ? (problemOf(key, depth) ?? problemOf(entry, depth + 1)) : KEY_PROBLEM;
      if (problem !== null) {
        return problem;
      }
    }
  } else if (Array.isArray(value)) {
    for (const entry of value) {
      const problem = problemOf(entry, depth + 1);
      if (problem !== null) {
        return problem;
      }
    }
  }
  return null;
}

const KEY_PROBLEM = "a key is neither a number nor text";
