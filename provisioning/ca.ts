import "reflect-metadata";
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
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
  X509CrlGenerator,
  X509CrlReason,
  Extension,
} from "@peculiar/x509";

import { WardError } from "../gateway/errors.ts";
import { isGatewayId } from "../gateway/reading.ts";

/**
 * A small certificate authority for one site. There are two separate roots, one for gateways and one for servers (broker
 * and hub): under a shared root any server certificate could pose as a gateway. All keys are P-256.
 */
export const ROOT_KINDS = ["gateways", "servers"] as const;
export type RootKind = (typeof ROOT_KINDS)[number];

/** A certificate and its private key, both PEM (the key as PKCS #8). */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

export interface Root extends Identity {
  readonly kind: RootKind;
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

export interface RevocationList {
  /** Serial numbers as `serialOf` gives them. */
  readonly revoked: readonly string[];
  /** Must grow with every list of a root (RFC 5280 section 5.2.3). */
  readonly number: number;
  readonly thisUpdate: Date;
  /** After this the brokers refuse every client of the root: publish the next list well before. */
  readonly nextUpdate: Date;
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
export const LEAF_DAYS = 365;

/** Makes a new self-signed root. `site` is 1-40 letters, digits, spaces or dashes and appears in its name. */
export async function createRoot(
  kind: RootKind,
  site: string,
  validity: Validity = validFor(ROOT_DAYS),
): Promise<Root> {
  if (!SITE_NAME.test(site)) {
    throw new WardError(
      "WARD_CA_NAME",
      `Cannot make a root for site ${JSON.stringify(site)}: use 1-40 letters, digits, spaces or dashes.`,
    );
  }
  const keys = newKeys();
  const publicKey = await verifyingKey(keys.publicKey);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: `CN=${site} ${kind} root`,
    ...validity,
    keys: { publicKey, privateKey: await signingKey(keys.privateKey) },
    signingAlgorithm: ES256,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      // RFC 5280 section 4.2.1.3: a certificate authority signs certificates and revocation lists, nothing else.
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return { kind, certificate: pem(certificate), key: privatePem(keys.privateKey) };
}

/** A gateway's identity: CN = gateway id, TLS client only, P-256, under the gateways root. */
export async function issueGateway(root: Root, id: string, validity?: Validity): Promise<Identity> {
  demandRoot(root, "gateways");
  demandId(id);
  if (id.startsWith(HUB_PREFIX)) {
    throw new WardError(
      "WARD_CA_NAME",
      `Cannot issue a gateway certificate for ${id}: ids that begin with ${HUB_PREFIX} belong to hubs, ` +
        "and a broker tells its clients apart by id alone.",
    );
  }
  return await issueLeaf(root, { commonName: id, usage: "client", validity });
}

/** A broker's identity: TLS server only, for these DNS names and IP addresses, under the servers root. */
export async function issueBroker(
  root: Root,
  names: readonly string[],
  validity?: Validity,
): Promise<Identity> {
  demandRoot(root, "servers");
  const [first] = names;
  if (first === undefined || !names.every((name) => isIP(name) !== 0 || HOST_NAME.test(name))) {
    throw new WardError(
      "WARD_CA_NAME",
      `Cannot issue a broker certificate for ${JSON.stringify(names)}: give one or more host names or IP addresses.`,
    );
  }
  return await issueLeaf(root, { commonName: "broker", usage: "server", names, validity });
}

/** A hub's identity: CN = hub id (`hub-...`), TLS client only, under the servers root. */
export async function issueHub(root: Root, id: string, validity?: Validity): Promise<Identity> {
  demandRoot(root, "servers");
  demandId(id);
  if (!id.startsWith(HUB_PREFIX)) {
    throw new WardError(
      "WARD_CA_NAME",
      `Cannot issue a hub certificate for ${id}: hub ids begin with ${HUB_PREFIX}.`,
    );
  }
  return await issueLeaf(root, { commonName: id, usage: "client", validity });
}

/** Any leaf under any root: what the three above are made of, and what tests use for certificates nobody should have. */
export async function issueLeaf(root: Root, request: LeafRequest): Promise<Identity> {
  const issuer = new X509Certificate(root.certificate);
  const keys = newKeys();
  const publicKey = await verifyingKey(keys.publicKey);
  const names = request.names ?? [];
  const usage =
    request.usage === "client" ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth;
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([usage]),
    await SubjectKeyIdentifierExtension.create(publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
  ];
  if (names.length > 0) {
    extensions.push(new SubjectAlternativeNameExtension(names.map(generalName)));
  }
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [request.commonName] }],
    issuer: issuer.subjectName,
    ...(request.validity ?? validFor(LEAF_DAYS)),
    publicKey,
    signingKey: await signingKey(createPrivateKey(root.key)),
    signingAlgorithm: ES256,
    extensions,
  });
  return { certificate: pem(certificate), key: privatePem(keys.privateKey) };
}

/** The revocation list of one root, as "X509 CRL" PEM, which OpenSSL, Node.js and mosquitto read. */
export async function issueRevocationList(root: Root, list: RevocationList): Promise<string> {
  const issuer = new X509Certificate(root.certificate);
  const crl = await X509CrlGenerator.create({
    issuer: issuer.subjectName,
    thisUpdate: list.thisUpdate,
    nextUpdate: list.nextUpdate,
    signingKey: await signingKey(createPrivateKey(root.key)),
    signingAlgorithm: ES256,
    entries: list.revoked.map((serialNumber) => ({
      serialNumber,
      revocationDate: list.thisUpdate,
      reason: X509CrlReason.privilegeWithdrawn,
    })),
    extensions: [
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      crlNumber(list.number),
    ],
  });
  // The library's own PEM label "CRL" is one that OpenSSL does not know.
  return toPem("X509 CRL", crl.rawData);
}

/** The serial number of a certificate, lower-case hex, as a revocation list wants it. */
export function serialOf(certificate: string): string {
  return new X509Certificate(certificate).serialNumber;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const SITE_NAME = /^[A-Za-z0-9 -]{1,40}$/;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9][a-z0-9-]{0,62})*$/;
/** RFC 5280 section 5.2.3. */
const CRL_NUMBER_OID = "2.5.29.20";
const CRL_NUMBER_MAX = 2 ** 31 - 1;
const PEM_COLUMNS = 64;

function demandRoot(root: Root, kind: RootKind): void {
  if (root.kind !== kind) {
    throw new WardError(
      "WARD_CA_ROOT",
      `Cannot issue this certificate under the ${root.kind} root: it belongs under the ${kind} root.`,
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

function newKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

async function signingKey(key: KeyObject): Promise<CryptoKey> {
  return await imported("pkcs8", key.export({ type: "pkcs8", format: "der" }), ["sign"]);
}

async function verifyingKey(key: KeyObject): Promise<CryptoKey> {
  return await imported("spki", key.export({ type: "spki", format: "der" }), ["verify"]);
}

async function imported(
  format: "pkcs8" | "spki",
  der: Uint8Array<ArrayBuffer>,
  usages: ("sign" | "verify")[],
): Promise<CryptoKey> {
  return await crypto.subtle.importKey(format, der, ES256, true, usages);
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

function crlNumber(number: number): Extension {
  if (!Number.isInteger(number) || number < 0 || number > CRL_NUMBER_MAX) {
    throw new TypeError(`revocation list number ${number} is not 0-${CRL_NUMBER_MAX}`);
  }
  // DER INTEGER: as few bytes as hold the number with a clear sign bit.
  const hex = number.toString(16);
  const even = hex.length % 2 === 0 ? hex : `0${hex}`;
  const digits = Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even;
  const content = Buffer.from(digits, "hex");
  return new Extension(
    CRL_NUMBER_OID,
    false,
    new Uint8Array([DER_INTEGER, content.length, ...content]),
  );
}

const DER_INTEGER = 0x02;

function privatePem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}

function pem(certificate: X509Certificate): string {
  return toPem("CERTIFICATE", certificate.rawData);
}

function toPem(label: string, der: ArrayBuffer): string {
  const text = Buffer.from(der).toString("base64");
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += PEM_COLUMNS) {
    lines.push(text.slice(at, at + PEM_COLUMNS));
  }
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
