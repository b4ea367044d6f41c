import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { errorText, WardError } from "../errors.ts";
import { NODE_OPTIONS } from "../program/options.ts";

/**
 * Runs `wardgate bundle install` as a process of its own: what comes from the network is never parsed in the process that
 * holds the gateway together. Rejects with WardError `WARD_BUNDLE_SOURCE` that carries what it said.
 */
export async function installInChild(dataDirectory: string, stop: AbortSignal): Promise<void> {
  const program = fileURLToPath(new URL("../main.ts", import.meta.url));
  const args = [...NODE_OPTIONS, program, "bundle", "install", "--data", dataDirectory, "--json"];
  try {
    await promisify(execFile)(process.execPath, args, {
      timeout: INSTALL_MS,
      maxBuffer: OUTPUT_BYTES_MAX,
      signal: stop,
    });
  } catch (error) {
    const said =
      typeof error === "object" && error !== null && "stderr" in error ? error.stderr : "";
    const text = typeof said === "string" && said !== "" ? said.trim() : errorText(error);
    throw new WardError("WARD_BUNDLE_SOURCE", text.replace(/^wardgate bundle: /, ""), {
      cause: error,
    });
  }
}

/** Room for a slow line: metadata and a whole bundle. */
const INSTALL_MS = 600_000;
const OUTPUT_BYTES_MAX = 65_536;
