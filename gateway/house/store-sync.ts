import { join } from "node:path";

import { errorText } from "../errors.ts";
import { syncDatabase } from "../outbox/disk-sync.ts";

/**
 * LevelDB leans on the file system for the names of its files. Node.js' permission model forbids fsync to the keeper, so main does it once
 * the store is open, before anything is acknowledged. Returns why it could not, or null.
 */
export function syncStore(dataDirectory: string): string | null {
  try {
    syncDatabase(join(dataDirectory, "store"));
    return null;
  } catch (error) {
    return `The outbox's files could not be synced to disk: ${errorText(error)}`;
  }
}
