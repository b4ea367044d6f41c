import { once } from "node:events";
import { connect } from "node:net";
import type { NetConnectOpts, Socket } from "node:net";

import { errorText, WardError } from "../errors.ts";
import { openError } from "./open-error.ts";
import type { Transport, TransportEvents } from "./transport.ts";
import { OPEN_DEADLINE_MS, WRITE_DEADLINE_MS, withDeadline } from "./transport.ts";

/**
 * Connects to a serial device server (`tcp:`) or a local socket (`unix:`) as a client. Throws WardError `WARD_LINE_OPEN`.
 */
export async function openStreamSocket(
  place: { readonly host: string; readonly port: number } | { readonly path: string },
  line: string,
  events: TransportEvents,
): Promise<Transport> {
  const options: NetConnectOpts =
    "path" in place
      ? place
      : { ...place, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
  const socket = connect(options);
  socket.on("error", () => undefined);
  try {
    await withDeadline(
      once(socket, "connect"),
      OPEN_DEADLINE_MS,
      () =>
        new WardError(
          "WARD_LINE_OPEN",
          `Cannot open ${line}: no answer. Check network, cable and address.`,
        ),
    );
  } catch (error) {
    socket.destroy();
    throw openError(line, error);
  }
  return new SocketTransport(socket, events);
}

const KEEP_ALIVE_MS = 10_000;

class SocketTransport implements Transport {
  readonly #socket: Socket;
  #ended = false;

  constructor(socket: Socket, events: TransportEvents) {
    this.#socket = socket;
    const end = (why: string): void => {
      if (!this.#ended) {
        this.#ended = true;
        events.onEnd(why);
      }
    };
    socket.on("data", (bytes) => {
      if (!this.#ended && typeof bytes !== "string") {
        events.onBytes(bytes);
      }
    });
    socket.on("end", () => end("the other side closed the connection"));
    socket.on("error", (error) => end(`the connection broke (${errorText(error)})`));
    socket.on("close", () => end("the connection is gone"));
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.#socket.write(bytes, (error) => (error ? reject(error) : resolve(undefined)));
    await withDeadline(
      promise,
      WRITE_DEADLINE_MS,
      () => new WardError("WARD_LINE_WRITE", "Cannot ask the device: the line takes no bytes."),
    );
  }

  close(): Promise<void> {
    this.#ended = true;
    this.#socket.destroy();
    return Promise.resolve();
  }
}
