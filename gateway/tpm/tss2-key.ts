import { createPublicKey, type KeyObject } from "node:crypto";

import {
  DER_CONTEXT_0,
  DER_INTEGER,
  DER_SEQUENCE,
  derChildren,
  derElement,
  isObjectId,
  readDer,
  writeDer,
  writeObjectId,
} from "../identity/der.ts";
import { errorText, WardError } from "../errors.ts";
import { ALG_ECC, ALG_NULL, CURVE_P256, P256_BYTES, type TpmBlob } from "./templates.ts";
import { sized, TpmReader } from "./wire.ts";

/** A key in a TPM as OpenSSL's provider for TPMs reads it from a file. */
export interface Tss2Key {
  /** The persistent handle of what it lies under. */
  readonly parent: number;
  readonly blob: TpmBlob;
  readonly publicKey: KeyObject;
}

/** "TSS2 PRIVATE KEY" (ASN.1 specification for TPM 2.0 key files, TPMKey loadablekey), PEM. */
export function writeTss2Key(parent: number, { publicArea, privateArea }: TpmBlob): string {
  const handle = Buffer.alloc(5);
  handle.writeUInt32BE(parent, 1);
  const der = writeDer(
    DER_SEQUENCE,
    writeObjectId(OID_LOADABLE_KEY),
    // The empty password is meant.
    writeDer(DER_CONTEXT_0, writeDer(DER_BOOLEAN, Uint8Array.of(0xff))),
    writeDer(DER_INTEGER, handle),
    writeDer(DER_OCTET_STRING, sized(publicArea)),
    writeDer(DER_OCTET_STRING, sized(privateArea)),
  );
  const text = Buffer.from(der).toString("base64").replaceAll(/.{64}/g, "$&\n").trim();
  return `${BEGIN}\n${text}\n-----END TSS2 PRIVATE KEY-----\n`;
}

/** True for a text that looks like one. */
export function isTss2Key(pem: string): boolean {
  return pem.startsWith(BEGIN);
}

/** Reads such a key: P-256, under a persistent parent. Throws WardError `WARD_KEY`. */
export function readTss2Key(pem: string): Tss2Key {
  try {
    const body = PEM.exec(pem)?.[1] ?? "";
    const parts = derChildren(derElement(readDer(Buffer.from(body, "base64")), DER_SEQUENCE));
    const [type, , parent, publicPart, privatePart] = parts;
    if (parts.length !== 5 || !isObjectId(type, OID_LOADABLE_KEY)) {
      throw new WardError("WARD_KEY", "it is no loadable key");
    }
    const handle = Buffer.from(derElement(parent, DER_INTEGER).content);
    const publicArea = inside(derElement(publicPart, DER_OCTET_STRING).content);
    return {
      parent: handle.readUIntBE(0, handle.length),
      blob: { publicArea, privateArea: inside(derElement(privatePart, DER_OCTET_STRING).content) },
      publicKey: publicKeyIn(publicArea),
    };
  } catch (error) {
    throw new WardError("WARD_KEY", `it is damaged (${errorText(error)})`, { cause: error });
  }
}

/** The P-256 key that a public area holds. Throws WardError `WARD_KEY`, `WARD_TPM`. */
export function publicKeyIn(publicArea: Uint8Array): KeyObject {
  const reader = new TpmReader(publicArea);
  const type = reader.u16();
  reader.bytes(NAME_AND_ATTRIBUTES_BYTES);
  reader.sized();
  // A storage key has a cipher for what lies under it, a signing key none; a scheme neither.
  if (reader.u16() !== ALG_NULL) {
    reader.bytes(KEY_BITS_AND_MODE_BYTES);
  }
  reader.u16();
  if (type !== ALG_ECC || reader.u16() !== CURVE_P256) {
    throw new WardError("WARD_KEY", "it is not on the curve P-256");
  }
  reader.u16();
  const x = reader.number(P256_BYTES).toString("base64url");
  const y = reader.number(P256_BYTES).toString("base64url");
  return createPublicKey({ key: { kty: "EC", crv: "P-256", x, y }, format: "jwk" });
}

function inside(bytes: Uint8Array): Buffer {
  return new TpmReader(bytes).sized();
}

const OID_LOADABLE_KEY = "2.23.133.10.1.3";
const DER_BOOLEAN = 0x01;
const DER_OCTET_STRING = 0x04;
const NAME_AND_ATTRIBUTES_BYTES = 6;
const KEY_BITS_AND_MODE_BYTES = 4;
const BEGIN = "-----BEGIN TSS2 PRIVATE KEY-----";
const PEM = /-----BEGIN TSS2 PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END TSS2 PRIVATE KEY-----/;
