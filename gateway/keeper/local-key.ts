import type { KeyObject } from "node:crypto";
import { dirname, join } from "node:path";

import { errorCode, errorText, WardError } from "../errors.ts";
import { openKeys } from "../identity/open-keys.ts";

/** The file of the gateway's local key in its data directory. */
export function localKeyFile(dataDirectory: string): string {
  return join(dataDirectory, "identity", "vault.key");
}

/** Reads or makes the local key. Throws WardError `WARD_VAULT_KEY` when it cannot be used. */
export function openLocalKey(path: string): KeyObject {
  return readLocalKey(path) ?? openKeys(dirname(path)).createSecret(path);
}

/** The local key, or null when there is none. Throws WardError `WARD_VAULT_KEY` when it cannot be used. */
export function readLocalKey(path: string): KeyObject | null {
  try {
    return openKeys(dirname(path)).readSecret(path);
  } catch (error) {
    // While a TPM does not open it, it is not the file that is to be removed.
    const advice = errorCode(error).startsWith("WARD_TPM")
      ? ""
      : " Remove it to begin anew; stored flows and the journal so far are lost then.";
    const why = errorText(error).replace(/\.$/, "");
    throw new WardError("WARD_VAULT_KEY", `Cannot use local key ${path}: ${why}.${advice}`, {
      cause: error,
    });
  }
}
