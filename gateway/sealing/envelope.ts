import { createHash } from "node:crypto";

import { CLASSES, isGatewayId } from "../reading.ts";
import type { ClassName } from "../reading.ts";
import { arrayOf, bytesOf, integerOf, malformed, mapOf } from "./cbor.ts";
import type { CborValue } from "./cbor.ts";
import { ALG_A256GCM, HEADER_ALG, HEADER_KID, readEncrypt0 } from "./cose.ts";
import type { Encrypt0, Headers } from "./cose.ts";

/**
 * The headers of a sealed record: what lies outside the encryption. README.md beside this file specifies every byte.
 *
 * A record class is a class of data, or `tally` (what became of every item of some takes), or `gap` (records the keeper
 * had to give up). Its place in this list is its number on the wire.
 */
export const RECORD_CLASSES = [...CLASSES, "tally", "gap"] as const;
export type RecordClass = ClassName | "tally" | "gap";

/** The inner header: written and authenticated by whoever sealed. */
export interface SealedHeader {
  readonly version: 1;
  readonly class: RecordClass;
  /** Epoch id, 16 bytes as hex. */
  readonly epoch: string;
  /** Names the record before it has a sequence number, 16 bytes as hex. */
  readonly salt: string;
  /** Times of the first and last item in it, epoch milliseconds. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** Items (or takes and gaps, or given-up records) in it. */
  readonly count: number;
}

/** The outer header: the place the keeper gave the record when it was committed. */
export interface RecordPlace {
  readonly gateway: string;
  /** Store id, 8 bytes as hex: a new store is a new chain. */
  readonly store: string;
  readonly class: RecordClass;
  /** Counts from 0 or 1 per store and class; never reused. */
  readonly sequence: number;
  /** SHA-256 of the previous record of this store and class as hex; null for the first. */
  readonly previous: string | null;
  /** When it was committed, gateway time, epoch milliseconds. */
  readonly storedAt: number;
}

/** What the format's `external_aad` says, so that a signature or tag made for one purpose never fits another. */
export const CONTEXT = {
  batch: "wardgate/batch/1",
  record: "wardgate/record/1",
  epochKey: "wardgate/epoch-key/1",
  epoch: "wardgate/epoch/1",
  binding: "wardgate/binding/1",
  receipt: "wardgate/receipt/1",
  settings: "wardgate/settings/1",
} as const;

/** The header parameter of COSE that carries ours. */
export const HEADER_WARD = "ward";
export const ENVELOPE_VERSION = 1;
/** Times are from 0 to this, or from minus this where a device's clock speaks: differences stay safe integers. */
export const TIME_MAX: number = 2 ** 52 - 1;
/** Bytes of one sealed record, at most: one MQTT message that every broker takes. */
export const RECORD_BYTES_MAX: number = 2 ** 20;
/** Items in one sealed record, at most. */
export const RECORD_ITEMS_MAX = 10_000;
export const EPOCH_ID_BYTES = 16;
export const SALT_BYTES = 16;
export const STORE_ID_BYTES = 8;
export const HASH_BYTES = 32;

/**
 * The inner header of a sealed record. Needs no key, so it says nothing about who wrote it. Throws WardError
 * `WARD_ENVELOPE`.
 */
export function readSealedHeader(encrypt0: Uint8Array): SealedHeader {
  return sealedHeaderOf(readEncrypt0(bounded(encrypt0)));
}

/** The same for a record that is already taken apart. */
export function sealedHeaderOf(parts: Encrypt0): SealedHeader {
  const headers = mapOf(parts.headers, [HEADER_ALG, HEADER_KID, HEADER_WARD], "batch header");
  mapOf(parts.unprotected, [], "unprotected batch header");
  integerOf(headers.get(HEADER_ALG), "algorithm", ALG_A256GCM, ALG_A256GCM);
  const epoch = bytesOf(headers.get(HEADER_KID), "epoch id", EPOCH_ID_BYTES);
  const ward = arrayOf(headers.get(HEADER_WARD), "batch header", 6);
  integerOf(ward[0], "version", ENVELOPE_VERSION, ENVELOPE_VERSION);
  const firstAt = integerOf(ward[3], "first time", 0, TIME_MAX);
  return {
    version: ENVELOPE_VERSION,
    class: classOf(ward[1]),
    epoch: toHex(epoch),
    salt: toHex(bytesOf(ward[2], "salt", SALT_BYTES)),
    firstAt,
    lastAt: integerOf(ward[4], "last time", firstAt, TIME_MAX),
    count: integerOf(ward[5], "count", 0, RECORD_ITEMS_MAX),
  };
}

/** The COSE headers that carry an inner header. */
export function sealedHeaders(header: SealedHeader): Headers {
  const ward = [
    header.version,
    classNumber(header.class),
    fromHex(header.salt),
    header.firstAt,
    header.lastAt,
    header.count,
  ];
  return new Map<number | string, CborValue>([
    [HEADER_KID, fromHex(header.epoch)],
    [HEADER_WARD, ward],
  ]);
}

/** The number of a record class on the wire. */
export function classNumber(name: RecordClass): number {
  return RECORD_CLASSES.indexOf(name);
}

/** The record class of a number on the wire. Throws WardError `WARD_ENVELOPE`. */
export function classOf(value: unknown): RecordClass {
  const number = integerOf(value, "class", 0, RECORD_CLASSES.length - 1);
  const name = RECORD_CLASSES[number];
  if (name === undefined) {
    throw malformed("unknown class");
  }
  return name;
}

/** Narrows to a gateway id. */
export function gatewayOf(value: unknown): string {
  if (typeof value !== "string" || !isGatewayId(value)) {
    throw malformed("gateway id must match [a-z0-9-]{3,64}");
  }
  return value;
}

/** Refuses what is larger than any record may be. */
export function bounded(bytes: Uint8Array): Uint8Array {
  if (bytes.length > RECORD_BYTES_MAX) {
    throw malformed(`${bytes.length} bytes, more than ${RECORD_BYTES_MAX}`);
  }
  return bytes;
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

/** True for exactly `bytes` bytes in lower-case hex. */
export function isHex(text: string, bytes: number): boolean {
  return text.length === 2 * bytes && HEX.test(text);
}

/** SHA-256 as lower-case hex: how records name each other. */
export function hashHex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const HEX = /^[0-9a-f]*$/;
