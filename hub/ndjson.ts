import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

import { errorText, WardError } from "../gateway/errors.ts";

/** How far the file is known to be written: the record id whose lines end it, and its length then. */
export interface Cursor {
  readonly upto: number;
  readonly offset: number;
}

/**
 * `readings.ndjson`: a view of the sealed store, one JSON object a line. The file's content is a function of the records in
 * order of commit, so after a crash the lines behind the last durable cursor are simply written again over themselves:
 * a torn line is completed, a whole one stays as it was, and none is there twice.
 */
export class NdjsonFile {
  readonly #path: string;
  readonly #file: number;
  #upto: number;
  #offset: number;

  private constructor(path: string, file: number, cursor: Cursor) {
    this.#path = path;
    this.#file = file;
    this.#upto = cursor.upto;
    this.#offset = cursor.offset;
  }

  /**
   * Opens the file. A file that does not reach the cursor (deleted, cut) is written anew from the first record.
   * @throws WardError `WARD_HUB_NDJSON`
   */
  static open(path: string, cursor: Cursor): NdjsonFile {
    try {
      const file = openSync(path, "a+", 0o600);
      closeSync(file);
      syncDirectory(dirname(path));
      const writable = openSync(path, "r+");
      const start = endsLine(writable, cursor.offset) ? cursor : { upto: 0, offset: 0 };
      return new NdjsonFile(path, writable, start);
    } catch (error) {
      throw failure(path, error);
    }
  }

  /** How far this process has written; durable only after `sync`. */
  get cursor(): Cursor {
    return { upto: this.#upto, offset: this.#offset };
  }

  /**
   * Writes the lines (each with its newline, or "") of the records after the cursor up to `upto`.
   * @throws WardError `WARD_HUB_NDJSON`; the cursor then stands where it stood
   */
  write(upto: number, lines: string): void {
    const bytes = Buffer.from(lines, "utf8");
    try {
      let done = 0;
      while (done < bytes.length) {
        done += writeSync(this.#file, bytes, done, bytes.length - done, this.#offset + done);
      }
    } catch (error) {
      throw failure(this.#path, error);
    }
    this.#offset += bytes.length;
    this.#upto = upto;
  }

  /** Cuts off what lies behind the cursor: nothing that belongs there. */
  cut(): void {
    if (fstatSync(this.#file).size > this.#offset) {
      ftruncateSync(this.#file, this.#offset);
    }
  }

  /** Puts what was written on disk and says how far that is. */
  sync(): Cursor {
    try {
      fdatasyncSync(this.#file);
    } catch (error) {
      throw failure(this.#path, error);
    }
    return this.cursor;
  }

  close(): void {
    closeSync(this.#file);
  }
}

const NEWLINE = 10;

function endsLine(file: number, offset: number): boolean {
  if (offset === 0) {
    return true;
  }
  const last = new Uint8Array(1);
  return readSync(file, last, 0, 1, offset - 1) === 1 && last[0] === NEWLINE;
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  fsyncSync(directory);
  closeSync(directory);
}

function failure(path: string, error: unknown): WardError {
  return new WardError(
    "WARD_HUB_NDJSON",
    `Cannot write ${path}: ${errorText(error)}. Check rights and disk space; the sealed store is not affected.`,
    { cause: error },
  );
}
