import type { Socket } from "node:net";

import { errorText, WardError } from "./errors.ts";
import { type Frame, frameHead, FrameReader } from "./room-frames.ts";

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
  /** Bytes of JSON in one frame from the other room, at most (default 1 MiB): parsed, they take many times as many. */
  readonly jsonBytesMax?: number;
}

/** Bytes of JSON in one frame, at most, where the reader does not say otherwise. */
export const FRAME_JSON_MAX: number = 2 ** 20;
/** Frames up to this length are put together before they are written. */
const ONE_WRITE_MAX = 64 * 1024;
/** Bytes that may wait for the other room before `send` says "full". */
const QUEUE_BYTES_MAX = 8 * 2 ** 20;

export class RoomLink<In, Out> {
  readonly #socket: Socket;
  readonly #options: LinkOptions<In>;
  #reader: FrameReader;
  #paused = false;
  #delivering = false;
  #closed = false;

  constructor(socket: Socket, options: LinkOptions<In>) {
    this.#socket = socket;
    this.#options = options;
    this.#reader = new FrameReader(options.jsonBytesMax ?? FRAME_JSON_MAX);
    socket.on("data", (chunk: Buffer) => {
      this.#reader.push(chunk);
      this.#deliverAll();
    });
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
    const parts = [frameHead(json, blobs), json, ...blobs];
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    if (bytes <= ONE_WRITE_MAX) {
      // Copying a little costs less than handing the system several pieces.
      this.#socket.write(Buffer.concat(parts, bytes));
    } else {
      this.#socket.cork();
      for (const part of parts) {
        this.#socket.write(part);
      }
      this.#socket.uncork();
    }
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

  /** No message is given out until `resume()`; the other room's bytes wait in the socket. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  /** Gives out messages again, first those that had come already. */
  resume(): void {
    if (this.#closed || !this.#paused) {
      return;
    }
    this.#paused = false;
    this.#deliverAll();
    // What was given out may have paused the link again.
    if (this.#mayRead()) {
      this.#socket.resume();
    }
  }

  close(): void {
    this.#end(null);
  }

  #deliverAll(): void {
    if (this.#delivering) {
      return;
    }
    this.#delivering = true;
    try {
      while (this.#mayRead()) {
        const frame = this.#reader.next();
        if (frame === null) {
          break;
        }
        this.#deliver(frame);
      }
    } catch (error) {
      this.#end(
        error instanceof WardError
          ? error
          : new WardError("WARD_LINK_BROKEN", errorText(error), { cause: error }),
      );
    }
    this.#delivering = false;
  }

  #mayRead(): boolean {
    return !this.#paused && !this.#closed;
  }

  #deliver({ json, blobs }: Frame): void {
    const value: unknown = JSON.parse(json.toString("utf8"));
    this.#options.onMessage(this.#options.parse(value, blobs), blobs);
  }

  #end(reason: WardError | null): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    // A link that has ended may be kept for a while; half a frame need not be.
    this.#reader = new FrameReader(0);
    this.#socket.destroy();
    this.#options.onClose(reason);
  }
}
