import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { errorText, WardError } from "../gateway/errors.ts";
import {
  createIssuing,
  createRoot,
  ISSUING_DAYS,
  ROOT_KINDS,
  validFor,
  type Issuer,
  type RootKind,
} from "./ca.ts";
import { isLockedKey, lockKey, unlockKey } from "./passphrase-key.ts";
import { publicPem, writePrivate } from "./private-files.ts";
import { issueRevocationList } from "./revocation-list.ts";
import { privatePem } from "./web-keys.ts";

/**
 * The site's own secrets in one directory: the keys of both issuing authorities, the key that signs settings, and what was
 * issued. Whoever holds this directory and its passphrase can make a gateway. A key is opened when it is first needed.
 */
export class Authority {
  readonly directory: string;
  /** The certificates of the roots, PEM: what everybody trusts. */
  readonly roots: Readonly<Record<RootKind, string>>;
  readonly #issuing: Readonly<Record<RootKind, string>>;
  readonly #passphrase: string | null;
  readonly #keys = new Map<string, KeyObject>();

  /** @throws WardError `WARD_PROVISION_READ` when it is no authority's directory */
  constructor(directory: string, passphrase: string | null = null) {
    this.directory = directory;
    this.#passphrase = passphrase;
    const read = (name: string): string => readPart(join(directory, name));
    this.roots = { gateways: read(rootFile("gateways")), servers: read(rootFile("servers")) };
    this.#issuing = {
      gateways: read(issuingFile("gateways")),
      servers: read(issuingFile("servers")),
    };
  }

  /** Who signs gateways. @throws WardError `WARD_PASSPHRASE`, as the next two do */
  get gateways(): Issuer {
    return this.#issuer("gateways");
  }

  /** Who signs brokers, hubs and other servers. */
  get servers(): Issuer {
    return this.#issuer("servers");
  }

  /** Ed25519, private: signs each gateway's settings. */
  get settingsSigner(): KeyObject {
    return this.#key(SIGNER_FILE);
  }

  /** Whose signature counts on settings, PEM. */
  get settingsSignerPublic(): string {
    return readPart(join(this.directory, SIGNER_PUBLIC_FILE));
  }

  /** The revocation list of a root, made when the root was at hand: it names no issuing authority. */
  rootList(kind: RootKind): string {
    return readPart(join(this.directory, rootListFile(kind)));
  }

  #issuer(kind: RootKind): Issuer {
    const key = privatePem(this.#key(issuingKeyFile(kind)));
    return { kind, certificate: this.#issuing[kind], key, isSent: true };
  }

  #key(file: string): KeyObject {
    const known = this.#keys.get(file);
    if (known !== undefined) {
      return known;
    }
    const key = openedKey(readPart(join(this.directory, file)), this.#passphrase);
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
  /** Where the roots' keys go, and under which passphrase they are, when these are other ones. */
  readonly offline?: { readonly directory: string; readonly passphrase: string | null };
}

/** Makes a new authority. @throws WardError `WARD_PROVISION_EXISTS` when the directory already holds one */
export async function createAuthority(o: NewAuthority): Promise<Authority> {
  const { directory, passphrase } = o;
  const offline = o.offline ?? { directory: join(directory, "offline"), passphrase };
  const signer = generateKeyPairSync("ed25519").privateKey;
  // Everything is made before anything is written: a passphrase that is too short leaves nothing behind.
  const files = new Map([
    [join(directory, SIGNER_FILE), closedKey(signer, passphrase)],
    [join(directory, SIGNER_PUBLIC_FILE), publicPem(createPublicKey(signer))],
  ]);
  for (const kind of ROOT_KINDS) {
    const root = await createRoot(kind, o.site);
    const issuing = await createIssuing(root, o.site);
    const times = listTimes(ISSUING_DAYS);
    const list = await issueRevocationList(root, { revoked: [], number: 1, ...times });
    const issuingKey = closedKey(createPrivateKey(issuing.key), passphrase);
    const rootKey = closedKey(createPrivateKey(root.key), offline.passphrase);
    files
      .set(join(directory, rootFile(kind)), root.certificate)
      .set(join(directory, rootListFile(kind)), list)
      .set(join(directory, issuingFile(kind)), issuing.certificate)
      .set(join(directory, issuingKeyFile(kind)), issuingKey)
      .set(join(offline.directory, `${kind}-root.key`), rootKey);
  }
  for (const [path, content] of files) {
    await writePrivate(path, content);
  }
  return new Authority(directory, passphrase);
}

/** From an hour ago for `days` days, in the words of revocation lists. */
export function listTimes(days: number): { readonly thisUpdate: Date; readonly nextUpdate: Date } {
  const { notBefore, notAfter } = validFor(days);
  return { thisUpdate: notBefore, nextUpdate: notAfter };
}

const SIGNER_FILE = "settings-signer.key";
const SIGNER_PUBLIC_FILE = "settings-signer.pub.pem";

function rootFile(kind: RootKind): string {
  return `${kind}-root.crt.pem`;
}

function rootListFile(kind: RootKind): string {
  return `${kind}-root.crl.pem`;
}

function issuingFile(kind: RootKind): string {
  return `${kind}-issuing.crt.pem`;
}

function issuingKeyFile(kind: RootKind): string {
  return `${kind}-issuing.key`;
}

function closedKey(key: KeyObject, passphrase: string | null): string {
  return passphrase === null ? privatePem(key) : lockKey(key, passphrase);
}

function openedKey(text: string, passphrase: string | null): KeyObject {
  if (!isLockedKey(text)) {
    return createPrivateKey(text);
  }
  if (passphrase === null) {
    throw new WardError(
      "WARD_PASSPHRASE",
      "Cannot open the authority's key without its passphrase. Give --passphrase-file or WARD_CA_PASSPHRASE.",
    );
  }
  return unlockKey(text, passphrase);
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
