import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import type { Command } from "../../../gateway/commands/command.ts";
import { errorCode, errorText } from "../../../gateway/errors.ts";
import { NODE_OPTIONS } from "../../../gateway/program/options.ts";

const MAIN = fileURLToPath(new URL("../../../gateway/main.ts", import.meta.url));

/** What a run of a verb gave. */
export interface Run {
  /** The exit code, or the code of the error that was thrown. */
  readonly code: number | string;
  readonly stdout: string;
  /** What was written to stderr, or the message of the error. */
  readonly stderr: string;
}

/** Starts the `wardgate` command as a process of its own. */
export function start(...args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...NODE_OPTIONS, MAIN, ...args]);
}

/** Runs one verb in this process to its end. */
export async function run(
  command: Command,
  args: readonly string[],
  input: Uint8Array = Buffer.of(),
): Promise<Run> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const stdin = Readable.from(input.length === 0 ? [] : [input]);
  const stop = new AbortController().signal;
  const printed = Promise.all([text(stdout), text(stderr)]);
  try {
    const code = await command.run(args, { stdout, stderr, stdin, stop });
    stdout.end();
    stderr.end();
    const [out, error] = await printed;
    return { code, stdout: out, stderr: error };
  } catch (error) {
    stdout.end();
    stderr.end();
    const [out] = await printed;
    return { code: errorCode(error), stdout: out, stderr: errorText(error) };
  }
}

/** The objects of NDJSON text. */
export function objectsOf(ndjson: string): Record<string, unknown>[] {
  return ndjson
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The lines a process prints, parsed, one by one. */
export async function* linesOf(
  child: ChildProcessWithoutNullStreams,
): AsyncGenerator<Record<string, unknown>, never> {
  for await (const line of createInterface({ input: child.stdout })) {
    yield JSON.parse(line) as Record<string, unknown>;
  }
  throw new Error("the process ended");
}
