import type { KeyObject } from "node:crypto";

import { errorText, WardError } from "../errors.ts";
import {
  arrayOf,
  bytesOf,
  decodeCbor,
  encodeCbor,
  integerOf,
  malformed,
  mapOf,
  textOf,
} from "./cbor.ts";
import type { CborValue } from "./cbor.ts";
import { ALG_EDDSA, HEADER_ALG, makeSign1, readSign1, verifySign1 } from "./cose.ts";
import {
  bounded,
  classNumber,
  classOf,
  CONTEXT,
  ENVELOPE_VERSION,
  fromHex,
  gatewayOf,
  RECORD_CLASSES,
  STORE_ID_BYTES,
  TIME_MAX,
  toHex,
} from "./envelope.ts";
import type { RecordClass } from "./envelope.ts";

/** First and last sequence number, both included. */
type SequenceRange = readonly [number, number];

/** One record the hub will never take. */
export interface Reject {
  readonly class: RecordClass;
  readonly sequence: number;
  /** Stable word, [a-z0-9-]{1,64}. */
  readonly reason: string;
}

/** What a hub has committed, or refuses for good. The outbox forgets only what a receipt names. */
export interface Receipt {
  readonly version: 1;
  readonly gateway: string;
  /** Store id, 8 bytes as hex. */
  readonly store: string;
  /** Epoch milliseconds on the hub's clock. */
  readonly at: number;
  /** Per class: up to 1024 ranges. A receipt that was read has them rising and not touching each other. */
  readonly ranges: Partial<Record<RecordClass, readonly SequenceRange[]>>;
  /** Up to 1024. */
  readonly rejects: readonly Reject[];
}

/** Signs a receipt with the hub's Ed25519 receipt key. Throws WardError `WARD_RECEIPT` for an impossible one. */
export function signReceipt(receipt: Receipt, key: KeyObject): Uint8Array {
  try {
    const payload = encodeCbor(encodable(receipt));
    parseReceipt(payload);
    return makeSign1({ headers: new Map(), payload, key, context: CONTEXT.receipt });
  } catch (error) {
    throw unusable(errorText(error), { cause: error });
  }
}

/**
 * Reads a receipt that `key` must have signed. Throws WardError `WARD_RECEIPT`; a receipt that is not right in every
 * part counts for nothing.
 */
export function verifyReceipt(bytes: Uint8Array, key: KeyObject): Receipt {
  try {
    const parts = readSign1(bounded(bytes));
    mapOf(parts.headers, [HEADER_ALG], "receipt header");
    mapOf(parts.unprotected, [], "unprotected header");
    integerOf(parts.headers.get(HEADER_ALG), "algorithm", ALG_EDDSA, ALG_EDDSA);
    if (!verifySign1(parts, key, CONTEXT.receipt)) {
      throw malformed("the signature is not by the pinned receipt key");
    }
    return parseReceipt(parts.payload);
  } catch (error) {
    throw unusable(errorText(error), { cause: error });
  }
}

function encodable(receipt: Receipt): CborValue {
  const ranges = new Map<number, CborValue>();
  for (const [name, list] of Object.entries(receipt.ranges)) {
    if (list.length > 0) {
      ranges.set(classNumber(nameOf(name)), joined(list));
    }
  }
  const rejects = receipt.rejects.map((reject) => [
    classNumber(reject.class),
    reject.sequence,
    reject.reason,
  ]);
  return [receipt.version, receipt.gateway, fromHex(receipt.store), receipt.at, ranges, rejects];
}

/** The same numbers as rising ranges that do not touch each other. */
function joined(list: readonly SequenceRange[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const [from, to] of [...list].sort((a, b) => a[0] - b[0])) {
    const last = ranges.at(-1);
    if (last !== undefined && from <= last[1] + 1) {
      last[1] = Math.max(last[1], to);
    } else {
      ranges.push([from, to]);
    }
  }
  return ranges;
}

function nameOf(name: string): RecordClass {
  for (const known of RECORD_CLASSES) {
    if (known === name) {
      return known;
    }
  }
  throw malformed("unknown class");
}

function parseReceipt(payload: Uint8Array): Receipt {
  const fields = arrayOf(decodeCbor(payload), "receipt", 6);
  integerOf(fields[0], "version", ENVELOPE_VERSION, ENVELOPE_VERSION);
  return {
    version: ENVELOPE_VERSION,
    gateway: gatewayOf(fields[1]),
    store: toHex(bytesOf(fields[2], "store id", STORE_ID_BYTES)),
    at: integerOf(fields[3], "time", 0, TIME_MAX),
    ranges: parseRanges(fields[4]),
    rejects: arrayOf(fields[5], "rejects", 0, ENTRIES_MAX).map((entry) => parseReject(entry)),
  };
}

function parseRanges(value: unknown): Receipt["ranges"] {
  if (!(value instanceof Map)) {
    throw malformed("ranges must be a map");
  }
  const ranges: Partial<Record<RecordClass, readonly SequenceRange[]>> = {};
  for (const [number, list] of value) {
    const entries = arrayOf(list, "ranges", 1, ENTRIES_MAX);
    let end = -2;
    ranges[classOf(number)] = entries.map((entry) => {
      const pair = arrayOf(entry, "range", 2);
      const from = integerOf(pair[0], "range", end + 2, Number.MAX_SAFE_INTEGER);
      const to = integerOf(pair[1], "range", from, Number.MAX_SAFE_INTEGER - 2);
      end = to;
      return [from, to] as const;
    });
  }
  return ranges;
}

function parseReject(entry: unknown): Reject {
  const fields = arrayOf(entry, "reject", 3);
  return {
    class: classOf(fields[0]),
    sequence: integerOf(fields[1], "sequence", 0, Number.MAX_SAFE_INTEGER),
    reason: textOf(fields[2], "reason", REASON),
  };
}

function unusable(why: string, options: ErrorOptions): WardError {
  return new WardError("WARD_RECEIPT", `Cannot use receipt: ${why}`, options);
}

/** Ranges of one class, or rejects, at most. */
export const ENTRIES_MAX = 1024;
const REASON = /^[a-z0-9-]{1,64}$/;
