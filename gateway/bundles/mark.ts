import type { KeyObject } from "node:crypto";
import { join } from "node:path";

import { anyMap, integerOf, decodeCbor, encodeCbor, mapOf, textOf } from "../sealing/cbor.ts";
import { makeSign1, readSign1, verifySign1 } from "../sealing/cose.ts";
import { CONTEXT, TIME_MAX } from "../sealing/envelope.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import { readIfThere } from "./read-if-there.ts";
import { refused } from "./refusal.ts";
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

/** The gateway's signing key, both halves, and what else shows that a mark is the last one. */
export interface MarkKeys {
  readonly signing: KeyObject;
  readonly verifying: KeyObject;
  /** A number in a chip that only goes up, and where it stood at first; null without a chip. */
  readonly counter: {
    readonly start: number;
    readonly read: () => number;
    readonly increment: () => void;
  } | null;
}

/**
 * The mark of a bundle directory, or null when there is none or it is not signed by this gateway. Throws WardError
 * `WARD_BUNDLE_MARK` when a chip has counted further: the mark was set back, or taken away.
 */
export function readMark(directory: string, keys: MarkKeys): HighWaterMark | null {
  const found = readSigned(directory, keys);
  const { counter } = keys;
  if (counter !== null) {
    const [said, counted] = [found?.count ?? counter.start, counter.read()];
    if (said < counted) {
      throw refused(
        "WARD_BUNDLE_MARK",
        `the TPM has counted to ${counted}, and ${FILE} to ${said}`,
      );
    }
    if (said > counted) {
      // A power cut came in between.
      counter.increment();
    }
  }
  return found?.mark ?? null;
}

interface SignedMark {
  readonly mark: HighWaterMark;
  /** How far the counter is with it; null for one that was written without a counter. */
  readonly count: number | null;
}

function readSigned(directory: string, keys: MarkKeys): SignedMark | null {
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

/** Puts the mark on the disk, and counts it where there is a counter. */
export function writeMark(directory: string, mark: HighWaterMark, keys: MarkKeys): void {
  const { counter } = keys;
  const count = counter === null ? {} : { count: counter.read() + 1 };
  const fields = Object.entries({ ...mark, ...count });
  const payload = encodeCbor(new Map<string, string | number>(fields));
  const bytes = makeSign1({
    headers: new Map(),
    payload,
    key: keys.signing,
    context: CONTEXT.bundleMark,
  });
  replaceDurably(join(directory, FILE), bytes);
  counter?.increment();
}

const FILE = "mark.cose";
const BYTES_MAX = 4096;
const NAMES = ["channel", "version", "sha256", "rootVersion", "floor"] as const;
const COUNT_MAX = Number.MAX_SAFE_INTEGER;

function markOf(payload: Uint8Array): SignedMark {
  const value = decodeCbor(payload);
  const isCounted = anyMap(value, "a mark").has("count");
  const map = mapOf(value, isCounted ? [...NAMES, "count"] : NAMES, "a mark");
  const mark = {
    channel: textOf(map.get("channel"), "channel", /^[a-z0-9-]{1,32}$/),
    version: integerOf(map.get("version"), "version", 1, VERSION_MAX),
    sha256: textOf(map.get("sha256"), "sha256", /^[0-9a-f]{64}$/),
    rootVersion: integerOf(map.get("rootVersion"), "rootVersion", 1, VERSION_MAX),
    floor: integerOf(map.get("floor"), "floor", 0, TIME_MAX),
  };
  const count = isCounted ? integerOf(map.get("count"), "count", 0, COUNT_MAX) : null;
  return { mark, count };
}
