import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { Part, type PartLine } from "../../gateway/demo/child.ts";
import { WardError } from "../../gateway/errors.ts";
import { NODE_OPTIONS } from "../../gateway/program/options.ts";

/** Takes one JSON object a line from standard input, and ends the program with it: so nothing outlives the bench. */
export function onCommand(act: (command: PartLine) => void): void {
  const input = createInterface({ input: process.stdin });
  input.on("line", (line) => act({ ...Object(JSON.parse(line)) }));
  input.on("close", () => process.exit(0));
}

/** Says one JSON object a line. */
export function tell(line: PartLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** A program of this folder as a process, which can be asked for its counters. */
export class Program {
  readonly part: Part;
  #questions = 0;

  private constructor(part: Part) {
    this.part = part;
  }

  /** Resolves with the program and the line that said it was ready. */
  static async start(
    file: string,
    ...args: readonly string[]
  ): Promise<{ program: Program; ready: PartLine }> {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const part = new Part(file, [process.execPath, ...NODE_OPTIONS, path, ...args]);
    const ready = await part.first(({ kind }) => kind === "ready", READY_MS);
    return { program: new Program(part), ready };
  }

  get pid(): number {
    return this.part.pid;
  }

  write(command: PartLine): void {
    this.part.write(command);
  }

  /** The program's counters at this moment. */
  async count(): Promise<PartLine> {
    if (this.part.ended) {
      throw new WardError("WARD_BENCH", `Cannot measure: ${this.part.name} has ended.`);
    }
    this.#questions += 1;
    const n = this.#questions;
    const answer = this.part.first((line) => line["kind"] === "count" && line["n"] === n, READY_MS);
    this.write({ count: n });
    return answer;
  }

  async stop(): Promise<void> {
    await this.part.stop(2000);
  }
}

const READY_MS = 30_000;
