import { createSecretKey, randomBytes, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { errorCode, WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";

/** The file of the gateway's local key in its data directory. */
export function localKeyFile(dataDirectory: string): string {
  return join(dataDirectory, "identity", "vault.key");
}

/** Reads or makes the local key. Throws WardError `WARD_VAULT_KEY` when it cannot be used. */
export function openLocalKey(path: string): KeyObject {
  return readLocalKey(path) ?? makeKey(path);
}

/** The local key, or null when there is none. Throws WardError `WARD_VAULT_KEY` when it cannot be used. */
export function readLocalKey(path: string): KeyObject | null {
  try {
    const bytes = readFileSync(path);
    if (bytes.length !== KEY_BYTES) {
      throw new WardError(
        "WARD_VAULT_KEY",
        `Cannot use local key ${path}: ${bytes.length} bytes, not ${KEY_BYTES}. Remove it to begin anew; stored flows and the journal so far are lost then.`,
      );
    }
    return createSecretKey(bytes);
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw error;
  }
}

const KEY_BYTES = 32;

/** Written so that after a power cut there is either no key file or a whole one. */
function makeKey(path: string): KeyObject {
  const bytes = randomBytes(KEY_BYTES);
  replaceDurably(path, bytes);
  return createSecretKey(bytes);
}
