import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { errorText } from "../../../gateway/errors.ts";

/** What node-red-contrib-modbus does: points a second, or why that could not be measured. */
export interface NodeRedRate {
  readonly rate: number | null;
  readonly missing: string;
}

/**
 * Installs node-red-contrib-modbus into a temporary directory and lets it read each point with a getter, as its users do. One of its
 * dependencies is no npm package but a file on another server; the public package that it was made from stands in for it.
 */
export async function benchNodeRedModbus(
  port: number,
  addresses: readonly number[],
  seconds: number,
): Promise<NodeRedRate> {
  const directory = await mkdtemp(join(tmpdir(), "wardgate-modbus-"));
  try {
    await writeFile(join(directory, "package.json"), JSON.stringify(PACKAGE));
    await run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], directory);
    const way = fileURLToPath(new URL("node-red-way.ts", import.meta.url));
    const args = [way, String(port), directory, String(seconds), addresses.join(",")];
    const { stdout } = await run(process.execPath, args, directory);
    const [, rate] = /^points per second (\d+)$/m.exec(stdout) ?? [];
    return rate === undefined
      ? { rate: null, missing: "it gave no values" }
      : { rate: Number(rate), missing: "" };
  } catch (error) {
    return { rate: null, missing: `it cannot be installed or run: ${errorText(error)}` };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const PACKAGE = {
  name: "wardgate-bench-modbus",
  private: true,
  dependencies: { "node-red-contrib-modbus": "5.60.2" },
  overrides: { "@openp4nr/modbus-serial": "npm:modbus-serial@8.0.25" },
};
const RUN_MS_MAX = 180_000;

function run(program: string, args: readonly string[], cwd: string): Promise<{ stdout: string }> {
  return promisify(execFile)(program, [...args], { cwd, timeout: RUN_MS_MAX });
}
