import { copyFileSync, linkSync } from "node:fs";

import { errorCode } from "../errors.ts";

/** Gives a file a second name; a copy where the file system has no hard links, or is full of them. */
export function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!["EPERM", "EOPNOTSUPP", "ENOTSUP", "EMLINK", "EXDEV"].includes(errorCode(error))) {
      throw error;
    }
    copyFileSync(from, to);
  }
}
