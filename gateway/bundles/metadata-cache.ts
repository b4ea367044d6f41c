import { join } from "node:path";

import {
  arrayOf,
  bytesOf,
  CBOR_BYTES_MAX,
  decodeCbor,
  encodeCbor,
  mapOf,
} from "../sealing/cbor.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import { readIfThere } from "./read-if-there.ts";
import { METADATA_BYTES_MAX } from "./metadata.ts";
import { ROOTS_MAX } from "./signed-bundle.ts";
import type { RoleMetadata } from "./update.ts";

/** What was accepted last time. */
export interface KnownMetadata extends RoleMetadata {
  /** Every root after the pinned one, in order. */
  readonly roots: readonly Uint8Array[];
}

/** The metadata that was accepted last, or null when there is none or it is damaged: then all begins at the pinned root. */
export function readKnown(directory: string): KnownMetadata | null {
  const bytes = readIfThere(join(directory, FILE), CBOR_BYTES_MAX);
  try {
    return bytes === null ? null : knownOf(bytes);
  } catch {
    return null;
  }
}

/** Keeps what was accepted: one file, so that after a power cut it is all of one time. */
export function writeKnown(directory: string, known: KnownMetadata): void {
  const map = new Map<string, Uint8Array | readonly Uint8Array[]>(Object.entries(known));
  replaceDurably(join(directory, FILE), encodeCbor(map));
}

const FILE = "metadata.cbor";

function knownOf(bytes: Uint8Array): KnownMetadata {
  const map = mapOf(decodeCbor(bytes), ["roots", "timestamp", "snapshot", "targets"], "metadata");
  const part = (name: string): Uint8Array => bytesOf(map.get(name), name, 1, METADATA_BYTES_MAX);
  return {
    roots: arrayOf(map.get("roots"), "roots", 0, ROOTS_MAX).map((root) =>
      bytesOf(root, "root", 1, METADATA_BYTES_MAX),
    ),
    timestamp: part("timestamp"),
    snapshot: part("snapshot"),
    targets: part("targets"),
  };
}
