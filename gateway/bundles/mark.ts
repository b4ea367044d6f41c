import type { KeyObject } from "node:crypto";
import { join } from "node:path";

import { integerOf, decodeCbor, encodeCbor, mapOf, textOf } from "../sealing/cbor.ts";
import { makeSign1, readSign1, verifySign1 } from "../sealing/cose.ts";
import { CONTEXT, TIME_MAX } from "../sealing/envelope.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import { readIfThere } from "./read-if-there.ts";
import { VERSION_MAX } from "./manifest.ts";

/**
 * The highest that this gateway has ever accepted, signed by the gateway's own key. It lies apart from the metadata of The
 * Update Framework, so that going back to an older bundle is refused even when that is lost.
 */
export interface HighWaterMark {
  readonly channel: string;
  readonly version: number;
  /** Hash of the bundle of that version, hex: the same one may come again, another may not. */
  readonly sha256: string;
  readonly rootVersion: number;
  /** The latest time that was ever signed, epoch milliseconds: a clock before it is wrong. */
  readonly floor: number;
}

/** The gateway's signing key, both halves. */
export interface MarkKeys {
  readonly signing: KeyObject;
  readonly verifying: KeyObject;
}

/** The mark of a bundle directory, or null when there is none or it is not signed by this gateway. */
export function readMark(directory: string, keys: MarkKeys): HighWaterMark | null {
  const bytes = readIfThere(join(directory, FILE), BYTES_MAX);
  if (bytes === null) {
    return null;
  }
  try {
    const parts = readSign1(bytes);
    return verifySign1(parts, keys.verifying, CONTEXT.bundleMark) ? markOf(parts.payload) : null;
  } catch {
    return null;
  }
}

/** Puts the mark on the disk. */
export function writeMark(directory: string, mark: HighWaterMark, keys: MarkKeys): void {
  const payload = encodeCbor(new Map<string, string | number>(Object.entries(mark)));
  const bytes = makeSign1({
    headers: new Map(),
    payload,
    key: keys.signing,
    context: CONTEXT.bundleMark,
  });
  replaceDurably(join(directory, FILE), bytes);
}

const FILE = "mark.cose";
const BYTES_MAX = 4096;
const NAMES = ["channel", "version", "sha256", "rootVersion", "floor"] as const;

function markOf(payload: Uint8Array): HighWaterMark {
  const map = mapOf(decodeCbor(payload), NAMES, "a mark");
  return {
    channel: textOf(map.get("channel"), "channel", /^[a-z0-9-]{1,32}$/),
    version: integerOf(map.get("version"), "version", 1, VERSION_MAX),
    sha256: textOf(map.get("sha256"), "sha256", /^[0-9a-f]{64}$/),
    rootVersion: integerOf(map.get("rootVersion"), "rootVersion", 1, VERSION_MAX),
    floor: integerOf(map.get("floor"), "floor", 0, TIME_MAX),
  };
}
