import { bytesOf, decodeCbor, encodeCbor, mapOf } from "../sealing/cbor.ts";
import { errorText } from "../errors.ts";
import { refused } from "./refusal.ts";

/** Bytes of one bundle, at most. */
export const ARCHIVE_BYTES_MAX: number = 3 * 2 ** 20;
/** Files in one bundle, at most. */
const FILES_MAX = 300;

/**
 * The bytes of a bundle: the narrow, deterministic CBOR of sealing/cbor.ts, a map from path to content. There is exactly one
 * way to write the same files, so the same content has the same hash. Throws WardError `WARD_BUNDLE_CONTENT`.
 */
export function packFiles(files: ReadonlyMap<string, string>): Uint8Array {
  const content = new Map([...files].map(([path, text]) => [path, Buffer.from(text, "utf8")]));
  demandPaths([...files.keys()]);
  const bytes = encodeCbor(content);
  if (bytes.length > ARCHIVE_BYTES_MAX) {
    throw refused("WARD_BUNDLE_CONTENT", `it has more than ${ARCHIVE_BYTES_MAX} bytes`);
  }
  return bytes;
}

/** Takes a bundle apart; every path is one of the few that a bundle may have. Throws WardError `WARD_BUNDLE_CONTENT`. */
export function unpackFiles(bytes: Uint8Array): ReadonlyMap<string, string> {
  if (bytes.length > ARCHIVE_BYTES_MAX) {
    throw refused("WARD_BUNDLE_CONTENT", `it has more than ${ARCHIVE_BYTES_MAX} bytes`);
  }
  try {
    const value = decodeCbor(bytes);
    const paths = value instanceof Map ? [...value.keys()].map(String) : [];
    const files = mapOf(value, paths, "a bundle");
    demandPaths(paths);
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return new Map(
      paths.map((path) => [
        path,
        text.decode(bytesOf(files.get(path), path, 0, ARCHIVE_BYTES_MAX)),
      ]),
    );
  } catch (error) {
    throw refused("WARD_BUNDLE_CONTENT", errorText(error), { cause: error });
  }
}

/** Nothing here ever becomes a path on a disk; a name that looks like one has no business in a bundle all the same. */
const PATH =
  /^(?:(?:manifest|flows|recipients|roles|policy)\.json|devices\/[a-z0-9-]{1,64}\.json)$/;
const PATH_SHOWN = 60;

function demandPaths(paths: readonly string[]): void {
  const wrong = paths.find((path) => !PATH.test(path));
  if (wrong !== undefined) {
    const shown = JSON.stringify(wrong.slice(0, PATH_SHOWN));
    throw refused("WARD_BUNDLE_CONTENT", `a bundle has no file ${shown}`);
  }
  if (paths.length > FILES_MAX) {
    throw refused("WARD_BUNDLE_CONTENT", `it has more than ${FILES_MAX} files`);
  }
}
