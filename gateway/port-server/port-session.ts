import type { Socket } from "node:net";
import { isDeepStrictEqual } from "node:util";

import type { SerialFormat } from "../devices/device.ts";
import { errorText } from "../errors.ts";
import { openSerialPort } from "../lines/serial-port.ts";
import {
  ANSWER,
  BINARY,
  COM_PORT,
  comPort,
  SUPPRESS_GO_AHEAD,
  telnetData,
  type TelnetEvent,
  telnetOption,
  TelnetReader,
} from "../lines/telnet.ts";
import type { Transport } from "../lines/transport.ts";
import { PortSettings } from "./port-settings.ts";

export interface PortSessionOptions {
  readonly socket: Socket;
  /** Path of the port. */
  readonly path: string;
  /** Told once, why it ended. */
  readonly onEnd: (why: string) => void;
}

/**
 * One client on one port, over RFC 2217. The port is opened with what the client asks for and not before; each setting is
 * confirmed once the port has it, so that no byte comes that was read with others. When port or client goes, both go.
 */
export class PortSession {
  readonly #options: PortSessionOptions;
  readonly #reader = new TelnetReader();
  readonly #settings = new PortSettings();
  #port: Transport | null = null;
  #opened: SerialFormat | null = null;
  #ended = false;
  /** Everything the client says is done in its order. */
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: PortSessionOptions) {
    this.#options = options;
    const { socket } = options;
    socket.on("data", (bytes) => {
      if (typeof bytes !== "string") {
        this.#take(bytes);
      }
    });
    socket.on("error", () => this.end("the client broke off"));
    socket.on("close", () => this.end("the client went"));
  }

  /** Ends it; harmless when it has ended. */
  end(why: string): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#options.socket.destroy();
    void this.#turn.then(() => this.#closePort()).finally(() => this.#options.onEnd(why));
  }

  #take(bytes: Uint8Array): void {
    const { socket } = this.#options;
    const { data, events } = this.#reader.push(bytes);
    this.#waiting += bytes.length;
    if (this.#waiting > WAITING_MAX) {
      socket.pause();
    }
    this.#turn = this.#turn
      .then(() => this.#handle(events, data))
      .catch((error: unknown) => this.end(errorText(error)))
      .finally(() => {
        this.#waiting -= bytes.length;
        if (this.#waiting <= WAITING_MAX) {
          socket.resume();
        }
      });
  }

  async #handle(events: readonly TelnetEvent[], data: Uint8Array): Promise<void> {
    if (this.#ended) {
      return;
    }
    const asked = events.filter((event) => event.kind === "com-port");
    events.forEach((event) => this.#negotiate(event));
    for (const { command, value } of asked) {
      this.#settings.take(command, value);
    }
    if (asked.length > 0) {
      await this.#apply();
      for (const { command, value } of asked) {
        this.#confirm(command, this.#settings.take(command, value));
      }
    }
    if (data.length > 0) {
      await this.#port?.write(data);
    }
  }

  #negotiate(event: TelnetEvent): void {
    if (event.kind === "com-port" || !event.on) {
      return;
    }
    const { kind, option } = event;
    const isOurs = OPTIONS.has(option);
    // "will" is answered with "do" and the other way round (RFC 854).
    const verb = kind === "will" ? (isOurs ? "do" : "dont") : isOurs ? "will" : "wont";
    this.#send(telnetOption(verb, option));
  }

  #confirm(command: number, value: readonly number[] | null): void {
    if (value !== null) {
      this.#send(comPort(command + ANSWER, value));
    }
  }

  /** Linux sets only the speed of an open port, so it is opened anew. */
  async #apply(): Promise<void> {
    const { serial } = this.#settings;
    if (isDeepStrictEqual(serial, this.#opened)) {
      return;
    }
    await this.#closePort();
    if (serial === null) {
      return;
    }
    const { path } = this.#options;
    this.#port = await openSerialPort(
      { path, serial, line: `port ${path}` },
      {
        onBytes: (bytes) => this.#send(telnetData(bytes)),
        onEnd: (why) => this.end(why),
      },
    );
    this.#opened = serial;
  }

  async #closePort(): Promise<void> {
    const port = this.#port;
    this.#port = null;
    this.#opened = null;
    await port?.close();
  }

  #send(bytes: Uint8Array): void {
    const { socket } = this.#options;
    if (this.#ended) {
      return;
    }
    socket.write(bytes);
    if (socket.writableLength > UNREAD_MAX) {
      this.end("the client does not read");
    }
  }
}

const OPTIONS: ReadonlySet<number> = new Set([BINARY, SUPPRESS_GO_AHEAD, COM_PORT]);
/** Bytes from a client that are not yet written to the port, before no more are read. */
const WAITING_MAX = 16 * 1024;
/** Bytes from the port that a client has not taken: minutes of the fastest device. */
const UNREAD_MAX = 4 * 1024 * 1024;
