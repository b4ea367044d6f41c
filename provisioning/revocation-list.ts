import "reflect-metadata";

import {
  AuthorityKeyIdentifierExtension,
  Extension,
  X509Certificate,
  X509CrlGenerator,
  X509CrlReason,
} from "@peculiar/x509";

import { DER_INTEGER, writeDer } from "../gateway/identity/der.ts";
import type { Issuer } from "./ca.ts";
import { signedBy } from "./issuer-key.ts";
import { draftKey, ES256, toPem } from "./web-keys.ts";

export interface RevocationList {
  /** Serial numbers as `serialOf` gives them, and when each was revoked. */
  readonly revoked: readonly { readonly serial: string; readonly at: Date }[];
  /** Must grow with every list of an issuer (RFC 5280 section 5.2.3). */
  readonly number: number;
  readonly thisUpdate: Date;
  /** After this the brokers refuse every client of the issuer: publish the next list well before. */
  readonly nextUpdate: Date;
}

/** The revocation list of one issuer, as "X509 CRL" PEM, which OpenSSL, Node.js and mosquitto read. */
export async function issueRevocationList(issuer: Issuer, list: RevocationList): Promise<string> {
  const above = new X509Certificate(issuer.certificate);
  const crl = await X509CrlGenerator.create({
    issuer: above.subjectName,
    thisUpdate: list.thisUpdate,
    nextUpdate: list.nextUpdate,
    signingKey: await draftKey(),
    signingAlgorithm: ES256,
    entries: list.revoked.map(({ serial, at }) => ({
      serialNumber: serial,
      revocationDate: at,
      reason: X509CrlReason.privilegeWithdrawn,
    })),
    extensions: [
      await AuthorityKeyIdentifierExtension.create(above.publicKey),
      crlNumber(list.number),
    ],
  });
  // The library's own PEM label "CRL" is one that OpenSSL does not know.
  return toPem("X509 CRL", signedBy(issuer.key, crl.rawData));
}

function crlNumber(number: number): Extension {
  if (!Number.isInteger(number) || number < 0 || number > CRL_NUMBER_MAX) {
    throw new TypeError(`revocation list number ${number} is not 0-${CRL_NUMBER_MAX}`);
  }
  // DER INTEGER: as few bytes as hold the number with a clear sign bit.
  const hex = number.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const digits = Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even;
  const value = writeDer(DER_INTEGER, Buffer.from(digits, "hex"));
  return new Extension(CRL_NUMBER_OID, false, new Uint8Array(value));
}

/** RFC 5280 section 5.2.3. */
const CRL_NUMBER_OID = "2.5.29.20";
const CRL_NUMBER_MAX = 2 ** 31 - 1;
