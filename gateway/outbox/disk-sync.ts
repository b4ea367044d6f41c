import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

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
export function writeDurably(path: string, bytes: Uint8Array): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_SYNC } = constants;
  const file = openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_SYNC, 0o600);
  try {
    writeSync(file, bytes);
  } finally {
    closeSync(file);
  }
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
