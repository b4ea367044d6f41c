import { createCipheriv, createDecipheriv, sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";

import { WardError } from "../errors.ts";
import {
  anyMap,
  arrayOf,
  bytesOf,
  CBOR_BYTES_MAX,
  decodeCbor,
  decodeTagged,
  encodeCbor,
  encodeTagged,
  malformed,
} from "./cbor.ts";
import type { CborValue } from "./cbor.ts";
import { headOf } from "./fixed-form.ts";

/**
 * COSE_Sign1 and COSE_Encrypt0 (RFC 9052) with the few algorithms the house uses: Ed25519 (alg -8), ES256 (-7) and AES-256-GCM
 * (3). `context` is the external_aad: it is never sent, both sides know it.
 */
export type Headers = ReadonlyMap<number | string, CborValue>;

export const HEADER_ALG = 1;
export const HEADER_CONTENT_TYPE = 3;
export const HEADER_KID = 4;
export const HEADER_IV = 5;
export const HEADER_X5CHAIN = 33;
export const ALG_EDDSA = -8;
export const ALG_ES256 = -7;
export const ALG_A256GCM = 3;
export const IV_BYTES = 12;
export const TAG_BYTES = 16;

/** A COSE_Sign1 taken apart; nothing of it is verified. */
export interface Sign1 {
  readonly headers: ReadonlyMap<unknown, unknown>;
  readonly unprotected: ReadonlyMap<unknown, unknown>;
  readonly protectedBytes: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

/** A COSE_Encrypt0 taken apart; nothing of it is authenticated. */
export interface Encrypt0 {
  readonly headers: ReadonlyMap<unknown, unknown>;
  readonly unprotected: ReadonlyMap<unknown, unknown>;
  readonly protectedBytes: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** Signs with an Ed25519 or P-256 private key; the algorithm header is set from the key. */
export function makeSign1(o: {
  readonly headers: Headers;
  readonly payload: Uint8Array;
  readonly key: KeyObject;
  readonly context: string | Uint8Array;
}): Uint8Array {
  const algorithm = algorithmOf(o.key);
  if (algorithm === null) {
    throw new TypeError("Cannot sign: the key is neither Ed25519 nor P-256.");
  }
  return makeSign1By({
    ...o,
    algorithm,
    sign: (data) =>
      algorithm === ALG_EDDSA
        ? sign(null, data, o.key)
        : sign("sha256", data, { key: o.key, dsaEncoding: "ieee-p1363" }),
  });
}

/** The same with a private key that is elsewhere, in a chip for example: `sign` gives 64 bytes of signature. */
export function makeSign1By(o: {
  readonly headers: Headers;
  readonly payload: Uint8Array;
  readonly algorithm: number;
  readonly sign: (data: Uint8Array) => Uint8Array;
  readonly context: string | Uint8Array;
}): Uint8Array {
  const protectedBytes = encodeCbor(new Map([...o.headers, [HEADER_ALG, o.algorithm]]));
  const signature = o.sign(sigStructure(protectedBytes, o.context, o.payload));
  return encodeTagged(TAG_SIGN1, [protectedBytes, NO_HEADERS, o.payload, signature]);
}

/** Takes a COSE_Sign1 (with its tag) apart. Throws WardError `WARD_ENVELOPE`. */
export function readSign1(bytes: Uint8Array): Sign1 {
  const parts = arrayOf(decodeTagged(TAG_SIGN1, bytes), "COSE_Sign1", 4);
  const protectedBytes = bytesOf(parts[0], "protected header", 0, CBOR_BYTES_MAX);
  return {
    headers: readHeaders(protectedBytes),
    unprotected: anyMap(parts[1], "unprotected header"),
    protectedBytes,
    payload: bytesOf(parts[2], "payload", 0, CBOR_BYTES_MAX),
    signature: bytesOf(parts[3], "signature", SIGNATURE_BYTES),
  };
}

/** True when `key` signed it for `context`, by the one algorithm that `key` has. Never throws. */
export function verifySign1(parts: Sign1, key: KeyObject, context: string | Uint8Array): boolean {
  const algorithm = algorithmOf(key);
  if (algorithm === null || parts.headers.get(HEADER_ALG) !== algorithm) {
    return false;
  }
  const data = sigStructure(parts.protectedBytes, context, parts.payload);
  try {
    return algorithm === ALG_EDDSA
      ? verify(null, data, key, parts.signature)
      : verify("sha256", data, { key, dsaEncoding: "ieee-p1363" }, parts.signature);
  } catch {
    return false;
  }
}

/** Encrypts with AES-256-GCM. The initialisation vector is not sent: both sides derive or know it. */
export function makeEncrypt0(o: {
  readonly headers: Headers;
  readonly plaintext: Uint8Array;
  readonly key: KeyObject;
  readonly iv: Uint8Array;
  readonly context: string | Uint8Array;
}): Uint8Array {
  const protectedBytes = encodeCbor(new Map([...o.headers, [HEADER_ALG, ALG_A256GCM]]));
  const aad = encStructure("Encrypt0", protectedBytes, o.context);
  const ciphertext = gcmEncrypt(o.key, o.iv, aad, o.plaintext);
  return encodeTagged(TAG_ENCRYPT0, [protectedBytes, NO_HEADERS, ciphertext]);
}

/** Takes a COSE_Encrypt0 (with its tag) apart. Throws WardError `WARD_ENVELOPE`. */
export function readEncrypt0(bytes: Uint8Array): Encrypt0 {
  const parts = arrayOf(decodeTagged(TAG_ENCRYPT0, bytes), "COSE_Encrypt0", 3);
  const protectedBytes = bytesOf(parts[0], "protected header", 0, CBOR_BYTES_MAX);
  return {
    headers: readHeaders(protectedBytes),
    unprotected: anyMap(parts[1], "unprotected header"),
    protectedBytes,
    ciphertext: bytesOf(parts[2], "ciphertext", TAG_BYTES, CBOR_BYTES_MAX),
  };
}

/** Decrypts. Throws WardError `WARD_OPEN` when key, header, context or bytes do not belong together. */
export function openEncrypt0(
  parts: Encrypt0,
  key: KeyObject,
  iv: Uint8Array,
  context: string | Uint8Array,
): Uint8Array {
  if (parts.headers.get(HEADER_ALG) !== ALG_A256GCM) {
    throw malformed("algorithm is not A256GCM");
  }
  const aad = encStructure("Encrypt0", parts.protectedBytes, context);
  return gcmDecrypt(key, iv, aad, parts.ciphertext);
}

/** Enc_structure of RFC 9052 §5.3: what AES-GCM authenticates beside the ciphertext. */
export function encStructure(
  kind: "Encrypt0" | "Encrypt",
  protectedBytes: Uint8Array,
  context: string | Uint8Array,
): Uint8Array {
  const label = new TextEncoder().encode(kind);
  const [header, external] = [normal(protectedBytes), contextBytes(context)];
  return Buffer.concat([
    headOf("array", 3),
    headOf("text", label.length),
    label,
    headOf("bytes", header.length),
    header,
    headOf("bytes", external.length),
    external,
  ]);
}

/** AES-256-GCM; the tag follows the ciphertext. */
export function gcmEncrypt(
  key: KeyObject,
  iv: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(aad);
  const body = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([body, cipher.getAuthTag()]);
}

/** The reverse. Throws WardError `WARD_OPEN`. */
export function gcmDecrypt(
  key: KeyObject,
  iv: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  try {
    const end = ciphertext.length - TAG_BYTES;
    const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(aad);
    decipher.setAuthTag(ciphertext.subarray(end));
    const body = decipher.update(ciphertext.subarray(0, end));
    decipher.final();
    return body;
  } catch (error) {
    throw new WardError(
      "WARD_OPEN",
      "Cannot open sealed bytes: key and bytes do not belong together, or the bytes were changed.",
      { cause: error },
    );
  }
}

/** The protected header as a map; RFC 9052 §3 lets an empty one be an empty byte string. */
export function readHeaders(protectedBytes: Uint8Array): ReadonlyMap<unknown, unknown> {
  return protectedBytes.length === 0
    ? new Map()
    : anyMap(decodeCbor(protectedBytes), "protected header");
}

/** The COSE algorithm of a signing key, or null for a key we do not sign with. */
function algorithmOf(key: KeyObject): number | null {
  if (key.asymmetricKeyType === "ed25519") {
    return ALG_EDDSA;
  }
  const isP256 =
    key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
  return isP256 ? ALG_ES256 : null;
}

function sigStructure(
  protectedBytes: Uint8Array,
  context: string | Uint8Array,
  payload: Uint8Array,
): Uint8Array {
  const [header, external] = [normal(protectedBytes), contextBytes(context)];
  return Buffer.concat([
    SIGNATURE1,
    headOf("bytes", header.length),
    header,
    headOf("bytes", external.length),
    external,
    headOf("bytes", payload.length),
    payload,
  ]);
}

/** An encoded empty map stands for the empty byte string in what is signed (RFC 9052 §4.4). */
function normal(protectedBytes: Uint8Array): Uint8Array {
  return protectedBytes.length === 1 && protectedBytes[0] === EMPTY_MAP
    ? new Uint8Array()
    : protectedBytes;
}

function contextBytes(context: string | Uint8Array): Uint8Array {
  return typeof context === "string" ? new TextEncoder().encode(context) : context;
}

/** The head of an array of four, and the text "Signature1". */
const SIGNATURE1 = Buffer.concat([
  headOf("array", 4),
  headOf("text", "Signature1".length),
  Buffer.from("Signature1"),
]);
const TAG_ENCRYPT0 = 16;
const TAG_SIGN1 = 18;
/** Ed25519 and ES256 signatures have the same length. */
const SIGNATURE_BYTES = 64;
const EMPTY_MAP = 0xa0;
const NO_HEADERS: Headers = new Map();
