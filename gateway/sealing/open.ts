import type { KeyObject } from "node:crypto";

import { WardError } from "../errors.ts";
import { CLASSES } from "../reading.ts";
import type { Item } from "../reading.ts";
import { arrayOf, bytesOf, CBOR_BYTES_MAX, integerOf, malformed, mapOf } from "./cbor.ts";
import {
  ALG_EDDSA,
  encStructure,
  gcmDecrypt,
  HEADER_ALG,
  HEADER_KID,
  readSign1,
  verifySign1,
} from "./cose.ts";
import type { Sign1 } from "./cose.ts";
import {
  bounded,
  classOf,
  CONTEXT,
  ENVELOPE_VERSION,
  fromHex,
  HASH_BYTES,
  gatewayOf,
  hashHex,
  HEADER_WARD,
  readSealed,
  readSealedHeader,
  RECORD_BYTES_MAX,
  RECORD_CLASSES,
  STORE_ID_BYTES,
  TIME_MAX,
  toHex,
} from "./envelope.ts";
import type { RecordPlace, SealedHeader } from "./envelope.ts";
import { openEpochKey, readWrappedEpoch, recordKey } from "./epoch.ts";
import type { EpochHeader } from "./epoch.ts";
import { FixedForm } from "./fixed-form.ts";
import { decodeGap } from "./gap.ts";
import type { BatchGap } from "./gap.ts";
import { decodeColumns, type ItemColumns } from "./item-columns.ts";
import { unpack } from "./pack.ts";
import { KEY_ID_BYTES } from "./sign.ts";
import { decodeTally } from "./tally.ts";
import type { Tally } from "./tally.ts";
import { itemsOf } from "./unbatch.ts";

/** A record as it arrived. Only what is needed to find the key may be used before `verify` said true. */
export interface ReadRecord {
  readonly place: RecordPlace;
  readonly header: SealedHeader;
  /** SHA-256 of the whole record as hex. */
  readonly hash: string;
  /** Id of the key that claims to have signed it (see `keyId`), 8 bytes as hex. */
  readonly signer: string;
  verify(key: KeyObject): boolean;
  /**
   * True, as `verify` would say, when the next record of this chain is verified, was signed by the same key and names the
   * hash of this one: whoever signed that signed these very bytes too.
   */
  vouchedBy(next: ReadRecord): boolean;
  readonly isVerified: boolean;
  /** The sealed record inside. Throws WardError `WARD_UNVERIFIED` before `verify` or `vouchedBy` said true. */
  readonly encrypt0: Uint8Array;
}

/** A wrapped epoch as it arrived. */
export interface ReadEpoch extends EpochHeader {
  readonly store: string;
  readonly signer: string;
  /** The key binding statement that came with it; see identity.ts. */
  readonly binding: Uint8Array;
  verify(key: KeyObject): boolean;
  /**
   * The epoch key. Throws WardError `WARD_UNVERIFIED` before `verify` said true, `WARD_RECIPIENT` when it is not for this
   * recipient, `WARD_OPEN` when the key does not fit.
   */
  unwrap(recipient: { readonly kid: string; readonly key: KeyObject }): KeyObject;
}

/** Takes a signed record apart. Throws WardError `WARD_ENVELOPE`. */
export function readRecord(sign1: Uint8Array): ReadRecord {
  const form = new FixedForm(bounded(sign1));
  form.literal(SIGN1_HEAD, "COSE_Sign1");
  const protectedBytes = form.bytes("record header", 0, RECORD_BYTES_MAX);
  form.literal(NO_HEADERS, "unprotected header");
  const payload = form.bytes("payload", 0, RECORD_BYTES_MAX);
  const signature = form.bytes("signature", SIGNATURE_BYTES);
  form.end();
  const { signer, place } = readOuter(protectedBytes);
  const header = readSealedHeader(payload);
  if (header.class !== place.class) {
    throw malformed("the two headers name different classes");
  }
  const parts = { headers: EDDSA, unprotected: NOTHING, protectedBytes, payload, signature };
  const hash = hashHex(sign1);
  let verified = false;
  return {
    place,
    header,
    hash,
    signer,
    verify(key) {
      verified = verifySign1(parts, key, CONTEXT.record);
      return verified;
    },
    vouchedBy(next) {
      verified = next.isVerified && next.signer === signer && isNext(place, hash, next.place);
      return verified;
    },
    get isVerified() {
      return verified;
    },
    get encrypt0() {
      checkVerified(verified);
      return payload;
    },
  };
}

function isNext(place: RecordPlace, hash: string, next: RecordPlace): boolean {
  return (
    next.previous === hash &&
    next.sequence === place.sequence + 1 &&
    next.gateway === place.gateway &&
    next.store === place.store &&
    next.class === place.class
  );
}

function readOuter(protectedBytes: Uint8Array): { signer: string; place: RecordPlace } {
  const form = new FixedForm(protectedBytes);
  form.literal(OUTER_HEAD, "algorithm");
  const signer = toHex(form.bytes("key id", KEY_ID_BYTES));
  form.literal(OUTER_WARD, "record header or its version");
  const gateway = gatewayOf(form.text("gateway id", GATEWAY_LENGTH_MAX));
  const store = toHex(form.bytes("store id", STORE_ID_BYTES));
  const name = classOf(form.uint("class", RECORD_CLASSES.length - 1));
  const sequence = form.uint("sequence", Number.MAX_SAFE_INTEGER);
  const previous = form.bytesOrNull("previous hash", HASH_BYTES);
  const storedAt = form.uint("time", TIME_MAX);
  form.end();
  const place = {
    gateway,
    store,
    class: name,
    sequence,
    previous: previous === null ? null : toHex(previous),
    storedAt,
  };
  return { signer, place };
}

/** Takes a signed wrapped epoch apart. Throws WardError `WARD_ENVELOPE`. */
export function readEpoch(sign1: Uint8Array): ReadEpoch {
  const { parts, signer, ward } = readSigned(bounded(sign1), 4);
  const { parts: encrypt, ...header } = readWrappedEpoch(parts.payload);
  if (gatewayOf(ward[1]) !== header.gateway) {
    throw malformed("the epoch was made by another gateway");
  }
  let verified = false;
  return {
    ...header,
    store: toHex(bytesOf(ward[2], "store id", STORE_ID_BYTES)),
    signer,
    binding: bytesOf(ward[3], "key binding", 1, CBOR_BYTES_MAX),
    verify(key) {
      verified = verifySign1(parts, key, CONTEXT.epoch);
      return verified;
    },
    unwrap(recipient) {
      checkVerified(verified);
      return openEpochKey(encrypt, recipient);
    },
  };
}

/** Opens a sealed batch of items. Throws WardError `WARD_ENVELOPE` or `WARD_OPEN`. */
export function openItems(encrypt0: Uint8Array, epochKey: KeyObject): Item[] {
  return itemsOf(openColumns(encrypt0, epochKey));
}

/** Opens a sealed batch of items without making items of it. Throws WardError `WARD_ENVELOPE` or `WARD_OPEN`. */
export function openColumns(encrypt0: Uint8Array, epochKey: KeyObject): ItemColumns {
  const { header, content } = openContent(encrypt0, epochKey);
  if (!CLASSES.some((name) => name === header.class)) {
    throw wrongContent(`a record of class ${header.class} holds no items`);
  }
  const columns = decodeColumns(content);
  const isTrue =
    columns.count === header.count &&
    columns.groups.every(({ at }) => at >= header.firstAt && at <= header.lastAt);
  if (!isTrue) {
    throw wrongContent("the header tells another count or time than the items");
  }
  return columns;
}

/** Opens a sealed tally. Throws WardError `WARD_ENVELOPE` or `WARD_OPEN`. */
export function openTally(encrypt0: Uint8Array, epochKey: KeyObject): Tally {
  const { header, content } = openContent(encrypt0, epochKey);
  const tally = header.class === "tally" ? decodeTally(content) : null;
  if (tally === null || tally.takes.length + tally.gaps.length !== header.count) {
    throw wrongContent("it is not the tally that its header tells of");
  }
  return tally;
}

/** Opens a sealed gap record. Throws WardError `WARD_ENVELOPE` or `WARD_OPEN`. */
export function openGap(encrypt0: Uint8Array, epochKey: KeyObject): BatchGap {
  const { header, content } = openContent(encrypt0, epochKey);
  const gap = header.class === "gap" ? decodeGap(content) : null;
  if (gap === null || gap.records.length !== header.count) {
    throw wrongContent("it is not the gap record that its header tells of");
  }
  return gap;
}

function openContent(
  encrypt0: Uint8Array,
  epochKey: KeyObject,
): { header: SealedHeader; content: Uint8Array } {
  const { header, protectedBytes, ciphertext } = readSealed(encrypt0);
  const { key, iv } = recordKey(epochKey, fromHex(header.epoch), fromHex(header.salt));
  const aad = encStructure("Encrypt0", protectedBytes, CONTEXT.batch);
  return { header, content: unpack(gcmDecrypt(key, iv, aad, ciphertext)) };
}

/** The frame that records and epochs share: Ed25519, a key id, and our header of `fields` fields. */
function readSigned(
  sign1: Uint8Array,
  fields: number,
): { parts: Sign1; signer: string; ward: readonly unknown[] } {
  const parts = readSign1(sign1);
  const headers = mapOf(parts.headers, [HEADER_ALG, HEADER_KID, HEADER_WARD], "record header");
  mapOf(parts.unprotected, [], "unprotected header");
  integerOf(headers.get(HEADER_ALG), "algorithm", ALG_EDDSA, ALG_EDDSA);
  const ward = arrayOf(headers.get(HEADER_WARD), "record header", fields);
  integerOf(ward[0], "version", ENVELOPE_VERSION, ENVELOPE_VERSION);
  return { parts, signer: toHex(bytesOf(headers.get(HEADER_KID), "key id", KEY_ID_BYTES)), ward };
}

function checkVerified(verified: boolean): void {
  if (!verified) {
    throw new WardError(
      "WARD_UNVERIFIED",
      "Cannot open record: its signature has not been verified. Call verify first.",
    );
  }
}

function wrongContent(why: string): WardError {
  return new WardError("WARD_OPEN", `Cannot open sealed record: ${why}.`);
}

/** Tag 18 and an array of four. */
const SIGN1_HEAD = Uint8Array.of(0xd2, 0x84);
/** An empty map. */
const NO_HEADERS = Uint8Array.of(0xa0);
/** A map of three; algorithm EdDSA; then the key id. */
const OUTER_HEAD = Uint8Array.of(0xa3, 0x01, 0x27, 0x04);
/** "ward", an array of seven, version 1. */
const OUTER_WARD = Uint8Array.of(0x64, 0x77, 0x61, 0x72, 0x64, 0x87, 0x01);
const EDDSA: ReadonlyMap<unknown, unknown> = new Map([[HEADER_ALG, ALG_EDDSA]]);
const NOTHING: ReadonlyMap<unknown, unknown> = new Map();
const SIGNATURE_BYTES = 64;
const GATEWAY_LENGTH_MAX = 64;
