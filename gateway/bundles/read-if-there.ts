import { readFileSync, statSync } from "node:fs";

import { errorCode } from "../errors.ts";

/** The bytes of a file, or null when it is not there or larger than `most`. */
export function readIfThere(path: string, most: number): Uint8Array | null {
  try {
    return statSync(path).size > most ? null : readFileSync(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw error;
  }
}
