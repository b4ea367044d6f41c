import type { Writable } from "node:stream";

/** One verb of the `wardgate` command. */
export interface Command {
  /** One line for the list of verbs. */
  readonly summary: string;
  /** What `wardgate <verb> --help` prints. */
  readonly help: string;
  /**
   * Runs the verb; returns the exit code: 0 all well, 1 something failed, 2 wrong usage, 3 some check found something
   * wrong. A thrown WardError becomes one line on stderr and exit 1 (2 for code `WARD_USAGE`).
   */
  run(args: readonly string[], io: CommandIo): Promise<number>;
}

export interface CommandIo {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdin: NodeJS.ReadableStream;
  /** Aborted at SIGINT or SIGTERM: end everything in order within 5 seconds. */
  readonly stop: AbortSignal;
}
