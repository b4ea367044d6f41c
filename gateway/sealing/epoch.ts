import { createSecretKey, hkdfSync, randomBytes } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { arrayOf, bytesOf, integerOf, mapOf } from "./cbor.ts";
import { ALG_A256GCM, HEADER_ALG, HEADER_IV, HEADER_KID, IV_BYTES } from "./cose.ts";
import {
  CONTEXT,
  ENVELOPE_VERSION,
  EPOCH_ID_BYTES,
  gatewayOf,
  HEADER_WARD,
  TIME_MAX,
  toHex,
} from "./envelope.ts";
import { makeEncrypt, openEncrypt, readEncrypt } from "./wrap.ts";
import type { Encrypt, Recipient } from "./wrap.ts";

/** Who may seal: each has epochs of its own. The place in this list is the number on the wire. */
const ORIGINS = ["flowhost", "keeper"] as const;
export type Origin = (typeof ORIGINS)[number];

/** What a wrapped epoch says about itself in clear. */
export interface EpochHeader {
  /** 16 bytes as hex. */
  readonly epoch: string;
  readonly gateway: string;
  readonly origin: Origin;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** A key that lives only in the process that seals, and its wrapped form for the recipients. */
export interface Epoch extends EpochHeader {
  readonly key: KeyObject;
  readonly wrapped: Uint8Array;
}

/** A fresh random epoch, wrapped for every recipient. */
export function makeEpoch(o: {
  readonly gateway: string;
  readonly origin: Origin;
  readonly recipients: readonly Recipient[];
  readonly createdAt: number;
}): Epoch {
  const id = new Uint8Array(randomBytes(EPOCH_ID_BYTES));
  const key = createSecretKey(randomBytes(EPOCH_KEY_BYTES));
  const wrapped = makeEncrypt({
    headers: new Map<number | string, Uint8Array | (number | string)[]>([
      [HEADER_KID, id],
      [HEADER_WARD, [ENVELOPE_VERSION, o.gateway, ORIGINS.indexOf(o.origin), o.createdAt]],
    ]),
    plaintext: key.export(),
    recipients: o.recipients,
    context: CONTEXT.epochKey,
  });
  const { gateway, origin, createdAt } = o;
  return { epoch: toHex(id), gateway, origin, createdAt, key, wrapped };
}

/** Reads a wrapped epoch's header; nothing of it is authenticated. Throws WardError `WARD_ENVELOPE`. */
export function readWrappedEpoch(wrapped: Uint8Array): EpochHeader & { readonly parts: Encrypt } {
  const parts = readEncrypt(wrapped);
  const headers = mapOf(
    parts.headers,
    [HEADER_ALG, HEADER_KID, HEADER_IV, HEADER_WARD],
    "epoch header",
  );
  integerOf(headers.get(HEADER_ALG), "algorithm", ALG_A256GCM, ALG_A256GCM);
  bytesOf(headers.get(HEADER_IV), "initialisation vector", IV_BYTES);
  const ward = arrayOf(headers.get(HEADER_WARD), "epoch header", 4);
  integerOf(ward[0], "version", ENVELOPE_VERSION, ENVELOPE_VERSION);
  const origin = integerOf(ward[2], "origin", 0, ORIGINS.length - 1);
  return {
    epoch: toHex(bytesOf(headers.get(HEADER_KID), "epoch id", EPOCH_ID_BYTES)),
    gateway: gatewayOf(ward[1]),
    origin: origin === 0 ? "flowhost" : "keeper",
    createdAt: integerOf(ward[3], "time", 0, TIME_MAX),
    parts,
  };
}

/** The epoch key, for one of the recipients. Throws WardError `WARD_RECIPIENT` or `WARD_OPEN`. */
export function openEpochKey(
  parts: Encrypt,
  recipient: { readonly kid: string; readonly key: KeyObject },
): KeyObject {
  const key = openEncrypt(parts, recipient, CONTEXT.epochKey);
  return createSecretKey(bytesOf(key, "epoch key", EPOCH_KEY_BYTES));
}

/** Key and initialisation vector of one record: HKDF-SHA-256 of the epoch key, the record's salt and the epoch's id. */
export function recordKey(
  epochKey: KeyObject,
  epoch: Uint8Array,
  salt: Uint8Array,
): { key: KeyObject; iv: Uint8Array } {
  const info = Buffer.concat([RECORD_KEY_INFO, epoch]);
  const okm = Buffer.from(hkdfSync("sha256", epochKey, salt, info, RECORD_KEY_BYTES + IV_BYTES));
  return {
    key: createSecretKey(okm.subarray(0, RECORD_KEY_BYTES)),
    iv: okm.subarray(RECORD_KEY_BYTES),
  };
}

const EPOCH_KEY_BYTES = 32;
const RECORD_KEY_BYTES = 32;
const RECORD_KEY_INFO = Buffer.from("wardgate/batch-key/1");
