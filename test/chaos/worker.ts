import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import process from "node:process";

import type { Oracle } from "./oracle.ts";

export interface WorkerOptions {
  readonly directory: string;
  readonly seed: number;
  /** In every word that it writes: another one for every run. */
  readonly run: string;
  /** Ends by itself after so many records; 0 never. */
  readonly recordsMax?: number;
  readonly end?: "close" | "kill";
  readonly room?: "roomy" | "tight";
  /** Under Node.js' permission model, which forbids fsync, as the keeper runs. */
  readonly confined?: boolean;
  /** What stands before the command, such as strace and its options. */
  readonly through?: readonly string[];
}

/** One run of outbox-worker.ts, heard by an oracle. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #heard = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #ended: { readonly code: number | null; readonly signal: string | null } | null = null;

  /** It is ended with the test, if not before. */
  constructor(
    test: { readonly after: (act: () => void) => void },
    oracle: Oracle,
    options: WorkerOptions,
  ) {
    const {
      directory,
      seed,
      run,
      recordsMax = 0,
      end = "close",
      room = "roomy",
      through = [],
      confined = false,
    } = options;
    const command = [
      ...through,
      process.execPath,
      ...process.execArgv.filter((option) => option.startsWith("--import")),
      ...(confined ? CONFINED : []),
      join(import.meta.dirname, "outbox-worker.ts"),
      directory,
      String(seed),
      run,
      String(recordsMax),
      end,
      room,
    ];
    oracle.begin();
    this.#child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
    test.after(() => this.#child.kill("SIGKILL"));
    let rest = "";
    this.#child.stdout!.setEncoding("latin1").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      // The last line of a killed worker may be cut off: then it was not said.
      rest = lines.pop() ?? "";
      for (const line of lines) {
        this.#heard.add(oracle.hear(line));
      }
      this.#tell();
    });
    this.#child.on("close", (code, signal) => {
      this.#ended = { code, signal };
      this.#tell();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when the worker has said a line that begins so since the last call for this word. */
  async said(word: string): Promise<void> {
    await this.#until(() => this.#heard.delete(word), word);
  }

  /** Resolves with true when it has the store open, and with false when it ended without. */
  async opens(): Promise<boolean> {
    while (!this.#heard.has("open") && this.#ended === null) {
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
    return this.#heard.has("open");
  }

  /** Resolves when the worker says a line that begins so from now on. */
  async says(word: string): Promise<void> {
    this.#heard.delete(word);
    await this.said(word);
  }

  hasSaid(word: string): boolean {
    return this.#heard.has(word);
  }

  /** Ends it as a crash would; resolves when all that it said was heard. It must not have ended before. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    const { signal } = await this.ended();
    assert.equal(signal, "SIGKILL", "it was still running");
  }

  /** The same, where its disk is gone: then it may have said that the store does not open, and ended. */
  async killWithoutDisk(): Promise<void> {
    this.#child.kill("SIGKILL");
    const { code, signal } = await this.ended();
    assert.ok(signal === "SIGKILL" || this.#heard.has("unopened"), `it ended with ${code}`);
  }

  /** Resolves when it has ended, and all that it said was heard. */
  async ended(): Promise<{ readonly code: number | null; readonly signal: string | null }> {
    while (this.#ended === null) {
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
    return this.#ended;
  }

  async #until(is: () => boolean, what: string): Promise<void> {
    while (!is()) {
      assert.equal(this.#ended, null, `the worker ended before it said ${what}`);
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) {
      listener();
    }
    this.#listeners.clear();
  }
}

const CONFINED = [
  "--permission",
  "--allow-addons",
  "--allow-fs-read=*",
  "--allow-fs-write=*",
  "--disable-warning=SecurityWarning",
];
