import { readFileSync } from "node:fs";
import { join } from "node:path";

import { errorCode, WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";
import type { EstServerAddress } from "./est-client.ts";

/** Remembers in identity/ where the next certificates come from. */
export function writeEnrolment(directory: string, { url, ca }: EstServerAddress): void {
  replaceDurably(join(directory, CA_FILE), Buffer.from(ca));
  replaceDurably(join(directory, SERVER_FILE), Buffer.from(`${JSON.stringify({ url })}\n`));
}

/** Where certificates come from, or null for a gateway whose certificate is carried to it. Throws WardError `WARD_ENROLMENT`. */
export function readEnrolment(directory: string): EstServerAddress | null {
  let text: string;
  try {
    text = readFileSync(join(directory, SERVER_FILE), "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw error;
  }
  const url = /^\{"url":"([\x21\x23-\x5b\x5d-\x7e]{1,2000})"\}\n$/.exec(text)?.[1];
  if (url === undefined) {
    throw new WardError(
      "WARD_ENROLMENT",
      `Cannot use ${join(directory, SERVER_FILE)}: it is damaged. Enrol the gateway again.`,
    );
  }
  return { url, ca: readFileSync(join(directory, CA_FILE), "utf8") };
}

const SERVER_FILE = "est.json";
const CA_FILE = "est-ca.crt.pem";
