import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { isIPv6 } from "node:net";

import { WardError } from "../errors.ts";
import { openError } from "./open-error.ts";
import type { Transport, TransportEvents } from "./transport.ts";
import { OPEN_DEADLINE_MS, WRITE_DEADLINE_MS, withDeadline } from "./transport.ts";

/** Where datagrams come from. */
export interface DatagramOptions {
  /** The device, or the device server in front of it: only its datagrams count. */
  readonly host: string;
  /** A passive device sends to this port of this machine; an active one is asked on this port of its own. */
  readonly port: number;
  readonly mode: "passive" | "active";
  readonly line: string;
}

/** Opens a UDP line. Throws WardError `WARD_LINE_OPEN`. */
export async function openDatagramSocket(
  { host, port, mode, line }: DatagramOptions,
  events: TransportEvents,
): Promise<Transport> {
  try {
    const { address } = await withDeadline(
      lookup(host),
      OPEN_DEADLINE_MS,
      () =>
        new WardError("WARD_LINE_OPEN", `Cannot open ${line}: no answer. Check the name service.`),
    );
    const socket = createSocket({ type: isIPv6(address) ? "udp6" : "udp4" });
    const isLoopback = address === "::1" || address.startsWith("127.");
    try {
      socket.bind({
        port: mode === "passive" ? port : 0,
        ...(isLoopback ? { address } : {}),
        exclusive: true,
      });
      await once(socket, "listening");
    } catch (error) {
      socket.close();
      throw error;
    }
    return new DatagramTransport(socket, { address, port, mode }, events);
  } catch (error) {
    throw openError(line, error);
  }
}

interface Peer {
  readonly address: string;
  readonly port: number;
  readonly mode: "passive" | "active";
}

class DatagramTransport implements Transport {
  readonly #socket: Socket;
  readonly #peer: Peer;
  #ended = false;

  constructor(socket: Socket, peer: Peer, events: TransportEvents) {
    this.#socket = socket;
    this.#peer = peer;
    socket.on("message", (bytes: Buffer, from: RemoteInfo) => {
      const fromPeer =
        from.address === peer.address && (peer.mode === "passive" || from.port === peer.port);
      if (!this.#ended && fromPeer) {
        events.onBytes(bytes);
      }
    });
    const end = (): void => {
      if (!this.#ended) {
        this.#ended = true;
        events.onEnd("the socket broke");
      }
    };
    socket.on("error", end);
    socket.on("close", end);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#ended) {
      throw new WardError("WARD_LINE_WRITE", "Cannot ask the device: the line is closed.");
    }
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.#socket.send(bytes, this.#peer.port, this.#peer.address, (error) =>
      error ? reject(error) : resolve(undefined),
    );
    await withDeadline(
      promise,
      WRITE_DEADLINE_MS,
      () => new WardError("WARD_LINE_WRITE", "Cannot ask the device: the line takes no bytes."),
    );
  }

  close(): Promise<void> {
    this.#ended = true;
    try {
      this.#socket.close();
    } catch {
      // Closed already.
    }
    return Promise.resolve();
  }
}
