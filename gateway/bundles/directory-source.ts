import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

import { errorCode, errorText } from "../errors.ts";
import { refused } from "./refusal.ts";
import { type BundleSource, demandSourceName, tooLarge } from "./source.ts";

/** A directory with published bundles, for example on a stick. Only plain files are read, links are not followed. */
export function directorySource(directory: string): BundleSource {
  return {
    place: directory,
    close: () => undefined,
    read: async (name, most) => {
      demandSourceName(name);
      try {
        return await readBounded(join(directory, name), name, most);
      } catch (error) {
        if (errorCode(error) === "ENOENT") {
          return null;
        }
        throw errorCode(error).startsWith("WARD_")
          ? error
          : refused("WARD_BUNDLE_SOURCE", `cannot read ${name}: ${errorText(error)}`, {
              cause: error,
            });
      }
    },
  };
}

async function readBounded(path: string, name: string, most: number): Promise<Uint8Array> {
  // A pipe would be waited for without end.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags);
  try {
    const facts = await file.stat();
    if (!facts.isFile()) {
      throw refused("WARD_BUNDLE_SOURCE", `${name} is no plain file`);
    }
    if (facts.size > most) {
      throw tooLarge(name, most);
    }
    const bytes = Buffer.alloc(facts.size);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
