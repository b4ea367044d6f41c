import { verify } from "node:crypto";
import type { X509Certificate } from "node:crypto";

import {
  DER_BIT_STRING,
  DER_CONTEXT_0,
  DER_INTEGER,
  DER_OBJECT_ID,
  DER_SEQUENCE,
  derChildren,
  derElement,
  readDer,
} from "./der.ts";
import type { DerElement } from "./der.ts";
import { errorText, WardError } from "../errors.ts";

/** A certificate revocation list (RFC 5280 §5) whose signature is not yet checked. */
export interface RevocationList {
  /** The issuer's name, DER in base64. */
  readonly issuer: string;
  /** When the next one has to be there, epoch milliseconds; null when it does not say. */
  readonly nextUpdate: number | null;
  /** When it was made, epoch milliseconds. */
  readonly thisUpdate: number;
  /** Serial numbers, upper-case hex without leading zeros. */
  readonly revoked: ReadonlySet<string>;
  /** True when the issuer's certificate signed it. */
  isBy(issuer: X509Certificate): boolean;
}

/** All lists of a PEM text. Throws WardError `WARD_CRL`: a list that cannot be understood may hide a revocation. */
export function readRevocationLists(pem: string): RevocationList[] {
  const blocks = [...pem.matchAll(PEM_CRL)];
  if (blocks.length < 1 || blocks.length > LISTS_MAX || pem.length > PEM_LENGTH_MAX) {
    throw unusable(`there are ${blocks.length} lists in it, not 1 to ${LISTS_MAX}`);
  }
  try {
    return blocks.map((block) => readList(Buffer.from(block[1] ?? "", "base64")));
  } catch (error) {
    throw unusable(errorText(error), { cause: error });
  }
}

/**
 * True when one of `lists`, signed by `issuer`, names `certificate`. A list past its time still counts: what it names
 * stays revoked. Throws WardError `WARD_CRL` when no list is by this issuer.
 */
export function isRevoked(
  certificate: X509Certificate,
  issuer: X509Certificate,
  lists: readonly RevocationList[],
): boolean {
  const names = namesOf(certificate);
  const mine = lists.filter((list) => list.issuer === names.issuer && list.isBy(issuer));
  if (mine.length === 0) {
    throw unusable("none of its lists is by the issuer of the certificate");
  }
  return mine.some((list) => list.revoked.has(names.serial));
}

/**
 * When the first of the lists in a PEM text ends (epoch milliseconds), if that is near; else null. Past the end of a list
 * whoever checks it trusts nobody any more. Throws WardError `WARD_CRL`.
 */
export function nearEndOfLists(pem: string, now: number): number | null {
  const ends = readRevocationLists(pem).flatMap(({ thisUpdate: from, nextUpdate: until }) =>
    until !== null && isNearEnd({ from, until }, now) ? [until] : [],
  );
  return ends.length === 0 ? null : Math.min(...ends);
}

/** In its last quarter, of which no more than 30 days count: what is renewed in time is so long before. */
export function isNearEnd(
  { from, until }: { readonly from: number; readonly until: number },
  now: number,
): boolean {
  return until - now < Math.min((until - from) / 4, NEAR_MS);
}

/** Issuer and serial number, in the form in which lists have them: node:crypto only gives the name as text. */
function namesOf(certificate: X509Certificate): { issuer: string; serial: string } {
  const body = derChildren(derElement(readDer(certificate.raw), DER_SEQUENCE))[0];
  const fields = derChildren(derElement(body, DER_SEQUENCE));
  // The version, [0], is only there when it is not 1.
  const first = fields[0]?.tag === DER_CONTEXT_0 ? 1 : 0;
  return {
    serial: serialOf(fields[first]),
    issuer: base64(derElement(fields[first + 2], DER_SEQUENCE).whole),
  };
}

function readList(bytes: Uint8Array): RevocationList {
  const [body, algorithm, signature] = derChildren(derElement(readDer(bytes), DER_SEQUENCE));
  const signed = derElement(body, DER_SEQUENCE);
  const name = base64(
    derElement(derChildren(derElement(algorithm, DER_SEQUENCE))[0], DER_OBJECT_ID).content,
  );
  const hash = SIGNATURE_HASHES.get(name);
  if (hash === undefined) {
    throw unusable("its signature algorithm is not known");
  }
  // The first byte of a bit string counts unused bits.
  const signatureBytes = derElement(signature, DER_BIT_STRING).content.subarray(1);
  return {
    ...readBody(signed),
    isBy(issuer) {
      try {
        return verify(hash, signed.whole, issuer.publicKey, signatureBytes);
      } catch {
        return false;
      }
    },
  };
}

/** TBSCertList: version?, signature, issuer, thisUpdate, nextUpdate?, revokedCertificates?, [0] extensions?. */
function readBody(body: DerElement): Omit<RevocationList, "isBy"> {
  const fields = derChildren(body);
  let at = fields[0]?.tag === DER_INTEGER ? 1 : 0;
  derElement(fields[at], DER_SEQUENCE);
  const issuer = base64(derElement(fields[at + 1], DER_SEQUENCE).whole);
  at += 2;
  const times: number[] = [];
  for (; isTime(fields[at]); at += 1) {
    times.push(timeOf(fields[at]));
  }
  const [thisUpdate, nextUpdate = null] = times;
  if (thisUpdate === undefined) {
    throw unusable("it does not say when it was made");
  }
  const revoked = new Set<string>();
  if (fields[at]?.tag === DER_SEQUENCE) {
    for (const entry of derChildren(derElement(fields[at], DER_SEQUENCE))) {
      const [serial, , extensions] = derChildren(derElement(entry, DER_SEQUENCE));
      revoked.add(serialOf(serial));
      refuseCritical(extensions);
    }
    at += 1;
  }
  const extensions = fields[at];
  if (extensions !== undefined) {
    refuseCritical(derChildren(derElement(extensions, DER_CONTEXT_0))[0]);
  }
  return { issuer, thisUpdate, nextUpdate, revoked };
}

/** An extension that must be understood may make the list partial, or a change to another one. */
function refuseCritical(extensions: DerElement | undefined): void {
  if (extensions === undefined) {
    return;
  }
  for (const extension of derChildren(derElement(extensions, DER_SEQUENCE))) {
    if (derChildren(derElement(extension, DER_SEQUENCE))[1]?.tag === DER_BOOLEAN) {
      throw unusable("it has a critical extension");
    }
  }
}

/** UTCTime has two digits of the year, of 1950 to 2049 (RFC 5280 section 4.1.2.5.1). */
function timeOf(element: DerElement | undefined): number {
  const text = Buffer.from(element?.content ?? []).toString("latin1");
  const century = element?.tag === DER_UTC_TIME ? (text < "50" ? "20" : "19") : "";
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(century + text) ?? [];
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(time)) {
    throw unusable("a time in it cannot be read");
  }
  return time;
}

function isTime(element: DerElement | undefined): boolean {
  return element?.tag === DER_UTC_TIME || element?.tag === DER_GENERALIZED_TIME;
}

function serialOf(element: DerElement | undefined): string {
  const bytes = derElement(element, DER_INTEGER).content;
  return Buffer.from(bytes).toString("hex").toUpperCase().replace(/^0+/, "");
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function unusable(why: string, options?: ErrorOptions): WardError {
  return new WardError(
    "WARD_CRL",
    `Cannot use revocation list: ${why}. Put the current list of every issuing CA into the file.`,
    options,
  );
}

const DER_BOOLEAN = 0x01;
const DER_UTC_TIME = 0x17;
const DER_GENERALIZED_TIME = 0x18;
const PEM_CRL = /-----BEGIN (?:X509 )?CRL-----([A-Za-z0-9+/=\s]+)-----END (?:X509 )?CRL-----/g;
const NEAR_MS: number = 30 * 86_400_000;
const LISTS_MAX = 16;
const PEM_LENGTH_MAX: number = 8 * 2 ** 20;
/** By object identifier: ecdsa-with-SHA256, -SHA384 and -SHA512, sha256- and sha384WithRSAEncryption, Ed25519. */
const SIGNATURE_HASHES: ReadonlyMap<string, string | null> = new Map([
  [oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02), "sha256"],
  [oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03), "sha384"],
  [oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04), "sha512"],
  [oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b), "sha256"],
  [oid(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0c), "sha384"],
  [oid(0x2b, 0x65, 0x70), null],
]);

function oid(...bytes: readonly number[]): string {
  return base64(Uint8Array.from(bytes));
}
