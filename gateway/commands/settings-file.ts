import { readFile } from "node:fs/promises";

import { WardError } from "../errors.ts";
import type { KeyWish } from "../identity/settle-keys.ts";
import { readSettings, type Settings } from "../settings.ts";

/** The settings of a file, if one is given, and of the environment. Throws WardError `WARD_SETTINGS`. */
export async function settingsFrom(file: string | undefined): Promise<Settings> {
  if (file === undefined) {
    return readSettings(undefined, process.env);
  }
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new WardError("WARD_SETTINGS", `Cannot read the settings file ${file}.`, {
      cause: error,
    });
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new WardError("WARD_SETTINGS", `Cannot read the settings file ${file}: not JSON.`, {
      cause: error,
    });
  }
  return readSettings(value, process.env);
}

/** Where the settings want the keys. */
export function keyWish({ keyProvider, tpmDevice, tpmPcrs }: Settings): KeyWish {
  return {
    provider: keyProvider === "tpm" ? "tpm" : "file",
    device: tpmDevice,
    pcrs: tpmPcrs === "" ? [] : tpmPcrs.split(",").map(Number),
  };
}
