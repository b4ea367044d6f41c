import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { WardError } from "../errors.ts";
import { type SignedSettings, verifySettings } from "../identity/signed-settings.ts";

/**
 * Reads the signed settings of a data directory and checks them with the signer's key that was put there at
 * provisioning. Nothing of the file is used before its signature is good.
 */
export async function loadSite(dataDirectory: string): Promise<SignedSettings> {
  const [bytes, signer] = await Promise.all([
    readPart(join(dataDirectory, "site.cose")),
    readPart(join(dataDirectory, "identity", "settings-signer.pub.pem")),
  ]);
  return verifySettings(bytes, createPublicKey(signer));
}

async function readPart(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new WardError(
      "WARD_DATA_DIRECTORY",
      `Cannot read ${path}. This does not look like the data directory of a gateway: provision it first.`,
      { cause: error },
    );
  }
}
