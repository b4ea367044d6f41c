import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { errorCode, WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";

/**
 * Where a gateway's private keys lie, and how they come to be. The keys are born on the gateway; nobody else ever has them.
 * Another provider would keep them in a chip.
 */
export interface KeyProvider {
  /** As it is shown to people. */
  readonly kind: "file";
  /** Makes a key in place of any that lay there. P-256 is for TLS, Ed25519 for signing batches. */
  create(path: string, type: "p256" | "ed25519"): KeyObject;
  /** Throws WardError `WARD_KEY`: others may read it, or it cannot be opened. */
  read(path: string): PrivateKey;
}

export interface PrivateKey {
  readonly key: KeyObject;
  /** PKCS #8, as TLS takes it. */
  readonly pem: string;
}

/**
 * Keys in files of mode 0600, sealed with AES-256-GCM under a key-encryption key in a file of its own: to shred that one file
 * is to shred every key, also where the storage keeps old copies of the others. A key that was made elsewhere and carried
 * here is plain PKCS #8, and is read too.
 *
 * Bytes of a sealed key, in PEM's armour: version 1, initialisation vector (12), ciphertext of the PKCS #8 DER, tag (16). The
 * file's name is authenticated with it.
 */
export class FileKeys implements KeyProvider {
  readonly kind = "file";
  readonly #file: string;
  #kek: KeyObject | null = null;

  /** `directory`: identity/ of the data directory. */
  constructor(directory: string) {
    this.#file = join(directory, KEK_FILE);
  }

  create(path: string, type: "p256" | "ed25519"): KeyObject {
    const { privateKey } =
      type === "p256"
        ? generateKeyPairSync("ec", { namedCurve: "P-256" })
        : generateKeyPairSync("ed25519");
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const der = privateKey.export({ type: "pkcs8", format: "der" });
    replaceDurably(path, Buffer.from(this.#sealed(der, basename(path))));
    return privateKey;
  }

  read(path: string): PrivateKey {
    if ((statSync(path).mode & MODE_OTHERS) !== 0) {
      throw new WardError("WARD_KEY", `others may use it; chmod 600 ${path}`);
    }
    const text = readFileSync(path, "utf8");
    const sealed = SEALED.exec(text)?.[1];
    const key =
      sealed === undefined
        ? createPrivateKey(text)
        : this.#opened(Buffer.from(sealed, "base64"), basename(path));
    return { key, pem: key.export({ type: "pkcs8", format: "pem" }) };
  }

  #sealed(der: Uint8Array, name: string): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#kekOrNew(), iv);
    cipher.setAAD(Buffer.from(name));
    const body = Buffer.concat([cipher.update(der), cipher.final(), cipher.getAuthTag()]);
    const text = Buffer.concat([Uint8Array.of(VERSION), iv, body]).toString("base64");
    return `${BEGIN}\n${text.replaceAll(/.{64}/g, "$&\n").trim()}\n${END}\n`;
  }

  #opened(bytes: Buffer, name: string): KeyObject {
    const kek = this.#kek ?? readKek(this.#file);
    if (kek === null) {
      throw new WardError("WARD_KEY", `its key-encryption key ${this.#file} is missing`);
    }
    this.#kek = kek;
    const start = 1 + IV_BYTES;
    if (bytes[0] !== VERSION || bytes.length <= start + TAG_BYTES) {
      throw new WardError("WARD_KEY", "it is damaged");
    }
    const decipher = createDecipheriv("aes-256-gcm", kek, bytes.subarray(1, start), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(name));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    try {
      const plain = decipher.update(bytes.subarray(start, bytes.length - TAG_BYTES));
      const der = Buffer.concat([plain, decipher.final()]);
      return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    } catch (error) {
      throw new WardError("WARD_KEY", "it is damaged, or sealed under another key", {
        cause: error,
      });
    }
  }

  #kekOrNew(): KeyObject {
    this.#kek ??= readKek(this.#file) ?? makeKek(this.#file);
    return this.#kek;
  }
}

/** Below identity/: what every sealed key hangs on. */
export const KEK_FILE = "key-encryption.key";
const VERSION = 1;
const KEK_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const MODE_OTHERS = 0o077;
const BEGIN = "-----BEGIN WARDGATE SEALED KEY-----";
const END = "-----END WARDGATE SEALED KEY-----";
const SEALED = /-----BEGIN WARDGATE SEALED KEY-----([A-Za-z0-9+/=\s]+)-----END/;

function readKek(path: string): KeyObject | null {
  try {
    const bytes = readFileSync(path);
    if (bytes.length !== KEK_BYTES || (statSync(path).mode & MODE_OTHERS) !== 0) {
      throw new WardError("WARD_KEY", `${path} is damaged, or others may read it`);
    }
    return createSecretKey(bytes);
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw error;
  }
}

function makeKek(path: string): KeyObject {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const bytes = randomBytes(KEK_BYTES);
  replaceDurably(path, bytes);
  return createSecretKey(bytes);
}
