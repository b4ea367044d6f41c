import { X509Certificate } from "node:crypto";

import { errorText, WardError } from "../errors.ts";
import {
  DER_CONTEXT_0,
  DER_INTEGER,
  DER_SEQUENCE,
  DER_SET,
  derChildren,
  derElement,
  isObjectId,
  readDer,
  writeDer,
  writeObjectId,
} from "../identity/der.ts";

/**
 * The "certs-only" message of EST (RFC 7030 section 4.1.3): a CMS SignedData (RFC 5652) that signs nothing and only carries
 * certificates. DER.
 */
export function writeCertificatesOnly(certificates: readonly X509Certificate[]): Uint8Array {
  const signedData = writeDer(
    DER_SEQUENCE,
    writeDer(DER_INTEGER, Uint8Array.of(1)),
    writeDer(DER_SET),
    writeDer(DER_SEQUENCE, writeObjectId(OID_DATA)),
    writeDer(DER_CONTEXT_0, ...certificates.map(({ raw }) => raw)),
    writeDer(DER_SET),
  );
  return writeDer(
    DER_SEQUENCE,
    writeObjectId(OID_SIGNED_DATA),
    writeDer(DER_CONTEXT_0, signedData),
  );
}

/** The certificates in such a message, in the order in which they come. Throws WardError `WARD_EST_ANSWER`. */
export function readCertificatesOnly(bytes: Uint8Array): X509Certificate[] {
  try {
    const [type, content] = derChildren(derElement(readDer(bytes), DER_SEQUENCE));
    if (!isObjectId(type, OID_SIGNED_DATA)) {
      throw new WardError("WARD_EST_ANSWER", "it is no CMS SignedData.");
    }
    const signedData = derChildren(derElement(content, DER_CONTEXT_0))[0];
    const parts = derChildren(derElement(signedData, DER_SEQUENCE));
    const certificates = derChildren(
      derElement(
        parts.find(({ tag }) => tag === DER_CONTEXT_0),
        DER_CONTEXT_0,
      ),
    );
    if (certificates.length < 1 || certificates.length > CERTIFICATES_MAX) {
      throw new WardError("WARD_EST_ANSWER", `it has ${certificates.length} certificates.`);
    }
    return certificates.map(({ whole }) => new X509Certificate(whole));
  } catch (error) {
    throw new WardError(
      "WARD_EST_ANSWER",
      `Cannot use the EST server's answer: ${errorText(error)}`,
      { cause: error },
    );
  }
}

const OID_SIGNED_DATA = "1.2.840.113549.1.7.2";
const OID_DATA = "1.2.840.113549.1.7.1";
const CERTIFICATES_MAX = 16;
