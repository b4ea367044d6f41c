import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { WardError } from "../errors.ts";
import { NODE_OPTIONS } from "../program/options.ts";

/** One JSON line that a part of the demo printed. */
export type PartLine = Readonly<Record<string, unknown>>;

interface PartEvents {
  line: [PartLine];
  exit: [];
}

/**
 * One part of the demo (broker, hub, simulators, gateway): a process of its own that runs the same public command an
 * operator would type, with `--json`, so that the demo shows nothing that cannot be done by hand.
 */
export class Part extends EventEmitter<PartEvents> {
  readonly name: string;
  readonly #child: ChildProcess;
  #lastWords = "";
  #ended = false;

  constructor(name: string, command: readonly string[]) {
    super();
    this.name = name;
    const [program = "", ...args] = command;
    // A group of its own: Ctrl-C in the terminal is for the demo, which stops its parts in order.
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], detached: true });
    this.#child.stdin?.on("error", () => undefined);
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#lastWords = (this.#lastWords + chunk.toString("utf8")).slice(-LAST_WORDS_MAX);
    });
    this.#child.on("error", (error) => {
      this.#lastWords = error.message;
    });
    this.#child.on("exit", () => {
      this.#ended = true;
      this.emit("exit");
    });
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on("line", (text) => this.#line(text));
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The first line that `is` accepts. Rejects when the part ends, or after `withinMs`. */
  first(is: (line: PartLine) => boolean, withinMs: number): Promise<PartLine> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        done();
        const words = this.#lastWords.trim().split("\n").at(-1) ?? "";
        reject(
          new WardError(
            "WARD_DEMO_PART",
            `Cannot start the demo's ${this.name}: ${words === "" ? why : words}`,
          ),
        );
      };
      const timer = setTimeout(() => fail(`not ready after ${withinMs / 1000} s`), withinMs);
      const onExit = (): void => fail("it ended");
      const onLine = (line: PartLine): void => {
        if (is(line)) {
          done();
          resolve(line);
        }
      };
      const done = (): void => {
        clearTimeout(timer);
        this.off("exit", onExit);
        this.off("line", onLine);
      };
      this.on("exit", onExit);
      this.on("line", onLine);
    });
  }

  /** Writes one JSON line to the part's standard input. */
  write(line: PartLine): void {
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  /** Ends the part: SIGTERM, and SIGKILL to its whole group after `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    if (this.#ended) {
      return;
    }
    const gone = once(this, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.killGroup(), withinMs);
    await gone;
    clearTimeout(timer);
  }

  /** For the case that nothing else helps: every process of this part, at once. */
  killGroup(): void {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // It was gone already.
    }
  }

  #line(text: string): void {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return;
    }
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      this.emit("line", { ...value });
    }
  }
}

/** The command line of one of our own verbs. */
export function ownCommand(...args: readonly string[]): string[] {
  const main = fileURLToPath(new URL("../main.ts", import.meta.url));
  return [process.execPath, ...NODE_OPTIONS, main, ...args];
}

const LAST_WORDS_MAX = 4000;

/** Rejects when the demo is stopped before it has started. */
export function aborted(stop: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const give = (): void =>
      reject(new WardError("WARD_STOPPED", "The demo was stopped while it started."));
    if (stop.aborted) {
      give();
    }
    stop.addEventListener("abort", give, { once: true });
  });
}
