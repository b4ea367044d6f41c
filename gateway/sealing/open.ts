import type { KeyObject } from "node:crypto";

import { WardError } from "../errors.ts";
import { CLASSES } from "../reading.ts";
import type { Item } from "../reading.ts";
import { arrayOf, bytesOf, CBOR_BYTES_MAX, integerOf, malformed, mapOf } from "./cbor.ts";
import {
  ALG_EDDSA,
  HEADER_ALG,
  HEADER_KID,
  openEncrypt0,
  readEncrypt0,
  readSign1,
  verifySign1,
} from "./cose.ts";
import type { Sign1 } from "./cose.ts";
import { timeOf } from "./batch.ts";
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
  readSealedHeader,
  sealedHeaderOf,
  STORE_ID_BYTES,
  TIME_MAX,
  toHex,
} from "./envelope.ts";
import type { RecordPlace, SealedHeader } from "./envelope.ts";
import { openEpochKey, readWrappedEpoch, recordKey } from "./epoch.ts";
import type { EpochHeader } from "./epoch.ts";
import { decodeGap } from "./gap.ts";
import type { BatchGap } from "./gap.ts";
import { unpack } from "./pack.ts";
import { KEY_ID_BYTES } from "./sign.ts";
import { decodeTally } from "./tally.ts";
import type { Tally } from "./tally.ts";
import { decodeItems } from "./unbatch.ts";

/** A record as it arrived. Only what is needed to find the key may be used before `verify` said true. */
export interface ReadRecord {
  readonly place: RecordPlace;
  readonly header: SealedHeader;
  /** SHA-256 of the whole record as hex. */
  readonly hash: string;
  /** Id of the key that claims to have signed it (see `keyId`), 8 bytes as hex. */
  readonly signer: string;
  verify(key: KeyObject): boolean;
  /** The sealed record inside. Throws WardError `WARD_UNVERIFIED` before `verify` said true. */
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
  const { parts, signer, ward } = readSigned(bounded(sign1), 7);
  const place: RecordPlace = {
    gateway: gatewayOf(ward[1]),
    store: toHex(bytesOf(ward[2], "store id", STORE_ID_BYTES)),
    class: classOf(ward[3]),
    sequence: integerOf(ward[4], "sequence", 0, Number.MAX_SAFE_INTEGER),
    previous: ward[5] === null ? null : toHex(bytesOf(ward[5], "previous hash", HASH_BYTES)),
    storedAt: integerOf(ward[6], "time", 0, TIME_MAX),
  };
  const header = readSealedHeader(parts.payload);
  if (header.class !== place.class) {
    throw malformed("the two headers name different classes");
  }
  let verified = false;
  return {
    place,
    header,
    hash: hashHex(sign1),
    signer,
    verify(key) {
      verified = verifySign1(parts, key, CONTEXT.record);
      return verified;
    },
    get encrypt0() {
      checkVerified(verified);
      return parts.payload;
    },
  };
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
  const { header, content } = openContent(encrypt0, epochKey);
  if (!CLASSES.some((name) => name === header.class)) {
    throw wrongContent(`a record of class ${header.class} holds no items`);
  }
  const items = decodeItems(content);
  const times = items.map((item) => timeOf(item));
  const isTrue =
    items.length === header.count &&
    times.every((time) => time >= header.firstAt && time <= header.lastAt);
  if (!isTrue) {
    throw wrongContent("the header tells another count or time than the items");
  }
  return items;
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
  const parts = readEncrypt0(bounded(encrypt0));
  const header = sealedHeaderOf(parts);
  const { key, iv } = recordKey(epochKey, fromHex(header.epoch), fromHex(header.salt));
  return { header, content: unpack(openEncrypt0(parts, key, iv, CONTEXT.batch)) };
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
