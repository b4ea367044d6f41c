import { createSecretKey, generateKeyPairSync, randomBytes, type KeyObject } from "node:crypto";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";

import { errorCode, WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import { softwareTlsKey, type KeyProvider, type TlsKey } from "./key-provider.ts";
import { readPrivate, SealedFiles, SECRET_BYTES } from "./sealed-files.ts";

/** All keys in files, sealed under a key-encryption key that is a file of its own. */
export class FileKeys implements KeyProvider {
  readonly kind = "file";
  readonly counter = null;
  readonly process = { nodeOptions: [], devices: [], environment: {} };
  readonly beyondFiles = [];
  readonly #files: SealedFiles;

  /** `directory`: identity/ of the data directory. */
  constructor(directory: string) {
    const file = join(directory, KEK_FILE);
    this.#files = new SealedFiles(
      () => readKek(file) ?? missing(file),
      () => readKek(file) ?? makeKek(file),
    );
  }

  createTlsKey(path: string): TlsKey {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#files.writeKey(path, privateKey);
    return softwareTlsKey(privateKey);
  }

  readTlsKey(path: string): TlsKey {
    return softwareTlsKey(this.#files.readKey(path));
  }

  createSigningKey(path: string): KeyObject {
    const { privateKey } = generateKeyPairSync("ed25519");
    this.#files.writeKey(path, privateKey);
    return privateKey;
  }

  readSigningKey(path: string): KeyObject {
    return this.#files.readKey(path);
  }

  createSecret(path: string): KeyObject {
    return this.#files.writeSecret(path, randomBytes(SECRET_BYTES));
  }

  readSecret(path: string): KeyObject | null {
    return this.#files.readSecret(path);
  }

  destroy(): readonly string[] {
    return [];
  }
}

/** Below identity/: what every sealed file hangs on. */
export const KEK_FILE = "key-encryption.key";

/** The key-encryption key of a directory, or null when it has none. Throws WardError `WARD_KEY`. */
export function readKek(path: string): KeyObject | null {
  try {
    const bytes = readPrivate(path);
    if (bytes.length !== SECRET_BYTES) {
      throw new WardError("WARD_KEY", `${path} is damaged`);
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
  const bytes = randomBytes(SECRET_BYTES);
  replaceDurably(path, bytes);
  return createSecretKey(bytes);
}

function missing(path: string): never {
  throw new WardError("WARD_KEY", `its key-encryption key ${path} is missing`);
}
