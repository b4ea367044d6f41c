import { createHash } from "node:crypto";

import { CLASSES, isGatewayId } from "../reading.ts";
import type { ClassName } from "../reading.ts";
import { integerOf, malformed } from "./cbor.ts";
import type { CborValue } from "./cbor.ts";
import { HEADER_KID, TAG_BYTES } from "./cose.ts";
import type { Headers } from "./cose.ts";
import { FixedForm } from "./fixed-form.ts";

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
  bundleMark: "wardgate/bundle-mark/1",
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

/** A sealed record taken apart; nothing of it is authenticated. */
export interface SealedParts {
  readonly header: SealedHeader;
  readonly protectedBytes: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/**
 * The inner header of a sealed record. Needs no key, so it says nothing about who wrote it. Throws WardError
 * `WARD_ENVELOPE`.
 */
export function readSealedHeader(encrypt0: Uint8Array): SealedHeader {
  return readSealed(encrypt0).header;
}

/** Takes a sealed record (a COSE_Encrypt0) apart. Throws WardError `WARD_ENVELOPE`. */
export function readSealed(encrypt0: Uint8Array): SealedParts {
  const form = new FixedForm(bounded(encrypt0));
  form.literal(ENCRYPT0_HEAD, "COSE_Encrypt0");
  const protectedBytes = form.bytes("batch header", 0, RECORD_BYTES_MAX);
  form.literal(NO_HEADERS, "unprotected batch header");
  const ciphertext = form.bytes("ciphertext", TAG_BYTES, RECORD_BYTES_MAX);
  form.end();
  return { header: readInner(protectedBytes), protectedBytes, ciphertext };
}

function readInner(protectedBytes: Uint8Array): SealedHeader {
  const form = new FixedForm(protectedBytes);
  form.literal(INNER_HEAD, "algorithm");
  const epoch = toHex(form.bytes("epoch id", EPOCH_ID_BYTES));
  form.literal(INNER_WARD, "batch header or its version");
  const name = classOf(form.uint("class", RECORD_CLASSES.length - 1));
  const salt = toHex(form.bytes("salt", SALT_BYTES));
  const firstAt = form.uint("first time", TIME_MAX);
  const lastAt = form.uint("last time", TIME_MAX);
  const count = form.uint("count", RECORD_ITEMS_MAX);
  form.end();
  if (lastAt < firstAt) {
    throw malformed("the last time is before the first");
  }
  return { version: ENVELOPE_VERSION, class: name, epoch, salt, firstAt, lastAt, count };
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
/** Tag 16 and an array of three. */
const ENCRYPT0_HEAD = Uint8Array.of(0xd0, 0x83);
/** An empty map. */
const NO_HEADERS = Uint8Array.of(0xa0);
/** A map of three; algorithm A256GCM; then the key id. */
const INNER_HEAD = Uint8Array.of(0xa3, 0x01, 0x03, 0x04);
/** "ward", an array of six, version 1. */
const INNER_WARD = Uint8Array.of(0x64, 0x77, 0x61, 0x72, 0x64, 0x86, 0x01);
