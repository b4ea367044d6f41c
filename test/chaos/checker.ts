import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import process from "node:process";

/** What opening a store gave. */
export interface Checked {
  /** The lines about it, without `done`. */
  readonly lines: readonly string[];
  /** How often LevelDB ended the process, or the store did not open, before it did. */
  readonly restarts: number;
}

/** One outbox-checker.ts, and another when damage ends it. */
export class Checker {
  #child: ChildProcessWithoutNullStreams | null = null;
  #lines: Interface | null = null;

  /** Opens the store in a directory, again when the process ends on it or it does not open: as the gateway does, but not for ever. */
  async check(directory: string): Promise<Checked> {
    for (let restarts = 0; ; restarts += 1) {
      const lines = (await this.#once(directory)) ?? ["failed: the process ended"];
      const isOpen = !lines.some((line) => line.startsWith("failed"));
      if (isOpen || restarts >= RESTARTS_MAX) {
        return { lines, restarts };
      }
    }
  }

  async close(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child !== null) {
      child.stdin.end();
      await once(child, "close");
    }
  }

  /** The lines about a store, or null when the process ended. */
  async #once(directory: string): Promise<string[] | null> {
    const { child, lines } = this.#running();
    child.stdin.write(`${directory}\n`);
    return await new Promise((resolve) => {
      const heard: string[] = [];
      const onLine = (line: string): void => {
        if (line === "done") {
          settle(heard);
        } else {
          heard.push(line);
        }
      };
      const onClose = (): void => {
        this.#child = null;
        settle(null);
      };
      const settle = (result: string[] | null): void => {
        lines.off("line", onLine);
        child.off("close", onClose);
        resolve(result);
      };
      lines.on("line", onLine);
      child.on("close", onClose);
    });
  }

  #running(): { child: ChildProcessWithoutNullStreams; lines: Interface } {
    if (this.#child === null || this.#lines === null) {
      const imports = process.execArgv.filter((option) => option.startsWith("--import"));
      const program = join(import.meta.dirname, "outbox-checker.ts");
      this.#child = spawn(process.execPath, [...imports, program]);
      this.#child.stdin.on("error", () => undefined);
      this.#child.stderr.resume();
      this.#lines = createInterface({ input: this.#child.stdout });
    }
    return { child: this.#child, lines: this.#lines };
  }
}

/** More than this in a row is a crash loop. */
const RESTARTS_MAX = 5;
