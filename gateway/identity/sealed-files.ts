import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from "node:crypto";
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";

import { errorCode, WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";

/**
 * Keys and secrets in files of mode 0600, sealed with AES-256-GCM under one key-encryption key: to destroy that one is to
 * destroy them all, also where the storage keeps old copies. What was made elsewhere and carried here is in clear, and is
 * read too.
 *
 * Bytes of a sealed file, in PEM's armour: version 1, initialisation vector (12), ciphertext (of a key its PKCS #8 DER), tag
 * (16). The file's name is authenticated with it.
 */
export class SealedFiles {
  readonly #open: () => KeyObject;
  readonly #make: () => KeyObject;
  #kek: KeyObject | null = null;

  /** `open` gets the key-encryption key, or throws WardError; `make` gets it or makes one. */
  constructor(open: () => KeyObject, make: () => KeyObject = open) {
    this.#open = open;
    this.#make = make;
  }

  writeKey(path: string, key: KeyObject): void {
    this.#write(path, key.export({ type: "pkcs8", format: "der" }));
  }

  readKey(path: string): KeyObject {
    const bytes = readPrivate(path);
    const sealed = sealedPart(bytes);
    return sealed === null
      ? createPrivateKey(bytes)
      : createPrivateKey({ key: this.#opened(sealed, path), format: "der", type: "pkcs8" });
  }

  writeSecret(path: string, secret: Uint8Array): KeyObject {
    this.#write(path, secret);
    return createSecretKey(secret);
  }

  readSecret(path: string): KeyObject | null {
    let bytes: Buffer;
    try {
      bytes = readPrivate(path);
    } catch (error) {
      if (errorCode(error) === "ENOENT") {
        return null;
      }
      throw error;
    }
    const sealed = sealedPart(bytes);
    const secret = sealed === null ? bytes : this.#opened(sealed, path);
    if (secret.length !== SECRET_BYTES) {
      throw new WardError("WARD_KEY", `it has ${secret.length} bytes, not ${SECRET_BYTES}`);
    }
    return createSecretKey(secret);
  }

  #write(path: string, secret: Uint8Array): void {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    replaceDurably(path, Buffer.from(this.#sealed(secret, basename(path))));
  }

  #sealed(secret: Uint8Array, name: string): string {
    this.#kek ??= this.#make();
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#kek, iv);
    cipher.setAAD(Buffer.from(name));
    const body = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    const text = Buffer.concat([Uint8Array.of(VERSION), iv, body]).toString("base64");
    return `${BEGIN}\n${text.replaceAll(/.{64}/g, "$&\n").trim()}\n${END}\n`;
  }

  #opened(bytes: Buffer, path: string): Buffer {
    this.#kek ??= this.#open();
    const start = 1 + IV_BYTES;
    if (bytes[0] !== VERSION || bytes.length <= start + TAG_BYTES) {
      throw new WardError("WARD_KEY", "it is damaged");
    }
    const decipher = createDecipheriv("aes-256-gcm", this.#kek, bytes.subarray(1, start), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(basename(path)));
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    try {
      const plain = decipher.update(bytes.subarray(start, bytes.length - TAG_BYTES));
      return Buffer.concat([plain, decipher.final()]);
    } catch (error) {
      throw new WardError("WARD_KEY", "it is damaged, or sealed under another key", {
        cause: error,
      });
    }
  }
}

/** True for a file in clear: it was made elsewhere, or before there was a key-encryption key. */
export function isInClear(path: string): boolean {
  return sealedPart(readFileSync(path)) === null;
}

/** Bytes of a key-encryption key and of every secret. */
export const SECRET_BYTES = 32;

/** A file that only its owner can read. Throws WardError `WARD_KEY` when others can. */
export function readPrivate(path: string): Buffer {
  if ((statSync(path).mode & MODE_OTHERS) !== 0) {
    throw new WardError("WARD_KEY", `others may use it; chmod 600 ${path}`);
  }
  return readFileSync(path);
}

function sealedPart(bytes: Buffer): Buffer | null {
  const text = SEALED.exec(bytes.toString("latin1"))?.[1];
  return text === undefined ? null : Buffer.from(text, "base64");
}

const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const MODE_OTHERS = 0o077;
const BEGIN = "-----BEGIN WARDGATE SEALED KEY-----";
const END = "-----END WARDGATE SEALED KEY-----";
const SEALED = /^-----BEGIN WARDGATE SEALED KEY-----([A-Za-z0-9+/=\s]+)-----END/;
