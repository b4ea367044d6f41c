import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

import { errorText, WardError } from "../gateway/errors.ts";

/** How far the file is known to be written: the record whose lines end it, and its length then. */
export interface Cursor {
  readonly upto: number;
  readonly offset: number;
  /** Which views it was written from (`ViewState`). */
  readonly generation: number;
}

/**
 * `readings.ndjson`: a view of the sealed store, one JSON object a line. The file's content is a function of the records in
 * order of commit, so after a crash the lines behind the last durable cursor are simply written again over themselves:
 * a torn line is completed, a whole one stays as it was, and none is there twice. The cursor lies beside it.
 */
export class NdjsonFile {
  readonly #path: string;
  readonly #file: number;
  #cursor: Cursor;
  #synced: Cursor;

  private constructor(path: string, file: number, cursor: Cursor) {
    this.#path = path;
    this.#file = file;
    this.#cursor = cursor;
    this.#synced = cursor;
  }

  /**
   * Opens the file. One that does not reach its cursor (deleted, cut), or was made from other views, is written anew from the
   * first record.
   * @throws WardError `WARD_HUB_NDJSON`
   */
  static open(path: string, generation: number): NdjsonFile {
    try {
      const file = openSync(path, "a+", 0o600);
      closeSync(file);
      const writable = openSync(path, "r+");
      const cursor = readCursor(cursorPath(path));
      const isOurs = cursor?.generation === generation && endsLine(writable, cursor.offset);
      return new NdjsonFile(path, writable, isOurs ? cursor : { upto: 0, offset: 0, generation });
    } catch (error) {
      throw failure(path, error);
    }
  }

  /** How far this process has written; durable only after `sync`. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  /**
   * Writes the lines (each with its newline) of the records after the cursor up to `upto`.
   * @throws WardError `WARD_HUB_NDJSON`; the cursor then stands where it stood
   */
  write(upto: number, bytes: Uint8Array): void {
    const { offset, generation } = this.#cursor;
    try {
      let done = 0;
      while (done < bytes.length) {
        done += writeSync(this.#file, bytes, done, bytes.length - done, offset + done);
      }
    } catch (error) {
      throw failure(this.#path, error);
    }
    this.#cursor = { upto, offset: offset + bytes.length, generation };
  }

  /** Cuts off what lies behind the cursor: nothing that belongs there. */
  cut(): void {
    if (fstatSync(this.#file).size > this.#cursor.offset) {
      ftruncateSync(this.#file, this.#cursor.offset);
    }
  }

  /** Puts what was written on disk, and how far that is. Throws WardError `WARD_HUB_NDJSON`. */
  sync(): void {
    if (this.#synced === this.#cursor) {
      return;
    }
    try {
      fdatasyncSync(this.#file);
      writeCursor(cursorPath(this.#path), this.#cursor);
      this.#synced = this.#cursor;
    } catch (error) {
      throw failure(this.#path, error);
    }
  }

  /** Begins anew: the views were made again. */
  restart(generation: number): void {
    this.#cursor = { upto: 0, offset: 0, generation };
  }

  close(): void {
    closeSync(this.#file);
  }
}

const NEWLINE = 10;

function cursorPath(path: string): string {
  return `${path}.cursor`;
}

/** Null when there is none, or none that can be read: then the file is written anew. */
function readCursor(path: string): Cursor | null {
  try {
    const fields: unknown = JSON.parse(readFileSync(path, "utf8"));
    const numbers = Array.isArray(fields) ? fields.map(Number) : [];
    const [upto, offset, generation] = numbers;
    if (upto === undefined || offset === undefined || generation === undefined) {
      return null;
    }
    return numbers.every(Number.isSafeInteger) ? { upto, offset, generation } : null;
  } catch {
    return null;
  }
}

function writeCursor(path: string, { upto, offset, generation }: Cursor): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, JSON.stringify([upto, offset, generation]), { mode: 0o600, flush: true });
  renameSync(fresh, path);
  syncDirectory(dirname(path));
}

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
