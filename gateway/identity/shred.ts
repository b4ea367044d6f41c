import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { dirname } from "node:path";

import { syncDirectory } from "../outbox/disk-sync.ts";

/** Overwrites, removes, and makes the removal durable: one after the other, so that a power cut leaves no doubt. */
export function shred(files: readonly string[]): void {
  for (const file of files) {
    const { size } = statSync(file);
    for (const bytes of [randomBytes(size), Buffer.alloc(size)]) {
      const open = openSync(file, "r+");
      try {
        writeSync(open, bytes, 0, size, 0);
        fsyncSync(open);
      } finally {
        closeSync(open);
      }
    }
    rmSync(file);
    syncDirectory(dirname(file), []);
  }
}
