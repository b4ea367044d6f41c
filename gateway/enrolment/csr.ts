import { createPublicKey, verify, type KeyObject } from "node:crypto";

import { errorText, WardError } from "../errors.ts";
import {
  DER_BIT_STRING,
  DER_CONTEXT_0,
  DER_INTEGER,
  DER_SEQUENCE,
  DER_SET,
  DER_UTF8_STRING,
  derChildren,
  derElement,
  isObjectId,
  readDer,
  writeDer,
  writeObjectId,
  writeSignature,
  type DerElement,
} from "../identity/der.ts";
import type { TlsKey } from "../identity/key-provider.ts";

/** A certificate signing request (PKCS #10, RFC 2986) whose signature is good: whoever sent it holds the key. */
export interface SigningRequest {
  /** The CN asked for, or null when none is: some clients leave it to the server. */
  readonly commonName: string | null;
  /** P-256, public. */
  readonly publicKey: KeyObject;
}

/** Asks for a certificate for `commonName`, signed with the private key that it is for. DER. */
export function makeSigningRequest(commonName: string, key: TlsKey): Uint8Array {
  const name = writeDer(
    DER_SEQUENCE,
    writeObjectId(OID_COMMON_NAME),
    writeDer(DER_UTF8_STRING, Buffer.from(commonName)),
  );
  const info = writeDer(
    DER_SEQUENCE,
    writeDer(DER_INTEGER, Uint8Array.of(0)),
    writeDer(DER_SEQUENCE, writeDer(DER_SET, name)),
    key.publicKey.export({ type: "spki", format: "der" }),
    writeDer(DER_CONTEXT_0),
  );
  return writeDer(
    DER_SEQUENCE,
    info,
    writeDer(DER_SEQUENCE, writeObjectId(OID_ECDSA_SHA256)),
    // The first byte of a bit string counts unused bits.
    writeDer(DER_BIT_STRING, Uint8Array.of(0), writeSignature(key.sign(info))),
  );
}

/**
 * Reads a request and checks that it is signed with its own key. Attributes, such as names it would like to have, are not
 * looked at. Throws WardError `WARD_CSR`.
 */
export function readSigningRequest(bytes: Uint8Array): SigningRequest {
  try {
    return checked(bytes);
  } catch (error) {
    throw new WardError("WARD_CSR", `Cannot use the signing request: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function checked(bytes: Uint8Array): SigningRequest {
  const [info, algorithm, signature] = derChildren(derElement(readDer(bytes), DER_SEQUENCE));
  const signed = derElement(info, DER_SEQUENCE);
  const [version, name, spki] = derChildren(signed);
  derElement(version, DER_INTEGER);
  const publicKey = p256KeyOf(derElement(spki, DER_SEQUENCE));
  const [algorithmId] = derChildren(derElement(algorithm, DER_SEQUENCE));
  const hash = HASHES.find(([dotted]) => isObjectId(algorithmId, dotted))?.[1];
  if (hash === undefined) {
    throw new WardError("WARD_CSR", "it is not signed with ECDSA and SHA-256, -384 or -512.");
  }
  const proof = derElement(signature, DER_BIT_STRING).content.subarray(1);
  if (!verify(hash, signed.whole, publicKey, proof)) {
    throw new WardError("WARD_CSR", "it is not signed with the key that it is for.");
  }
  return { commonName: commonNameIn(derElement(name, DER_SEQUENCE)), publicKey };
}

/** Only the form that everybody reads: the curve by its name (RFC 5480), the point whole. */
function p256KeyOf(spki: DerElement): KeyObject {
  const [algorithm, point] = derChildren(spki);
  const [type, curve] = derChildren(derElement(algorithm, DER_SEQUENCE));
  const isP256 = isObjectId(type, OID_EC_PUBLIC_KEY) && isObjectId(curve, OID_P256);
  if (!isP256 || derElement(point, DER_BIT_STRING).content.length !== P256_POINT_BYTES) {
    throw new WardError("WARD_CSR", "its key is not on the curve P-256.");
  }
  return createPublicKey({ key: Buffer.from(spki.whole), format: "der", type: "spki" });
}

function commonNameIn(name: DerElement): string | null {
  const names = derChildren(name).flatMap((set) =>
    derChildren(derElement(set, DER_SET)).flatMap((pair) => {
      const [type, value] = derChildren(derElement(pair, DER_SEQUENCE));
      return isObjectId(type, OID_COMMON_NAME) && value !== undefined ? [value] : [];
    }),
  );
  const [first, ...more] = names;
  if (more.length > 0) {
    throw new WardError("WARD_CSR", "it has more than one CN.");
  }
  return first === undefined ? null : Buffer.from(first.content).toString("latin1");
}

const OID_EC_PUBLIC_KEY = "1.2.840.10045.2.1";
const OID_P256 = "1.2.840.10045.3.1.7";
/** A count of unused bits, 04, x and y. */
const P256_POINT_BYTES = 66;
const OID_COMMON_NAME = "2.5.4.3";
const OID_ECDSA_SHA256 = "1.2.840.10045.4.3.2";
const HASHES = [
  [OID_ECDSA_SHA256, "sha256"],
  ["1.2.840.10045.4.3.3", "sha384"],
  ["1.2.840.10045.4.3.4", "sha512"],
] as const;
