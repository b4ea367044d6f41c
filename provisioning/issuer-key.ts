import { generateKeyPairSync } from "node:crypto";

import {
  DER_BIT_STRING,
  DER_SEQUENCE,
  derChildren,
  derElement,
  readDer,
  writeDer,
  writeSignature,
} from "../gateway/identity/der.ts";
import { softwareTlsKey, type TlsKey } from "../gateway/identity/key-provider.ts";

/** The private key of an authority (P-256), wherever it is. Throws WardError as that place does. */
export type IssuerKey = Pick<TlsKey, "publicKey" | "sign">;

/** A fresh one, in this process's hands. */
export function newIssuerKey(): TlsKey {
  return softwareTlsKey(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

/**
 * Takes a certificate or a revocation list that anybody has signed, and has `key` sign it instead: ECDSA with SHA-256 in both
 * cases. DER.
 */
export function signedBy(key: IssuerKey, draft: ArrayBuffer): Uint8Array {
  const [content, algorithm] = derChildren(
    derElement(readDer(new Uint8Array(draft)), DER_SEQUENCE),
  );
  const signed = derElement(content, DER_SEQUENCE).whole;
  const signature = writeDer(
    DER_BIT_STRING,
    // The first byte of a bit string counts unused bits.
    Uint8Array.of(0),
    writeSignature(key.sign(signed)),
  );
  return writeDer(DER_SEQUENCE, signed, derElement(algorithm, DER_SEQUENCE).whole, signature);
}
