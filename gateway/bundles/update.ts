import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Updater } from "tuf-js";

import { errorText, WardError } from "../errors.ts";
import { METADATA_BYTES_MAX } from "./metadata.ts";
import { refused } from "./refusal.ts";
import type { BundleSource } from "./source.ts";

/** Metadata of The Update Framework beside root, as it was last accepted. */
export interface RoleMetadata {
  readonly timestamp: Uint8Array;
  readonly snapshot: Uint8Array;
  readonly targets: Uint8Array;
}

/**
 * The one door of `tuf-js`: fetches timestamp, snapshot and targets and checks signatures, versions against those that were
 * accepted before, and expiry. It works in a scratch directory that is made and removed here, so nothing it writes is ever
 * what the gateway starts from. Throws a WardError that says why a bundle is refused.
 */
export async function updateMetadata(o: {
  readonly source: BundleSource;
  /** The newest trusted root. */
  readonly root: Uint8Array;
  /** What was accepted last time, or null. */
  readonly known: RoleMetadata | null;
  /** Made and removed again. */
  readonly scratch: string;
}): Promise<RoleMetadata> {
  rmSync(o.scratch, { recursive: true, force: true });
  mkdirSync(o.scratch, { recursive: true, mode: 0o700 });
  try {
    const path = (name: string): string => join(o.scratch, `${name}.json`);
    writeFileSync(path("root"), o.root);
    for (const [name, bytes] of Object.entries(o.known ?? {})) {
      writeFileSync(path(name), bytes);
    }
    const updater = new Updater({
      metadataDir: o.scratch,
      metadataBaseUrl: `${BASE}metadata`,
      fetcher: fetcherOf(o.source),
      config: {
        // The roots have been followed before: none may come from here.
        maxRootRotations: 0,
        rootMaxLength: METADATA_BYTES_MAX,
        timestampMaxLength: METADATA_BYTES_MAX,
        snapshotMaxLength: METADATA_BYTES_MAX,
        targetsMaxLength: METADATA_BYTES_MAX,
      },
    });
    await updater.refresh();
    return {
      timestamp: readFileSync(path("timestamp")),
      snapshot: readFileSync(path("snapshot")),
      targets: readFileSync(path("targets")),
    };
  } catch (error) {
    throw error instanceof WardError ? error : refusalOf(error);
  } finally {
    rmSync(o.scratch, { recursive: true, force: true });
  }
}

/** tuf-js knows places only by URLs; these never leave the process. */
const BASE = "http://bundles.invalid/";

function fetcherOf(
  source: BundleSource,
): NonNullable<ConstructorParameters<typeof Updater>[0]["fetcher"]> {
  return {
    downloadBytes: async (url, most) => {
      const name = url.startsWith(BASE) ? url.slice(BASE.length) : "";
      const bytes = await source.read(name, Math.min(most, METADATA_BYTES_MAX));
      if (bytes === null) {
        throw refused("WARD_BUNDLE_SOURCE", `${source.place} has no ${name}`);
      }
      return Buffer.from(bytes);
    },
    downloadFile: async () => {
      throw new TypeError("targets are not fetched by tuf-js");
    },
  };
}

/** The library tells causes apart by words only once an error was passed on. */
function refusalOf(error: unknown): WardError {
  const text = errorText(error);
  const code = /expired/i.test(text)
    ? "WARD_BUNDLE_EXPIRED"
    : /Cannot use the bundle: .* has no /.test(text)
      ? "WARD_BUNDLE_SOURCE"
      : /version/i.test(text)
        ? "WARD_BUNDLE_OLDER"
        : /was signed by/.test(text)
          ? "WARD_BUNDLE_SIGNATURES"
          : "WARD_BUNDLE_TAMPERED";
  return refused(code, text.replace(/\.$/, ""), { cause: error });
}
