import "reflect-metadata";
import { randomBytes, type KeyObject } from "node:crypto";
import { isIP } from "node:net";

import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  type Extension,
} from "@peculiar/x509";

import { WardError } from "../gateway/errors.ts";
import { isGatewayId } from "../gateway/reading.ts";
import { newIssuerKey, signedBy, type IssuerKey } from "./issuer-key.ts";
import { draftKey, ES256, newKeys, privatePem, toPem, verifyingKey } from "./web-keys.ts";

/**
 * What certificates look like: every certificate of a site is written here. There are two separate roots, one for gateways
 * and one for servers (broker and hub): under a shared root any server certificate could pose as a gateway. Below each root
 * there is an issuing authority, so that the root's own key can lie in a safe. All keys are P-256.
 */
export const ROOT_KINDS = ["gateways", "servers"] as const;
export type RootKind = (typeof ROOT_KINDS)[number];

/** A certificate and its private key, both PEM (the key as PKCS #8). What stands between it and its root follows it. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** Who may sign certificates: a root, or an issuing authority below it. */
export interface Issuer {
  readonly kind: RootKind;
  /** PEM. */
  readonly certificate: string;
  readonly key: IssuerKey;
  /** False for a root, whose certificate everybody has and nobody sends along. */
  readonly isSent: boolean;
}

/** When a certificate begins and ends. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** What a leaf certificate is for: its one extended key usage. */
type LeafUsage = "client" | "server";

export interface LeafRequest {
  readonly commonName: string;
  readonly usage: LeafUsage;
  /** DNS names and IP addresses; none for clients. */
  readonly names?: readonly string[];
  readonly validity?: Validity | undefined;
}

/** From an hour ago, so that a clock that is a little behind does not refuse it, for `days` days. */
export function validFor(days: number, now: Date = new Date()): Validity {
  return {
    notBefore: new Date(now.getTime() - HOUR_MS),
    notAfter: new Date(now.getTime() + days * DAY_MS),
  };
}

/** What the ids of hubs begin with, and those of gateways never. */
const HUB_PREFIX = "hub-";

const ROOT_DAYS = 3650;
export const ISSUING_DAYS = 1826;
export const LEAF_DAYS = 365;

/** Makes a new self-signed root. `site` is 1-40 letters, digits, spaces or dashes and appears in its name. */
export async function createRoot(
  kind: RootKind,
  site: string,
  validity: Validity = validFor(ROOT_DAYS),
  key: IssuerKey = newIssuerKey(),
): Promise<Issuer> {
  demandSite(site);
  const publicKey = await verifyingKey(key.publicKey);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=${site} ${kind} root`,
    ...validity,
    keys: { publicKey, privateKey: await draftKey() },
    signingAlgorithm: ES256,
    extensions: [
      new BasicConstraintsExtension(true, 1, true),
      new KeyUsagesExtension(AUTHORITY_USAGE, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return { kind, certificate: pem(certificate, key), key, isSent: false };
}

/**
 * Makes an issuing authority below a root, with a name of its own: it signs leaves and its own revocation list, and no further
 * authority.
 */
export async function createIssuing(
  root: Issuer,
  name: string,
  validity: Validity = validFor(ISSUING_DAYS),
  key: IssuerKey = newIssuerKey(),
): Promise<Issuer> {
  const certificate = await certified(root, {
    subject: name,
    publicKey: key.publicKey,
    validity,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(AUTHORITY_USAGE, true),
    ],
  });
  return { kind: root.kind, certificate, key, isSent: true };
}

/** A gateway's identity: CN = gateway id, TLS client only, P-256, under the gateways root. */
export async function issueGateway(
  issuer: Issuer,
  id: string,
  validity?: Validity,
): Promise<Identity> {
  const keys = newKeys();
  const certificate = await certifyGateway(issuer, id, keys.publicKey, validity);
  return { certificate, key: privatePem(keys.privateKey) };
}

/**
 * A gateway's certificate for a key that was born on the gateway (P-256, public), with what stands between it and the root.
 * @throws WardError `WARD_CA_NAME`, `WARD_CA_ROOT`
 */
export async function certifyGateway(
  issuer: Issuer,
  id: string,
  publicKey: KeyObject,
  validity?: Validity,
): Promise<string> {
  demandKind(issuer, "gateways");
  demandGatewayId(id);
  return await certifyLeaf(issuer, publicKey, { commonName: id, usage: "client", validity });
}

/** @throws WardError `WARD_CA_NAME` for what is no id, or a hub's */
export function demandGatewayId(id: string): void {
  demandId(id);
  if (id.startsWith(HUB_PREFIX)) {
    throw new WardError(
      "WARD_CA_NAME",
      `Cannot issue a gateway certificate for ${id}: ids that begin with ${HUB_PREFIX} belong to hubs, ` +
        "and a broker tells its clients apart by id alone.",
    );
  }
}

/** A server's identity (a broker, say): TLS server only, for these DNS names and IP addresses, under the servers root. */
export async function issueServer(
  issuer: Issuer,
  names: readonly string[],
  o: { readonly commonName?: string; readonly validity?: Validity | undefined } = {},
): Promise<Identity> {
  demandKind(issuer, "servers");
  const [first] = names;
  if (first === undefined || !names.every((name) => isIP(name) !== 0 || HOST_NAME.test(name))) {
    throw new WardError(
      "WARD_CA_NAME",
      `Cannot issue a server certificate for ${JSON.stringify(names)}: give one or more host names or IP addresses.`,
    );
  }
  const commonName = o.commonName ?? "broker";
  return await issueLeaf(issuer, { commonName, usage: "server", names, validity: o.validity });
}

/** A hub's identity: CN = hub id (`hub-...`), TLS client only, under the servers root. */
export async function issueHub(issuer: Issuer, id: string, validity?: Validity): Promise<Identity> {
  demandKind(issuer, "servers");
  demandId(id);
  if (!id.startsWith(HUB_PREFIX)) {
    throw new WardError(
      "WARD_CA_NAME",
      `Cannot issue a hub certificate for ${id}: hub ids begin with ${HUB_PREFIX}.`,
    );
  }
  return await issueLeaf(issuer, { commonName: id, usage: "client", validity });
}

/** Any leaf under any issuer: what the others are made of, and what tests use for certificates nobody should have. */
export async function issueLeaf(issuer: Issuer, request: LeafRequest): Promise<Identity> {
  const keys = newKeys();
  const certificate = await certifyLeaf(issuer, keys.publicKey, request);
  return { certificate, key: privatePem(keys.privateKey) };
}

async function certifyLeaf(
  issuer: Issuer,
  publicKey: KeyObject,
  request: LeafRequest,
): Promise<string> {
  const names = request.names ?? [];
  const usage =
    request.usage === "client" ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth;
  const leaf = await certified(issuer, {
    subject: request.commonName,
    publicKey,
    validity: request.validity ?? validFor(LEAF_DAYS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([usage]),
      ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names.map(generalName))]),
    ],
  });
  return issuer.isSent ? leaf + issuer.certificate : leaf;
}

/** A certificate signed by `issuer`, PEM; it never outlives it. */
async function certified(
  issuer: Issuer,
  o: {
    readonly subject: string;
    readonly publicKey: KeyObject;
    readonly validity: Validity;
    readonly extensions: readonly Extension[];
  },
): Promise<string> {
  const above = new X509Certificate(issuer.certificate);
  const publicKey = await verifyingKey(o.publicKey);
  const { notBefore, notAfter } = o.validity;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [o.subject] }],
    issuer: above.subjectName,
    notBefore,
    notAfter: notAfter < above.notAfter ? notAfter : above.notAfter,
    publicKey,
    signingKey: await draftKey(),
    signingAlgorithm: ES256,
    extensions: [
      ...o.extensions,
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(above.publicKey),
    ],
  });
  return pem(certificate, issuer.key);
}

/** RFC 5280 section 4.2.1.3: an authority signs certificates and revocation lists, nothing else. */
const AUTHORITY_USAGE: number = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SITE_NAME = /^[A-Za-z0-9 -]{1,40}$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9][a-z0-9-]{0,62})*$/;

function demandKind(issuer: Issuer, kind: RootKind): void {
  if (issuer.kind !== kind) {
    throw new WardError(
      "WARD_CA_ROOT",
      `Cannot issue this certificate under the ${issuer.kind} root: it belongs under the ${kind} root.`,
    );
  }
}

function demandSite(site: string): void {
  if (!SITE_NAME.test(site)) {
    throw new WardError(
      "WARD_CA_NAME",
      `Cannot make a root for site ${JSON.stringify(site)}: use 1-40 letters, digits, spaces or dashes.`,
    );
  }
}

function demandId(id: string): void {
  if (!isGatewayId(id)) {
    throw new WardError(
      "WARD_CA_NAME",
      `Cannot issue a certificate for ${JSON.stringify(id.slice(0, 80))}: an id is 3-64 of a-z, 0-9 and dash.`,
    );
  }
}

/** 128 random bits, positive and without leading zeros (RFC 5280 section 4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x3f) | 0x40, 0);
  return bytes.toString("hex");
}

function generalName(name: string): { type: "dns" | "ip"; value: string } {
  return { type: isIP(name) === 0 ? "dns" : "ip", value: name };
}

function pem(draft: X509Certificate, key: IssuerKey): string {
  return toPem("CERTIFICATE", signedBy(key, draft.rawData));
}
