import {
  arrayOf,
  bytesOf,
  CBOR_BYTES_MAX,
  decodeCbor,
  encodeCbor,
  integerOf,
  mapOf,
} from "../sealing/cbor.ts";
import { ARCHIVE_BYTES_MAX } from "./archive.ts";
import { sha256 } from "./canonical-json.ts";
import { type Bundle, readBundle } from "./content.ts";
import {
  METADATA_BYTES_MAX,
  nextRoot,
  pinnedRoot,
  signedTarget,
  type TrustedRoot,
} from "./metadata.ts";
import { refused } from "./refusal.ts";

/** A bundle with all that proves it: it can be judged again at every start, without network and clock. */
export interface SignedBundle {
  /** Every root after the pinned one, in order. */
  readonly roots: readonly Uint8Array[];
  readonly targets: Uint8Array;
  readonly archive: Uint8Array;
}

/** Roots after the pinned one, at most. */
export const ROOTS_MAX = 64;

/** One file for a slot: whole or not there. Throws WardError `WARD_ENVELOPE` when it is too large. */
export function packSigned(signed: SignedBundle): Uint8Array {
  return encodeCbor(
    new Map<string, number | Uint8Array | readonly Uint8Array[]>([
      ["format", FORMAT],
      ["roots", signed.roots],
      ["targets", signed.targets],
      ["archive", signed.archive],
    ]),
  );
}

/** Takes such a file apart; nothing of it is verified. Throws WardError `WARD_ENVELOPE`. */
export function unpackSigned(bytes: Uint8Array): SignedBundle {
  const map = mapOf(decodeCbor(bytes), ["format", "roots", "targets", "archive"], "a slot");
  integerOf(map.get("format"), "format", FORMAT, FORMAT);
  return {
    roots: arrayOf(map.get("roots"), "roots", 0, ROOTS_MAX).map((root) =>
      bytesOf(root, "root", 1, METADATA_BYTES_MAX),
    ),
    targets: bytesOf(map.get("targets"), "targets", 1, METADATA_BYTES_MAX),
    archive: bytesOf(map.get("archive"), "archive", 1, ARCHIVE_BYTES_MAX),
  };
}

/** Bytes of a slot's file, at most. */
export const SLOT_BYTES_MAX: number = CBOR_BYTES_MAX;

/**
 * Judges a bundle from the pinned root on: every root, the signatures of both roles, hash, length, version and channel.
 * Expiry does not count here: what was once accepted goes on running. Throws a WardError that says what is wrong.
 */
export function verifySigned(
  signed: SignedBundle,
  o: { readonly pinned: Uint8Array; readonly channel: string },
): Bundle {
  return verifyTarget(followRoots(o.pinned, signed.roots), signed, o.channel);
}

/** The root that a chain leads to. Throws like `nextRoot`. */
export function followRoots(pinned: Uint8Array, roots: readonly Uint8Array[]): TrustedRoot {
  let root = pinnedRoot(pinned);
  for (const bytes of roots) {
    root = nextRoot(root, bytes);
  }
  return root;
}

/** The same as `verifySigned` from a root that is trusted already. */
export function verifyTarget(
  root: TrustedRoot,
  signed: Pick<SignedBundle, "targets" | "archive">,
  channel: string,
): Bundle {
  const target = signedTarget(root, signed.targets, channel);
  if (signed.archive.length !== target.length || sha256(signed.archive) !== target.sha256) {
    throw refused("WARD_BUNDLE_TAMPERED", "its content is not what was signed");
  }
  const bundle = readBundle(signed.archive);
  if (bundle.manifest.channel !== channel || bundle.manifest.version !== target.version) {
    throw refused("WARD_BUNDLE_TAMPERED", "its manifest is for another channel or version");
  }
  return bundle;
}

const FORMAT = 1;
