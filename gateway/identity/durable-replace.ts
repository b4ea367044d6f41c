import { renameSync } from "node:fs";
import { dirname } from "node:path";

import { syncDirectory, writeDurably } from "../outbox/disk-sync.ts";

/** Writes or replaces a file that only its owner can read (mode 0600): whole or not at all, and on disk when this returns. */
export function replaceDurably(path: string, bytes: Uint8Array): void {
  writeDurably(`${path}.new`, bytes);
  renameSync(`${path}.new`, path);
  syncDirectory(dirname(path), []);
}
