import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { WriteStream } from "node:fs";
import { finished } from "node:stream/promises";

import { errorCode, errorText, WardError } from "../errors.ts";
import type { PieceFrom, RecordingHeader } from "./recording.ts";
import { headerLine, PIECE_BYTES_MAX, pieceLine } from "./recording.ts";

/** Writes a recording to a new file that only its owner may read: it may hold what a device says about a patient. */
export class RecordingWriter {
  /** Resolves when the file is full, or cannot be written any more. */
  readonly full: Promise<string>;
  readonly #file: WriteStream;
  readonly #bytesMax: number;
  readonly #end: (why: string) => void;
  #ended = false;
  #bytes = 0;
  #pieces = 0;

  private constructor(file: WriteStream, bytesMax: number) {
    this.#file = file;
    this.#bytesMax = bytesMax;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.full = promise;
    this.#end = resolve;
    file.on("error", (error) => this.#stop(`the file cannot be written: ${errorText(error)}`));
  }

  /** Throws WardError `WARD_RECORD_FILE`; a file that exists is never written over. */
  static async open(
    path: string,
    header: RecordingHeader,
    bytesMax: number,
  ): Promise<RecordingWriter> {
    const file = createWriteStream(path, { flags: "wx", mode: 0o600 });
    try {
      await once(file, "open");
    } catch (error) {
      throw openError(path, error);
    }
    const writer = new RecordingWriter(file, bytesMax);
    writer.#write(headerLine(header));
    return writer;
  }

  /** Pieces written so far. */
  get pieces(): number {
    return this.#pieces;
  }

  /** `ms` is the time since the recording began. Does nothing once the file is full. */
  write(from: PieceFrom, bytes: Uint8Array, ms: number): void {
    for (let at = 0; at < bytes.length && !this.#ended; at += PIECE_BYTES_MAX) {
      this.#write(pieceLine({ ms, from, bytes: bytes.subarray(at, at + PIECE_BYTES_MAX) }));
      this.#pieces += 1;
    }
  }

  /** Ends the file when all is written. Throws WardError `WARD_RECORD_FILE` when that fails. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#file.end();
    try {
      await finished(this.#file);
    } catch (error) {
      const why = `Cannot finish the recording: ${errorText(error)}. Check the disk.`;
      throw new WardError("WARD_RECORD_FILE", why, { cause: error });
    }
  }

  #write(line: string): void {
    this.#file.write(line);
    this.#bytes += line.length;
    if (this.#bytes >= this.#bytesMax) {
      this.#stop(`the file has ${this.#bytes} bytes, which is its limit`);
    } else if (this.#file.writableLength > WAITING_BYTES_MAX) {
      this.#stop("the disk does not keep up");
    }
  }

  #stop(why: string): void {
    this.#ended = true;
    this.#end(why);
  }
}

/** Bytes that may wait for the disk. */
const WAITING_BYTES_MAX = 16 * 2 ** 20;

function openError(path: string, error: unknown): WardError {
  const why =
    errorCode(error) === "EEXIST"
      ? "it is there already. Choose another name"
      : `${errorText(error)}. Choose another place`;
  return new WardError("WARD_RECORD_FILE", `Cannot record to ${path}: ${why}.`, { cause: error });
}
