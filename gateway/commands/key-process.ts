import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { openKeys } from "../identity/open-keys.ts";
import { NODE_OPTIONS } from "../program/options.ts";
import type { CommandIo } from "./command.ts";

/**
 * Runs a command as a process of its own when this one was not started so that it can use the gateway's keys for TLS; resolves to
 * its exit code, or to null when this one can. Throws WardError as the key provider does.
 */
export async function inKeyProcess(
  dataDirectory: string,
  args: readonly string[],
  io: CommandIo,
): Promise<number | null> {
  const { nodeOptions, environment } = openKeys(join(dataDirectory, "identity")).process;
  if (nodeOptions.every((option) => process.execArgv.includes(option))) {
    return null;
  }
  const program = fileURLToPath(new URL("../main.ts", import.meta.url));
  const child = spawn(process.execPath, [...NODE_OPTIONS, ...nodeOptions, program, ...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout.on("data", (bytes: Buffer) => io.stdout.write(bytes));
  child.stderr.on("data", (bytes: Buffer) => io.stderr.write(bytes));
  const stop = (): void => void child.kill();
  io.stop.addEventListener("abort", stop);
  await once(child, "close");
  io.stop.removeEventListener("abort", stop);
  return child.exitCode ?? 1;
}
