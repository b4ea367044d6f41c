import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { errorText, WardError } from "../errors.ts";

/** What an OPC-UA server is opened with at the command line. */
export interface OpcuaFiles {
  /** PEM files of the servers that may be read. */
  readonly trust: readonly string[];
  /** Directory of this gateway's own certificate and logins, or null for a temporary one. */
  readonly pki: string | null;
}

/** Runs something with the certificates that the files hold; a temporary directory is gone afterwards. */
export async function withOpcuaFiles<Result>(
  { trust, pki }: OpcuaFiles,
  act: (opcua: { opcuaTrust: readonly string[]; opcuaPki: string }) => Promise<Result>,
): Promise<Result> {
  const opcuaTrust = await Promise.all(trust.map(readCertificate));
  const opcuaPki = pki ?? (await mkdtemp(join(tmpdir(), "wardgate-pki-")));
  try {
    return await act({ opcuaTrust, opcuaPki });
  } finally {
    if (pki === null) {
      await rm(opcuaPki, { recursive: true, force: true });
    }
  }
}

/** A PEM file's text. Throws WardError `WARD_READ_FILE`. */
export async function readCertificate(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new WardError("WARD_READ_FILE", `Cannot read certificate ${file}: ${errorText(error)}.`, {
      cause: error,
    });
  }
}
