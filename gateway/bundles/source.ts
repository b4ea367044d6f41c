import { WardError } from "../errors.ts";
import { refused } from "./refusal.ts";

/** Where bundles are published: a directory, a stick, a web server. */
export interface BundleSource {
  /** For messages: where this is. */
  readonly place: string;
  /**
   * The bytes of a file, at most `most`, or null when it is not there. Throws WardError `WARD_BUNDLE_SOURCE`, or
   * `WARD_BUNDLE_TAMPERED` for a file that is larger.
   */
  read(name: string, most: number): Promise<Uint8Array | null>;
  close(): void;
}

/**
 * The only names that are ever asked for, so that no metadata can make a path of its own: `metadata/1.root.json`,
 * `metadata/timestamp.json`, `targets/<sha256>.<channel>.bundle`. Throws WardError `WARD_BUNDLE_TAMPERED`.
 */
export function demandSourceName(name: string): void {
  if (!NAME.test(name)) {
    const shown = JSON.stringify(name.slice(0, NAME_SHOWN));
    throw refused("WARD_BUNDLE_TAMPERED", `its metadata asks for ${shown}`);
  }
}

/** The error of a file that is larger than it may be. */
export function tooLarge(name: string, most: number): WardError {
  return refused("WARD_BUNDLE_TAMPERED", `${name} is larger than ${most} bytes`);
}

const NAME =
  /^(?:metadata\/(?:\d{1,9}\.(?:root|snapshot|targets)|timestamp)\.json|targets\/[0-9a-f]{64}\.[a-z0-9-]{1,32}\.bundle)$/;
const NAME_SHOWN = 80;
