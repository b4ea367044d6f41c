import { readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

import { WardError } from "../errors.ts";
import type { CommandIo } from "./command.ts";
import { readError } from "./read-error.ts";

/** Where a passphrase comes from. */
export interface PassphraseOptions {
  /** Its first line, if given. */
  readonly file: string | undefined;
  /** The environment variable that is looked at next. */
  readonly variable: string;
  /** What is asked at the terminal. */
  readonly prompt: string;
}

/**
 * A passphrase: the first line of a file, else a variable of the environment, else asked for at the terminal, where it is not
 * shown. Throws WardError `WARD_USAGE` where nobody can be asked, `WARD_READ_FILE`.
 */
export async function readPassphrase(o: PassphraseOptions, io: CommandIo): Promise<string> {
  if (o.file !== undefined) {
    return firstLine(o.file);
  }
  const given = process.env[o.variable];
  if (given !== undefined && given !== "") {
    return given;
  }
  if (!process.stdin.isTTY) {
    throw new WardError(
      "WARD_USAGE",
      `Cannot go on without the passphrase (${o.prompt}): give --passphrase-file FILE or set ${o.variable}.`,
    );
  }
  return asked(io, `${o.prompt}: `);
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, "utf8").split(/\r?\n/)[0] ?? "";
  } catch (error) {
    throw readError(file, error);
  }
}

async function asked(io: CommandIo, question: string): Promise<string> {
  io.stderr.write(question);
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silence, terminal: true });
  try {
    return await terminal.question("", { signal: io.stop });
  } finally {
    terminal.close();
    io.stderr.write("\n");
  }
}
