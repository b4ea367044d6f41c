import { createPublicKey, generateKeyPairSync, X509Certificate, type KeyObject } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { errorText, WardError } from "../gateway/errors.ts";
import { readRevocationLists } from "../gateway/identity/revocation.ts";
import {
  closedKey,
  lockedKeys,
  openedIssuerKey,
  openedKey,
  type AuthorityKeys,
  type AuthoritySecrets,
} from "./authority-keys.ts";
import {
  createIssuing,
  createRoot,
  ISSUING_DAYS,
  ROOT_KINDS,
  validFor,
  type Issuer,
  type RootKind,
} from "./ca.ts";
import type { IssuerKey } from "./issuer-key.ts";
import { publicPem, writePrivate } from "./private-files.ts";
import { issueRevocationList } from "./revocation-list.ts";
import { isTokenFile } from "./token.ts";

/**
 * The site's own secrets in one directory: the keys of the issuing authorities, the key that signs settings, and what was
 * issued. Whoever holds this directory and its passphrase (and the token, when the keys are in one) can make a gateway. A key
 * is opened when it is first needed.
 */
export class Authority {
  readonly directory: string;
  /** The certificates of the roots, PEM: what everybody trusts. */
  readonly roots: Readonly<Record<RootKind, string>>;
  readonly #issuing: Readonly<Record<RootKind, readonly IssuingPart[]>>;
  readonly #secrets: AuthoritySecrets;
  readonly #keys = new Map<string, IssuerKey>();
  #signer: KeyObject | null = null;

  /** @throws WardError `WARD_PROVISION_READ` when it is no authority's directory */
  constructor(directory: string, secrets: AuthoritySecrets = { passphrase: null }) {
    this.directory = directory;
    this.#secrets = secrets;
    const read = (name: string): string => readPart(join(directory, name));
    this.roots = { gateways: read(rootFile("gateways")), servers: read(rootFile("servers")) };
    this.#issuing = {
      gateways: readIssuing(directory, "gateways"),
      servers: readIssuing(directory, "servers"),
    };
  }

  /** Who signs gateways. @throws WardError `WARD_PASSPHRASE`, `WARD_TOKEN`, `WARD_PROVISION_READ`, as the next two do */
  get gateways(): Issuer {
    return this.#opened("gateways", this.#newest("gateways"));
  }

  /** Who signs brokers, hubs and other servers. */
  get servers(): Issuer {
    return this.#opened("servers", this.#newest("servers"));
  }

  /**
   * Everybody below a root whose certificates count or have counted, the one that signs now first: after a replacement, the one
   * before goes on signing its own revocation list. What was sealed under it may come late, so it does that past its end too,
   * as long as its key is there.
   */
  issuers(kind: RootKind): readonly [Issuer, ...Issuer[]] {
    const before = this.#counting(kind, this.#issuing[kind].slice(1));
    return [
      this.#opened(kind, this.#newest(kind)),
      ...before.flatMap((part) => this.#openedIfNeeded(kind, part)),
    ];
  }

  /** Their certificates, PEM; needs no key. */
  certificates(kind: RootKind): readonly string[] {
    const before = this.#counting(kind, this.#issuing[kind].slice(1));
    return [this.#newest(kind), ...before].map(({ certificate }) => certificate);
  }

  /** True when it cannot sign certificates without a token and its PIN. */
  get isInToken(): boolean {
    return ROOT_KINDS.some((kind) =>
      this.#issuing[kind].some(({ keyFile }) =>
        isTokenFile(readPart(join(this.directory, keyFile))),
      ),
    );
  }

  /** Ed25519, private: signs each gateway's settings. */
  get settingsSigner(): KeyObject {
    this.#signer ??= openedKey(readPart(join(this.directory, SIGNER_FILE)), this.#secrets);
    return this.#signer;
  }

  /** Whose signature counts on settings, PEM. */
  get settingsSignerPublic(): string {
    return readPart(join(this.directory, SIGNER_PUBLIC_FILE));
  }

  /** The revocation list of a root, made when the root was at hand. */
  rootList(kind: RootKind): string {
    return readPart(join(this.directory, rootListFile(kind)));
  }

  #newest(kind: RootKind): IssuingPart {
    const [newest] = this.#issuing[kind];
    if (newest === undefined) {
      throw new TypeError("an authority without issuing authorities is not made");
    }
    return newest;
  }

  #opened(kind: RootKind, { certificate, keyFile }: IssuingPart): Issuer {
    const key = this.#key(keyFile);
    if (!new X509Certificate(certificate).publicKey.equals(key.publicKey)) {
      throw new WardError(
        "WARD_PROVISION_READ",
        `Cannot sign: ${keyFile} is not the key of the certificate beside it. Restore both from one backup.`,
      );
    }
    return { kind, certificate, key, isSent: true };
  }

  #openedIfNeeded(kind: RootKind, part: IssuingPart): Issuer[] {
    try {
      return [this.#opened(kind, part)];
    } catch (error) {
      if (new X509Certificate(part.certificate).validToDate.getTime() >= Date.now()) {
        throw error;
      }
      return [];
    }
  }

  /** Without those that the root has revoked. */
  #counting(kind: RootKind, parts: readonly IssuingPart[]): IssuingPart[] {
    const revoked = new Set(
      readRevocationLists(this.rootList(kind)).flatMap((list) => [...list.revoked]),
    );
    return parts.filter(
      ({ certificate }) =>
        !revoked.has(new X509Certificate(certificate).serialNumber.replace(/^0+/, "")),
    );
  }

  #key(file: string): IssuerKey {
    const key =
      this.#keys.get(file) ?? openedIssuerKey(readPart(join(this.directory, file)), this.#secrets);
    this.#keys.set(file, key);
    return key;
  }
}

export interface NewAuthority {
  readonly directory: string;
  /** 1-40 letters, digits, spaces or dashes; appears in the names of the roots. */
  readonly site: string;
  /** At least 12 characters. Null leaves the keys in clear, for a bench whose directory is thrown away. */
  readonly passphrase: string | null;
  /** Where the issuing authorities' keys are made, when not in files under the passphrase. */
  readonly keys?: AuthorityKeys;
  /** Where the files of the roots' keys go, and where these keys are made, when that is elsewhere. */
  readonly offline?: { readonly directory: string; readonly keys: AuthorityKeys };
}

/** Makes a new authority. @throws WardError `WARD_PROVISION_EXISTS` when the directory already holds one */
export async function createAuthority(o: NewAuthority): Promise<Authority> {
  const { directory, passphrase } = o;
  const keys = o.keys ?? lockedKeys(passphrase);
  const offline = o.offline ?? { directory: join(directory, "offline"), keys };
  const signer = generateKeyPairSync("ed25519").privateKey;
  // Everything is made before anything is written: a passphrase that is too short leaves nothing behind.
  const files = new Map([
    [join(directory, SIGNER_FILE), closedKey(signer, passphrase)],
    [join(directory, SIGNER_PUBLIC_FILE), publicPem(createPublicKey(signer))],
  ]);
  for (const kind of ROOT_KINDS) {
    const rootKey = offline.keys.create(`${kind}-root`);
    const issuingKey = keys.create(`${kind}-issuing`);
    const root = await createRoot(kind, o.site, undefined, rootKey.key);
    const name = `${o.site} ${kind} issuing`;
    const issuing = await createIssuing(root, name, undefined, issuingKey.key);
    const times = listTimes(ISSUING_DAYS);
    const list = await issueRevocationList(root, { revoked: [], number: 1, ...times });
    files
      .set(join(directory, rootFile(kind)), root.certificate)
      .set(join(directory, rootListFile(kind)), list)
      .set(join(directory, issuingFile(kind, 1)), issuing.certificate)
      .set(join(directory, issuingKeyFile(kind, 1)), issuingKey.file)
      .set(join(offline.directory, rootKeyFile(kind)), rootKey.file);
  }
  for (const [path, content] of files) {
    await writePrivate(path, content);
  }
  return new Authority(directory, { passphrase });
}

/** From an hour ago for `days` days, in the words of revocation lists. */
export function listTimes(days: number): { readonly thisUpdate: Date; readonly nextUpdate: Date } {
  const { notBefore, notAfter } = validFor(days);
  return { thisUpdate: notBefore, nextUpdate: notAfter };
}

/** Where a root's own key is looked for, below the directory that lies in the safe. */
export function rootKeyFile(kind: RootKind): string {
  return `${kind}-root.key`;
}

/** Below an authority's directory. */
export function rootListFile(kind: RootKind): string {
  return `${kind}-root.crl.pem`;
}

/** The certificate of the nth issuing authority of a kind, below an authority's directory; n begins with 1. */
export function issuingFile(kind: RootKind, n: number): string {
  return `${kind}-issuing${n === 1 ? "" : `-${n}`}.crt.pem`;
}

export function issuingKeyFile(kind: RootKind, n: number): string {
  return `${kind}-issuing${n === 1 ? "" : `-${n}`}.key`;
}

/** How many issuing authorities of a kind there have been. */
export function issuingCount(directory: string, kind: RootKind): number {
  let count = 1;
  while (existsSync(join(directory, issuingFile(kind, count + 1)))) {
    count += 1;
  }
  return count;
}

interface IssuingPart {
  readonly certificate: string;
  readonly keyFile: string;
}

/** The newest first. */
function readIssuing(directory: string, kind: RootKind): IssuingPart[] {
  const numbers = Array.from({ length: issuingCount(directory, kind) }, (_, place) => place + 1);
  return numbers.toReversed().map((n) => ({
    certificate: readPart(join(directory, issuingFile(kind, n))),
    keyFile: issuingKeyFile(kind, n),
  }));
}

const SIGNER_FILE = "settings-signer.key";
const SIGNER_PUBLIC_FILE = "settings-signer.pub.pem";

function rootFile(kind: RootKind): string {
  return `${kind}-root.crt.pem`;
}

function readPart(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new WardError(
      "WARD_PROVISION_READ",
      `Cannot read ${path}: ${errorText(error)}. Give the authority's directory.`,
      { cause: error },
    );
  }
}
