import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import { errorCode } from "../errors.ts";

/**
 * Makes the names in a directory durable, and the content of some of its files. Node.js' permission model forbids fsync;
 * a process under it makes a small file with O_SYNC instead, which on a journalling file system (ext4, XFS, btrfs) brings
 * every earlier change of names to the disk.
 */
export function syncDirectory(directory: string, files: readonly string[]): void {
  try {
    for (const file of files) {
      syncPath(join(directory, file));
    }
    syncPath(directory);
  } catch (error) {
    if (errorCode(error) !== "ERR_ACCESS_DENIED") {
      throw error;
    }
    const marker = join(directory, MARKER);
    writeDurably(marker, new Uint8Array(1));
    unlinkSync(marker);
  }
}

/** The same for LevelDB's directory, which leans on the file system for the names of its files: right after every open. */
export function syncDatabase(directory: string): void {
  const isVital = (name: string): boolean =>
    name === "CURRENT" || name.startsWith("MANIFEST-") || name.endsWith(".log");
  syncDirectory(directory, readdirSync(directory).filter(isVital));
}

/** Writes a file whose content is on the disk when this returns; its name is only after `syncDirectory`. Mode 0600. */
function writeDurably(path: string, bytes: Uint8Array): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_SYNC } = constants;
  const file = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_SYNC, 0o600);
  try {
    // Not writeSync: on a disk that fills up it writes a part and does not complain.
    writeFileSync(file, bytes);
  } finally {
    closeSync(file);
  }
}

/** Writes or replaces a file: whole or not at all, and on the disk when this returns. Mode 0600. */
export function replaceDurably(path: string, bytes: Uint8Array): void {
  const draft = `${path}.new`;
  writeDurably(draft, bytes);
  renameSync(draft, path);
  syncDirectory(dirname(path), []);
}

const MARKER = "sync-marker";

function syncPath(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
