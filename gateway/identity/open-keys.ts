import { FileKeys } from "./file-keys.ts";
import type { KeyProvider } from "./key-provider.ts";
import { readTpmPlace } from "./tpm-file.ts";
import { TpmKeys } from "./tpm-keys.ts";

/** The keys of a gateway, wherever they are. `directory`: identity/ of its data directory. Throws WardError `WARD_KEY`. */
export function openKeys(directory: string): KeyProvider {
  const place = readTpmPlace(directory);
  return place === null ? new FileKeys(directory) : new TpmKeys(place);
}
