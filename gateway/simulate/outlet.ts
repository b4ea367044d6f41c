import { createSocket } from "node:dgram";
import type { RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { ListenOptions, Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { errorText, WardError } from "../errors.ts";
import { openPty } from "./pty.ts";

/** The plug of a simulated stream device: what is sent here, whoever reads the line gets. */
export interface Outlet {
  /** The line URL to read. */
  readonly url: string;
  /** Sends to everybody who listens; bytes nobody takes are lost, as on a real line. */
  readonly send: (bytes: Uint8Array) => void;
  readonly close: () => Promise<void>;
}

/** What the readers of an outlet do. */
export interface OutletEvents {
  /**
   * Bytes were written to the device. With it a device on UDP waits on its port to be asked and answers whoever asked last, without it the
   * device sends to the gateway's port.
   */
  readonly onBytes?: ((bytes: Uint8Array) => void) | undefined;
  /** Somebody connected. Nobody can tell who opens a pseudo terminal or a port of UDP. */
  readonly onReader?: () => void;
}

/**
 * Opens an outlet: "pty", "tcp", "unix" or "udp" for any free place, or `tcp://127.0.0.1:port`, `unix:/path`, `udp://127.0.0.1:port`
 * (port 0: any). Only the loopback is ever opened. Throws WardError `WARD_LINE_URL` for other lines, `WARD_SIMULATE` when
 * it cannot be opened.
 */
export async function openOutlet(line: string, events: OutletEvents = {}): Promise<Outlet> {
  const { onBytes } = events;
  if (line === "pty") {
    const pty = await openPty(onBytes);
    return { url: `serial:${pty.path}`, send: pty.send, close: pty.close };
  }
  const [, scheme = line, rest = ""] = /^([a-z]+):(.+)$/.exec(line) ?? [];
  try {
    if (scheme === "unix") {
      return await openUnix(rest, events);
    }
    if (scheme === "tcp") {
      const server = serve(events);
      const { port } = await listen(server.server, loopbackPlace(line, rest));
      return { url: `tcp://127.0.0.1:${port}`, send: server.send, close: server.close };
    }
    if (scheme === "udp") {
      const { port } = loopbackPlace(line, rest);
      return await (onBytes === undefined ? openUdp(port) : openAskedUdp(port, onBytes));
    }
  } catch (error) {
    if (error instanceof WardError) {
      throw error;
    }
    const why = `Cannot simulate on line "${line}": ${errorText(error)}. Choose another place.`;
    throw new WardError("WARD_SIMULATE", why, { cause: error });
  }
  throw new WardError(
    "WARD_LINE_URL",
    `Cannot simulate on line "${line}": a stream device can be simulated on pty, tcp, unix and udp. Use one of these.`,
  );
}

/** A TCP place on the loopback out of `//127.0.0.1:port`; "" means any free port. Throws WardError `WARD_LINE_URL`. */
export function loopbackPlace(line: string, rest: string): { host: string; port: number } {
  const match = /^\/\/(127\.0\.0\.1|localhost):(\d{1,5})\/?$/.exec(rest);
  if (rest !== "" && match === null) {
    throw new WardError(
      "WARD_LINE_URL",
      `Cannot simulate on line "${line}": simulated devices listen on this machine only. Write //127.0.0.1:port after the colon, port 0 for any free one.`,
    );
  }
  return { host: "127.0.0.1", port: Number(match?.[2] ?? 0) };
}

/** Bytes that may wait for one reader; a reader that takes none loses what comes after. */
const BACKLOG_BYTES_MAX = 65_536;
const READERS_MAX = 16;

interface Service {
  readonly server: Server;
  readonly send: (bytes: Uint8Array) => void;
  readonly close: () => Promise<void>;
}

function serve({ onBytes, onReader }: OutletEvents): Service {
  const readers = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    readers.add(socket);
    onReader?.();
    socket.on("data", (bytes) => onBytes?.(Buffer.from(bytes)));
    socket.on("error", () => undefined);
    socket.on("close", () => readers.delete(socket));
  });
  server.maxConnections = READERS_MAX;
  return {
    server,
    send: (bytes) => {
      for (const reader of readers) {
        if (reader.writableLength <= BACKLOG_BYTES_MAX) {
          reader.write(bytes);
        }
      }
    },
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const reader of readers) {
        reader.destroy();
      }
      await closed;
    },
  };
}

async function listen(server: Server, options: ListenOptions): Promise<{ port: number }> {
  server.listen(options);
  await once(server, "listening");
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0 };
}

async function openUnix(wanted: string, events: OutletEvents): Promise<Outlet> {
  const directory = wanted === "" ? await mkdtemp(join(tmpdir(), "wardgate-line-")) : null;
  const path = directory === null ? wanted : join(directory, "port.sock");
  const server = serve(events);
  await listen(server.server, { path });
  return {
    url: `unix:${path}`,
    send: server.send,
    close: async () => {
      await server.close();
      if (directory !== null) {
        await rm(directory, { recursive: true, force: true });
      }
    },
  };
}

/** Datagrams go to the gateway's port; a free one is found by opening it for a moment. */
async function openUdp(wanted: number): Promise<Outlet> {
  const port = wanted === 0 ? await freeUdpPort() : wanted;
  const socket = createSocket("udp4");
  socket.on("error", () => undefined);
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return {
    url: `udp://127.0.0.1:${port}`,
    send: (bytes) => socket.send(bytes, port, "127.0.0.1", () => undefined),
    close: async () => {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}

async function openAskedUdp(wanted: number, onBytes: (bytes: Uint8Array) => void): Promise<Outlet> {
  const socket = createSocket("udp4");
  let asker: RemoteInfo | null = null;
  socket.on("error", () => undefined);
  socket.on("message", (bytes, from) => {
    asker = from;
    onBytes(bytes);
  });
  socket.bind(wanted, "127.0.0.1");
  await once(socket, "listening");
  return {
    url: `udp://127.0.0.1:${socket.address().port}`,
    send: (bytes) => {
      if (asker !== null) {
        socket.send(bytes, asker.port, asker.address, () => undefined);
      }
    },
    close: async () => {
      const closed = once(socket, "close");
      socket.close();
      await closed;
    },
  };
}

async function freeUdpPort(): Promise<number> {
  const probe = createSocket("udp4");
  probe.bind(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  return port;
}
