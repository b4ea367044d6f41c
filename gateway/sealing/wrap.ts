import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from "node:crypto";
import type { KeyObject } from "node:crypto";

import { WardError } from "../errors.ts";
import type { RecipientKey } from "../rooms.ts";
import {
  arrayOf,
  bytesOf,
  CBOR_BYTES_MAX,
  decodeTagged,
  encodeCbor,
  encodeTagged,
  malformed,
  mapOf,
} from "./cbor.ts";
import {
  ALG_A256GCM,
  encStructure,
  gcmDecrypt,
  gcmEncrypt,
  HEADER_ALG,
  HEADER_IV,
  HEADER_KID,
  IV_BYTES,
  readHeaders,
  TAG_BYTES,
} from "./cose.ts";
import type { Headers } from "./cose.ts";

/**
 * COSE_Encrypt (RFC 9052 §5.1) to one or more P-256 recipients by ECDH-ES + A256KW (RFC 9053 §6.4, alg -31): the content
 * is encrypted once under a random key, and that key is wrapped for each recipient.
 */
export function makeEncrypt(o: {
  readonly headers: Headers;
  readonly plaintext: Uint8Array;
  readonly recipients: readonly Recipient[];
  readonly context: string;
}): Uint8Array {
  const iv = randomBytes(IV_BYTES);
  const protectedBytes = encodeCbor(
    new Map([...o.headers, [HEADER_ALG, ALG_A256GCM], [HEADER_IV, new Uint8Array(iv)]]),
  );
  const contentKey = createSecretKey(randomBytes(KEY_BYTES));
  const aad = encStructure("Encrypt", protectedBytes, o.context);
  const ciphertext = gcmEncrypt(contentKey, iv, aad, o.plaintext);
  const recipients = o.recipients.map((recipient) => wrapFor(recipient, contentKey));
  return encodeTagged(TAG_ENCRYPT, [protectedBytes, new Map(), ciphertext, recipients]);
}

/** A key that something is encrypted to. */
export interface Recipient {
  readonly kid: string;
  /** P-256, public. */
  readonly key: KeyObject;
}

/** A COSE_Encrypt taken apart; nothing of it is authenticated. */
export interface Encrypt {
  readonly headers: ReadonlyMap<unknown, unknown>;
  readonly protectedBytes: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly recipients: readonly unknown[];
}

/** Takes a COSE_Encrypt (with its tag) apart. Throws WardError `WARD_ENVELOPE`. */
export function readEncrypt(bytes: Uint8Array): Encrypt {
  const parts = arrayOf(decodeTagged(TAG_ENCRYPT, bytes), "COSE_Encrypt", 4);
  const protectedBytes = bytesOf(parts[0], "protected header", 1, CBOR_BYTES_MAX);
  mapOf(parts[1], [], "unprotected header");
  return {
    headers: readHeaders(protectedBytes),
    protectedBytes,
    ciphertext: bytesOf(parts[2], "ciphertext", TAG_BYTES, CBOR_BYTES_MAX),
    recipients: arrayOf(parts[3], "recipients", 1, RECIPIENTS_MAX),
  };
}

/**
 * Decrypts as one of the recipients. Recipients with an algorithm we do not know are passed over: a later version may add,
 * say, ML-KEM-768 beside. Throws WardError `WARD_RECIPIENT` when the kid is not among them and `WARD_OPEN` when the key
 * does not fit.
 */
export function openEncrypt(
  parts: Encrypt,
  recipient: { readonly kid: string; readonly key: KeyObject },
  context: string,
): Uint8Array {
  if (parts.headers.get(HEADER_ALG) !== ALG_A256GCM) {
    throw malformed("algorithm is not A256GCM");
  }
  const iv = bytesOf(parts.headers.get(HEADER_IV), "initialisation vector", IV_BYTES);
  const contentKey = createSecretKey(unwrapFor(parts.recipients, recipient));
  const aad = encStructure("Encrypt", parts.protectedBytes, context);
  return gcmDecrypt(contentKey, iv, aad, parts.ciphertext);
}

/** The public key of a recipient as the signed settings give it. Throws WardError `WARD_RECIPIENT`. */
export function parseRecipient(recipient: RecipientKey): Recipient {
  const problem = recipientProblem(recipient);
  if (problem !== null) {
    throw new WardError("WARD_RECIPIENT", `Cannot use recipient key: ${problem}.`);
  }
  return { kid: recipient.kid, key: spkiKey(recipient.spki) };
}

/** What is wrong with a recipient key, or null. */
export function recipientProblem(recipient: RecipientKey): string | null {
  if (!KID.test(recipient.kid)) {
    return "kid must match [a-z0-9-]{1,32}";
  }
  try {
    return isP256(spkiKey(recipient.spki)) ? null : "key is not P-256";
  } catch {
    return "spki is not a public key in base64 DER";
  }
}

/** The key-encryption key of ECDH-ES + A256KW: HKDF-SHA-256 over the shared secret, info = COSE_KDF_Context. */
export function deriveWrapKey(secret: Uint8Array, protectedBytes: Uint8Array): KeyObject {
  const kdfContext = encodeCbor([ALG_A256KW, NO_PARTY, NO_PARTY, [KEY_BYTES * 8, protectedBytes]]);
  return createSecretKey(
    Buffer.from(hkdfSync("sha256", secret, new Uint8Array(), kdfContext, KEY_BYTES)),
  );
}

/** AES key wrap (RFC 3394). */
export function wrapKey(wrappingKey: KeyObject, key: Uint8Array): Uint8Array {
  const cipher = createCipheriv("id-aes256-wrap", wrappingKey, WRAP_IV);
  return Buffer.concat([cipher.update(key), cipher.final()]);
}

/** The reverse. Throws WardError `WARD_OPEN`. */
export function unwrapKey(wrappingKey: KeyObject, wrapped: Uint8Array): Uint8Array {
  try {
    const decipher = createDecipheriv("id-aes256-wrap", wrappingKey, WRAP_IV);
    return Buffer.concat([decipher.update(wrapped), decipher.final()]);
  } catch (error) {
    throw wrongKey({ cause: error });
  }
}

function wrapFor(recipient: Recipient, contentKey: KeyObject): (Uint8Array | Headers)[] {
  const ephemeral = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey: recipient.key });
  const protectedBytes = encodeCbor(new Map([[HEADER_ALG, ALG_ECDH_ES_A256KW]]));
  const wrapped = wrapKey(deriveWrapKey(secret, protectedBytes), contentKey.export());
  const unprotected: Headers = new Map<number, Uint8Array | Headers>([
    [HEADER_KID, new TextEncoder().encode(recipient.kid)],
    [HEADER_EPHEMERAL, coseKey(ephemeral.publicKey)],
  ]);
  return [protectedBytes, unprotected, wrapped];
}

function unwrapFor(
  recipients: readonly unknown[],
  recipient: { readonly kid: string; readonly key: KeyObject },
): Uint8Array {
  for (const entry of recipients) {
    const parts = arrayOf(entry, "recipient", 3);
    const protectedBytes = bytesOf(parts[0], "recipient header", 0, CBOR_BYTES_MAX);
    if (readHeaders(protectedBytes).get(HEADER_ALG) !== ALG_ECDH_ES_A256KW) {
      continue;
    }
    const headers = mapOf(parts[1], [HEADER_KID, HEADER_EPHEMERAL], "recipient");
    const kid = bytesOf(headers.get(HEADER_KID), "kid", 1, KID_BYTES_MAX);
    if (Buffer.compare(kid, Buffer.from(recipient.kid)) === 0) {
      const wrapped = bytesOf(parts[2], "wrapped key", KEY_BYTES + 8);
      const secret = agree(recipient.key, headers.get(HEADER_EPHEMERAL));
      return unwrapKey(deriveWrapKey(secret, protectedBytes), wrapped);
    }
  }
  throw new WardError(
    "WARD_RECIPIENT",
    `Cannot open epoch: it is not sealed to recipient ${recipient.kid}. Check the recipients in the gateway's signed settings.`,
  );
}

function agree(privateKey: KeyObject, ephemeral: unknown): Uint8Array {
  const publicKey = publicKeyOf(ephemeral);
  try {
    return diffieHellman({ privateKey, publicKey });
  } catch (error) {
    throw wrongKey({ cause: error });
  }
}

/** A P-256 public key as a COSE_Key (RFC 9053 §7.1.1), uncompressed. */
function coseKey(key: KeyObject): Headers {
  const { x, y } = key.export({ format: "jwk" });
  if (x === undefined || y === undefined) {
    throw new TypeError("Cannot write key: not an elliptic curve key.");
  }
  return new Map<number, number | Uint8Array>([
    [KEY_TYPE, KEY_TYPE_EC2],
    [KEY_CURVE, CURVE_P256],
    [KEY_X, new Uint8Array(Buffer.from(x, "base64url"))],
    [KEY_Y, new Uint8Array(Buffer.from(y, "base64url"))],
  ]);
}

function publicKeyOf(value: unknown): KeyObject {
  const fields = mapOf(value, [KEY_TYPE, KEY_CURVE, KEY_X, KEY_Y], "ephemeral key");
  if (fields.get(KEY_TYPE) !== KEY_TYPE_EC2 || fields.get(KEY_CURVE) !== CURVE_P256) {
    throw malformed("ephemeral key is not P-256");
  }
  const [x, y] = [KEY_X, KEY_Y].map((label) =>
    Buffer.from(bytesOf(fields.get(label), "coordinate", COORDINATE_BYTES)).toString("base64url"),
  );
  if (x === undefined || y === undefined) {
    throw malformed("ephemeral key has no coordinates");
  }
  try {
    // OpenSSL refuses points that are not on the curve.
    return createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
  } catch (error) {
    throw malformed("ephemeral key is not a point of P-256", { cause: error });
  }
}

function spkiKey(spki: string): KeyObject {
  return createPublicKey({ key: Buffer.from(spki, "base64"), format: "der", type: "spki" });
}

function isP256(key: KeyObject): boolean {
  return key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === "prime256v1";
}

function wrongKey(options: ErrorOptions): WardError {
  return new WardError(
    "WARD_OPEN",
    "Cannot open epoch: the recipient's private key does not fit. Check which key the settings name.",
    options,
  );
}

/** Recipients of one message, at most. */
export const RECIPIENTS_MAX = 16;
const TAG_ENCRYPT = 96;
const ALG_ECDH_ES_A256KW = -31;
const ALG_A256KW = -5;
const HEADER_EPHEMERAL = -1;
const KEY_TYPE = 1;
const KEY_CURVE = -1;
const KEY_X = -2;
const KEY_Y = -3;
const KEY_TYPE_EC2 = 2;
const CURVE_P256 = 1;
const COORDINATE_BYTES = 32;
const KEY_BYTES = 32;
const KID_BYTES_MAX = 32;
const KID = /^[a-z0-9-]{1,32}$/;
const NO_PARTY = [null, null, null];
const WRAP_IV = Buffer.alloc(8, 0xa6);
