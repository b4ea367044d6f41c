import { readFileSync, renameSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";

import { errorCode } from "../errors.ts";
import { syncDirectory, writeDurably } from "../outbox/disk-sync.ts";

/** Replaces a file whole or not at all; when this returns it is on the disk. Mode 0600. */
export function replaceDurably(path: string, bytes: Uint8Array): void {
  const draft = `${path}.new`;
  writeDurably(draft, bytes);
  renameSync(draft, path);
  syncDirectory(dirname(path), [basename(path)]);
}

/** The bytes of a file, or null when it is not there or larger than `most`. */
export function readIfThere(path: string, most: number): Uint8Array | null {
  try {
    return statSync(path).size > most ? null : readFileSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw error;
  }
}
