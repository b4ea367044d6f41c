import { X509Certificate } from "node:crypto";

import { commonName } from "../gateway/identity/identity.ts";
import { findIssued, serialOf } from "./issued.ts";

/** Whom a client's certificate shows, or why it does not count. */
export type PeerAnswer = { readonly gateway: string } | { readonly refused: string };

export interface PeerCheckOptions {
  /** The authority's directory: what was issued, and what of it is revoked. */
  readonly directory: string;
  /** The issuing authorities of gateways, PEM. */
  readonly issuing: readonly string[];
  /** How long after its end a certificate may still be renewed (milliseconds): wards go off line. */
  readonly graceMs: number;
}

/**
 * Judges the certificate with which a gateway asks for the next one. That the client holds its key, TLS has shown. It must
 * be one that this authority has issued, to a gateway, not revoked, and not past its end by more than the grace.
 */
export async function checkPeer(
  certificate: X509Certificate,
  { directory, issuing, graceMs }: PeerCheckOptions,
  now: number = Date.now(),
): Promise<PeerAnswer> {
  const isOurs = issuing
    .map((one) => new X509Certificate(one))
    .some((issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));
  if (!isOurs) {
    return { refused: "it is not from this authority" };
  }
  // node:crypto calls the extended key usage keyUsage.
  const usages: readonly string[] = certificate.keyUsage ?? [];
  if (certificate.ca || !usages.includes(OID_CLIENT_AUTH)) {
    return { refused: "it is not for a client" };
  }
  if (now < certificate.validFromDate.getTime()) {
    return { refused: "it is not valid yet" };
  }
  if (now > certificate.validToDate.getTime() + graceMs) {
    return { refused: "it ended too long ago: a new claim is needed" };
  }
  const record = await findIssued(directory, "gateways", serialOf(certificate.toString()));
  if (record === null) {
    return { refused: "it is not on record" };
  }
  if (record.revokedAt !== null) {
    return { refused: "it is revoked" };
  }
  return { gateway: commonName(certificate) };
}

const OID_CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
