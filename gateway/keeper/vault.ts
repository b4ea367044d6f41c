import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";

import { WardError } from "../errors.ts";
import { openLocalKey } from "./local-key.ts";

/** Where documents lie: the outbox, so that one disk write holds them all. */
export interface DocumentStore {
  readDocument(name: string): Promise<Uint8Array | null>;
  writeDocument(name: string, bytes: Uint8Array, when?: "now" | "lazy"): Promise<void>;
}

export interface VaultOptions {
  /** The file of the local key; made on first use. */
  readonly keyFile: string;
  readonly gateway: string;
  readonly documents: DocumentStore;
  /** Called when a stored document cannot be opened: it counts as absent from then on. */
  readonly damaged: (name: string) => void;
}

/**
 * Documents under a local key: flows, their credentials and settings, bedside's checkpoint. It protects them where the disk
 * is not read together with the key file; against a thief of the whole card it does not.
 *
 * Bytes: version 1, salt (16), AES-256-GCM ciphertext, tag (16). Key and initialisation vector are HKDF-SHA-256 of the local
 * key and the salt, with the document's name and the gateway as info.
 */
export class Vault {
  readonly #options: VaultOptions;
  readonly #key: KeyObject;

  private constructor(options: VaultOptions, key: KeyObject) {
    this.#options = options;
    this.#key = key;
  }

  /** Reads or makes the local key. Throws WardError `WARD_VAULT_KEY` when it cannot be used. */
  static open(options: VaultOptions): Vault {
    return new Vault(options, openLocalKey(options.keyFile));
  }

  /** A document's text, or null when there is none. */
  async read(name: string): Promise<string | null> {
    const bytes = await this.#options.documents.readDocument(name);
    if (bytes === null) {
      return null;
    }
    try {
      return this.#opened(name, bytes);
    } catch {
      this.#options.damaged(name);
      return null;
    }
  }

  /** Resolves when the document is on disk: soon, or with what else is written next. Throws TypeError for a text over the limit. */
  async write(name: string, text: string, when: "now" | "lazy" = "now"): Promise<void> {
    const plain = Buffer.from(text, "utf8");
    if (plain.length > DOCUMENT_BYTES_MAX) {
      throw new WardError(
        "WARD_VAULT_SIZE",
        `Cannot keep ${name}: ${plain.length} bytes, at most ${DOCUMENT_BYTES_MAX}.`,
      );
    }
    const salt = randomBytes(SALT_BYTES);
    const { key, iv } = this.#derived(name, salt);
    const cipher = createCipheriv("aes-256-gcm", key, iv);
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    const bytes = Buffer.concat([Buffer.from([VERSION]), salt, body, cipher.getAuthTag()]);
    await this.#options.documents.writeDocument(name, bytes, when);
  }

  #opened(name: string, bytes: Uint8Array): string {
    if (bytes[0] !== VERSION || bytes.length < 1 + SALT_BYTES + TAG_BYTES) {
      throw new WardError("WARD_VAULT_DAMAGED", `Cannot read ${name}: not a stored document.`);
    }
    const { key, iv } = this.#derived(name, bytes.subarray(1, 1 + SALT_BYTES));
    const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
    const body = decipher.update(bytes.subarray(1 + SALT_BYTES, bytes.length - TAG_BYTES));
    return Buffer.concat([body, decipher.final()]).toString("utf8");
  }

  #derived(name: string, salt: Uint8Array): { key: KeyObject; iv: Buffer } {
    const info = `wardgate/vault/1/${this.#options.gateway}/${name}`;
    const bytes = Buffer.from(hkdfSync("sha256", this.#key, salt, info, KEY_BYTES + IV_BYTES));
    return {
      key: createSecretKey(bytes.subarray(0, KEY_BYTES)),
      iv: bytes.subarray(KEY_BYTES),
    };
  }
}

/** Bytes of one document, at most. */
export const DOCUMENT_BYTES_MAX: number = 16 * 2 ** 20;
const VERSION = 1;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
