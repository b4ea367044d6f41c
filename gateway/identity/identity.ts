import { createPublicKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { errorCode, errorText, WardError } from "../errors.ts";
import { isGatewayId } from "../reading.ts";
import type { KeyProvider, TlsKey } from "./key-provider.ts";
import { identityPlace } from "./next-identity.ts";
import { openKeys } from "./open-keys.ts";
import { isRevoked, readRevocationLists } from "./revocation.ts";
import {
  arrayOf,
  bytesOf,
  decodeCbor,
  encodeCbor,
  integerOf,
  malformed,
  mapOf,
} from "../sealing/cbor.ts";
import {
  ALG_ES256,
  HEADER_ALG,
  HEADER_X5CHAIN,
  makeSign1By,
  readSign1,
  verifySign1,
} from "../sealing/cose.ts";
import { bounded, CONTEXT, gatewayOf, TIME_MAX } from "../sealing/envelope.ts";

/** A gateway's signing key as its certificate vouches for it. */
export interface VerifiedBinding {
  readonly gateway: string;
  /** Ed25519, public. */
  readonly key: KeyObject;
  /** The certificate's validity, epoch milliseconds, both included. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * Makes the key binding statement: the certificate's key (P-256) says that `signingPublicKey` (Ed25519) is the same
 * gateway's. The chain travels inside; its root need not be in it. Throws WardError `WARD_BINDING`.
 */
export function makeBinding(o: {
  /** Leaf first. */
  readonly certificateChainPem: string;
  readonly certificateKey: TlsKey;
  readonly signingPublicKey: KeyObject;
  /** Epoch milliseconds. */
  readonly now: number;
}): Uint8Array {
  const chain = readChain(o.certificateChainPem);
  const leaf = leafOf(chain);
  const gateway = commonName(leaf);
  if (!leaf.publicKey.equals(o.certificateKey.publicKey)) {
    throw unbound("the private key is not the certificate's");
  }
  const publicKey = o.signingPublicKey;
  if (publicKey.asymmetricKeyType !== "ed25519" || publicKey.type !== "public") {
    throw unbound("the signing key is not a public Ed25519 key");
  }
  const { x } = publicKey.export({ format: "jwk" });
  const key = new Uint8Array(Buffer.from(x ?? "", "base64url"));
  return makeSign1By({
    headers: new Map([[HEADER_X5CHAIN, chain.map((part) => new Uint8Array(part.raw))]]),
    payload: encodeCbor([BINDING_VERSION, gateway, key, Math.trunc(o.now)]),
    algorithm: ALG_ES256,
    sign: o.certificateKey.sign,
    context: CONTEXT.binding,
  });
}

/**
 * Checks a key binding statement: signature by the leaf certificate, chain up to `gatewaysRoot`, every certificate valid at
 * `at`, leaf for client authentication, its CN the gateway id, none revoked. A certificate on the list is refused
 * whatever `at` is. Throws WardError `WARD_BINDING` or `WARD_CRL`.
 */
export function verifyBinding(
  bytes: Uint8Array,
  o: {
    readonly gatewaysRoot: X509Certificate;
    readonly crlPem?: string | undefined;
    /** Epoch milliseconds; null for a statement that outlives the certificate. */
    readonly at: number | null;
  },
): VerifiedBinding {
  const { chain, gateway, key } = readBinding(bytes);
  const leaf = leafOf(chain);
  const lists = o.crlPem === undefined ? null : readRevocationLists(o.crlPem);
  const path = pathTo(o.gatewaysRoot, chain);
  for (const [place, certificate] of path.entries()) {
    if (o.at !== null) {
      checkTime(certificate, o.at);
    }
    const issuer = path[place + 1];
    if (issuer !== undefined && lists !== null && isRevoked(certificate, issuer, lists)) {
      throw unbound("a certificate is revoked");
    }
  }
  // node:crypto calls the extended key usage keyUsage.
  const usages: readonly string[] = leaf.keyUsage ?? [];
  if (leaf.ca || !usages.includes(OID_CLIENT_AUTH)) {
    throw unbound("the certificate is not for client authentication");
  }
  if (commonName(leaf) !== gateway) {
    throw unbound("the certificate has another name");
  }
  return {
    gateway,
    key,
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
  };
}

/** What a gateway has been given at provisioning: the files of `identity/` in its data directory. */
export interface GatewayIdentity {
  readonly gateway: string;
  /** gateway.crt.pem: leaf first. */
  readonly certificateChainPem: string;
  readonly certificate: X509Certificate;
  /** gateway.key.pem, for TLS. */
  readonly certificateKey: TlsKey;
  readonly serversRootPem: string;
  /** servers.crl.pem, if there is one. */
  readonly serversCrlPem: string | undefined;
  readonly gatewaysRoot: X509Certificate;
  /** Whose signature site.cose must carry. */
  readonly settingsSigner: KeyObject;
  /** signing.key.pem: Ed25519, private. */
  readonly signingKey: KeyObject;
  /** binding.cose: goes with every epoch. */
  readonly binding: Uint8Array;
  /** Where its keys are. */
  readonly keys: KeyProvider;
}

/**
 * Loads and cross-checks the files of `<data directory>/identity`. Certificates past their end are loaded all the same:
 * the gateway goes on collecting, and the connection says what is wrong. `place` is where its certificate, key and binding
 * lie, when it is not the identity in force that is asked for; `openedKeys` are its keys, when they are open. Throws WardError `WARD_IDENTITY` that lists every problem.
 */
export function loadGatewayIdentity(
  directory: string,
  place: string = identityPlace(directory),
  openedKeys: KeyProvider | null = null,
): GatewayIdentity {
  const problems: string[] = [];
  const attempt = <T>(name: string, act: () => T): T | null => {
    try {
      return act();
    } catch (error) {
      problems.push(`${name}: ${errorText(error)}`);
      return null;
    }
  };
  const read = <T>(name: string, parse: (bytes: Buffer) => T, from = directory): T | null =>
    attempt(name, () => parse(readFileSync(join(from, name))));
  const keys = openedKeys ?? attempt("keys", () => openKeys(directory));
  const chain = read(
    "gateway.crt.pem",
    (bytes) => ({ pem: bytes.toString(), leaf: leafOf(readChain(bytes.toString())) }),
    place,
  );
  const tlsKey = attempt(
    "gateway.key.pem",
    () => keys?.readTlsKey(join(place, "gateway.key.pem")) ?? null,
  );
  const signingKey = attempt(
    "signing.key.pem",
    () => keys?.readSigningKey(join(directory, "signing.key.pem")) ?? null,
  );
  const settingsSigner = read("settings-signer.pub.pem", (bytes) => createPublicKey(bytes));
  const serversRoot = read("servers-root.crt.pem", (bytes) => new X509Certificate(bytes));
  const gatewaysRoot = read("gateways-root.crt.pem", (bytes) => new X509Certificate(bytes));
  const binding = read("binding.cose", (bytes) => new Uint8Array(bytes), place);
  const isMissing = !chain || !tlsKey || !signingKey || !binding || !keys;
  if (isMissing || !settingsSigner || !serversRoot || !gatewaysRoot) {
    throw unidentified(directory, problems);
  }
  const identity: GatewayIdentity = {
    gateway: "",
    certificateChainPem: chain.pem,
    certificate: chain.leaf,
    certificateKey: tlsKey,
    serversRootPem: serversRoot.toString(),
    serversCrlPem: optional(join(directory, "servers.crl.pem")),
    gatewaysRoot,
    settingsSigner,
    signingKey,
    binding,
    keys,
  };
  problems.push(...mismatches(identity));
  if (problems.length > 0) {
    throw unidentified(directory, problems);
  }
  return { ...identity, gateway: commonName(chain.leaf) };
}

/** What does not belong together among files that can each be read. */
function mismatches(identity: GatewayIdentity): string[] {
  const { certificate, certificateKey, signingKey, binding, gatewaysRoot } = identity;
  const problems: string[] = [];
  const check = (isRight: boolean, problem: string): void => {
    if (!isRight) {
      problems.push(problem);
    }
  };
  check(
    certificate.publicKey.equals(certificateKey.publicKey),
    "gateway.key.pem is not the key of gateway.crt.pem",
  );
  check(signingKey.asymmetricKeyType === "ed25519", "signing.key.pem is not an Ed25519 key");
  check(
    identity.settingsSigner.asymmetricKeyType === "ed25519",
    "settings-signer.pub.pem is not an Ed25519 key",
  );
  try {
    // Neither a certificate past its end nor a clock that lost the time may stop the gateway.
    const bound = verifyBinding(binding, { gatewaysRoot, at: null });
    check(bound.gateway === commonName(certificate), "binding.cose is for another gateway");
    check(bound.key.equals(createPublicKey(signingKey)), "binding.cose is for another signing key");
  } catch (error) {
    problems.push(`binding.cose: ${errorText(error)}`);
  }
  return problems;
}

function optional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return undefined;
    }
    throw unidentified(path, [errorText(error)]);
  }
}

function unidentified(directory: string, problems: readonly string[]): WardError {
  const list = problems.map((problem) => problem.replace(/\.$/, "")).join("; ");
  return new WardError(
    "WARD_IDENTITY",
    `Cannot use identity in ${directory}: ${list}. Enrol the gateway again.`,
  );
}

/** All certificates of a PEM text. Throws WardError `WARD_BINDING`. */
export function readChain(pem: string): X509Certificate[] {
  const blocks = pem.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length < 1 || blocks.length > CHAIN_MAX) {
    throw unbound(`the chain has ${blocks.length} certificates, not 1 to ${CHAIN_MAX}`);
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw unbound("a certificate cannot be read", { cause: error });
  }
}

/** The gateway id in a certificate's subject. Throws WardError `WARD_BINDING`. */
export function commonName(certificate: X509Certificate): string {
  const names = certificate.subject.split("\n").filter((line) => line.startsWith("CN="));
  const name = names[0]?.slice("CN=".length) ?? "";
  if (names.length !== 1 || !isGatewayId(name)) {
    throw unbound("the certificate's CN is not one gateway id, [a-z0-9-]{3,64}");
  }
  return name;
}

function readBinding(bytes: Uint8Array): {
  chain: X509Certificate[];
  gateway: string;
  key: KeyObject;
} {
  try {
    const parts = readSign1(bounded(bytes));
    const headers = mapOf(parts.headers, [HEADER_ALG, HEADER_X5CHAIN], "binding header");
    mapOf(parts.unprotected, [], "unprotected header");
    integerOf(headers.get(HEADER_ALG), "algorithm", ALG_ES256, ALG_ES256);
    const chain = arrayOf(headers.get(HEADER_X5CHAIN), "chain", 1, CHAIN_MAX).map(
      (part) => new X509Certificate(bytesOf(part, "certificate", 1, CERTIFICATE_BYTES_MAX)),
    );
    if (!verifySign1(parts, leafOf(chain).publicKey, CONTEXT.binding)) {
      throw malformed("the signature is not by the certificate in it");
    }
    const fields = arrayOf(decodeCbor(parts.payload), "binding", 4);
    integerOf(fields[0], "version", BINDING_VERSION, BINDING_VERSION);
    integerOf(fields[3], "time", 0, TIME_MAX);
    const raw = bytesOf(fields[2], "signing key", SIGNING_KEY_BYTES);
    const jwk = { kty: "OKP", crv: "Ed25519", x: Buffer.from(raw).toString("base64url") };
    const key = createPublicKey({ key: jwk, format: "jwk" });
    return { chain, gateway: gatewayOf(fields[1]), key };
  } catch (error) {
    throw unbound(errorText(error), { cause: error });
  }
}

/** The chain up to and with the root, every step signed by the next. */
function pathTo(root: X509Certificate, chain: readonly X509Certificate[]): X509Certificate[] {
  const endsWithRoot = chain.at(-1)?.raw.equals(root.raw) === true;
  const path = endsWithRoot ? [...chain] : [...chain, root];
  for (const [place, certificate] of path.slice(0, -1).entries()) {
    const issuer = path[place + 1];
    const isIssued =
      issuer?.ca === true &&
      certificate.checkIssued(issuer) &&
      certificate.verify(issuer.publicKey);
    if (!isIssued) {
      throw unbound("the chain does not lead to the gateways' root");
    }
  }
  if (path.length < 2) {
    throw unbound("the root itself is no gateway");
  }
  return path;
}

function checkTime(certificate: X509Certificate, at: number): void {
  const isValid =
    at >= certificate.validFromDate.getTime() && at <= certificate.validToDate.getTime();
  if (!isValid) {
    throw unbound("a certificate was not valid at the time");
  }
}

function leafOf(chain: readonly X509Certificate[]): X509Certificate {
  const leaf = chain[0];
  if (leaf === undefined) {
    throw unbound("there is no certificate");
  }
  return leaf;
}

function unbound(why: string, options?: ErrorOptions): WardError {
  return new WardError("WARD_BINDING", `Cannot use key binding: ${why}.`, options);
}

const BINDING_VERSION = 1;
const SIGNING_KEY_BYTES = 32;
const CHAIN_MAX = 5;
const CERTIFICATE_BYTES_MAX = 8192;
const OID_CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
