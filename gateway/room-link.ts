import type { Socket } from "node:net";

import { errorText, WardError } from "./errors.ts";

/**
 * One framed link between two rooms over a socket that main made.
 *
 * Frame: u32 BE length of the JSON part, u16 BE number of blobs, then per blob u32 BE length, then the JSON (UTF-8), then the
 * blobs. A frame over a limit, or one that does not parse, ends the link: the other room is then restarted by main.
 */
export interface LinkOptions<In> {
  /** Checks a message from the other room; throws a WardError that says what is wrong. */
  readonly parse: (value: unknown, blobs: readonly Uint8Array[]) => In;
  readonly onMessage: (message: In, blobs: readonly Uint8Array[]) => void;
  /** Called once, also after `close()`. */
  readonly onClose: (reason: WardError | null) => void;
}

/** Bytes of JSON in one frame, at most. */
export const FRAME_JSON_MAX: number = 16 * 2 ** 20;
/** Blobs in one frame, and bytes of one blob, at most. */
export const FRAME_BLOBS_MAX = 1024;
export const FRAME_BLOB_BYTES_MAX: number = 8 * 2 ** 20;
/** Bytes that may wait for the other room before `send` says "full". */
const QUEUE_BYTES_MAX = 8 * 2 ** 20;
const HEAD_BYTES = 6;

export class RoomLink<In, Out> {
  readonly #socket: Socket;
  readonly #options: LinkOptions<In>;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #needed = HEAD_BYTES;
  #closed = false;

  constructor(socket: Socket, options: LinkOptions<In>) {
    this.#socket = socket;
    this.#options = options;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#end(null));
    socket.resume();
  }

  /** Sends one message. Returns false when the sender should pause until `drained()`: the message itself is taken. */
  send(message: Out, blobs: readonly Uint8Array[] = []): boolean {
    if (this.#closed) {
      return false;
    }
    const json = Buffer.from(JSON.stringify(message), "utf8");
    const head = Buffer.allocUnsafe(HEAD_BYTES + 4 * blobs.length);
    head.writeUInt32BE(json.length, 0);
    head.writeUInt16BE(blobs.length, 4);
    for (const [place, blob] of blobs.entries()) {
      head.writeUInt32BE(blob.length, HEAD_BYTES + 4 * place);
    }
    this.#socket.cork();
    this.#socket.write(head);
    this.#socket.write(json);
    for (const blob of blobs) {
      this.#socket.write(blob);
    }
    this.#socket.uncork();
    return !this.full;
  }

  /** True while more than the allowed bytes wait for the other room. */
  get full(): boolean {
    return this.#socket.writableLength > QUEUE_BYTES_MAX;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when nothing waits any more, or the link has ended. */
  async drained(): Promise<void> {
    if (this.#closed || this.#socket.writableLength === 0) {
      return;
    }
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off("drain", done);
        this.#socket.off("close", done);
        resolve();
      };
      this.#socket.on("drain", done);
      this.#socket.on("close", done);
    });
  }

  close(): void {
    this.#end(null);
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    while (!this.#closed && this.#buffered >= this.#needed) {
      const bytes = this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks);
      if (bytes === undefined) {
        return;
      }
      const used = this.#take(bytes);
      const rest = bytes.subarray(used);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#buffered = rest.length;
    }
  }

  /** Handles one whole frame at the start of `bytes` and returns its length; 0 when more bytes are needed. */
  #take(bytes: Buffer): number {
    try {
      const jsonBytes = bytes.readUInt32BE(0);
      const blobCount = bytes.readUInt16BE(4);
      if (jsonBytes > FRAME_JSON_MAX || blobCount > FRAME_BLOBS_MAX) {
        throw new WardError(
          "WARD_LINK_OVERSIZE",
          `Cannot read room message: ${jsonBytes} bytes, ${blobCount} blobs.`,
        );
      }
      const headBytes = HEAD_BYTES + 4 * blobCount;
      if (bytes.length < headBytes) {
        this.#needed = headBytes;
        return 0;
      }
      const lengths: number[] = [];
      let total = headBytes + jsonBytes;
      for (let place = 0; place < blobCount; place += 1) {
        const length = bytes.readUInt32BE(HEAD_BYTES + 4 * place);
        if (length > FRAME_BLOB_BYTES_MAX) {
          throw new WardError(
            "WARD_LINK_OVERSIZE",
            `Cannot read room message: blob of ${length} bytes.`,
          );
        }
        lengths.push(length);
        total += length;
      }
      if (bytes.length < total) {
        this.#needed = total;
        return 0;
      }
      this.#needed = HEAD_BYTES;
      this.#deliver(bytes, headBytes, jsonBytes, lengths);
      return total;
    } catch (error) {
      const reason =
        error instanceof WardError
          ? error
          : new WardError("WARD_LINK_BROKEN", errorText(error), { cause: error });
      this.#end(reason);
      return bytes.length;
    }
  }

  #deliver(bytes: Buffer, headBytes: number, jsonBytes: number, lengths: readonly number[]): void {
    let place = headBytes + jsonBytes;
    const blobs = lengths.map((length) => {
      const blob = bytes.subarray(place, place + length);
      place += length;
      return blob;
    });
    const value: unknown = JSON.parse(bytes.toString("utf8", headBytes, headBytes + jsonBytes));
    this.#options.onMessage(this.#options.parse(value, blobs), blobs);
  }

  #end(reason: WardError | null): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    this.#chunks = [];
    this.#socket.destroy();
    this.#options.onClose(reason);
  }
}
