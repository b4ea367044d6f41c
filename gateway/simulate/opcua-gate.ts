import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";

/**
 * The plug in front of a simulated server: everything goes through it, so that the server can hang, garble or lose its
 * connections without knowing of it.
 */
export class Gate {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Map<Socket, Socket>();
  #isStuck = false;
  #isGarbling = false;
  #deadUntil = 0;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** Listens on the loopback at `port` (0: any free one) and forwards to `target()`. */
  static async open(port: number, target: () => number): Promise<Gate> {
    const server = createServer({ noDelay: true });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const gate = new Gate(
      server,
      typeof address === "object" && address !== null ? address.port : port,
    );
    server.on("connection", (socket) => gate.#forward(socket, target()));
    return gate;
  }

  /** A stuck gate keeps its connections and lets nothing through. */
  set stuck(stuck: boolean) {
    this.#isStuck = stuck;
    for (const pair of this.#pairs) {
      for (const socket of pair) {
        socket[stuck ? "pause" : "resume"]();
      }
    }
  }

  /** A garbling gate changes a byte of what the server says. */
  set garbling(garbling: boolean) {
    this.#isGarbling = garbling;
  }

  /** Ends all connections and refuses new ones for a while. */
  restart(deadMs: number): void {
    this.#deadUntil = performance.now() + deadMs;
    this.#drop();
  }

  async close(): Promise<void> {
    this.#drop();
    this.#server.close();
    await once(this.#server, "close");
  }

  #drop(): void {
    for (const pair of this.#pairs) {
      for (const socket of pair) {
        socket.destroy();
      }
    }
  }

  #forward(client: Socket, port: number): void {
    if (performance.now() < this.#deadUntil || this.#pairs.size >= CONNECTIONS_MAX) {
      client.destroy();
      return;
    }
    const server = connect({ host: "127.0.0.1", port, noDelay: true });
    this.#pairs.set(client, server);
    client.on("data", (bytes: Buffer) => server.write(bytes));
    server.on("data", (bytes: Buffer) => client.write(this.#isGarbling ? garbled(bytes) : bytes));
    const end = (): void => {
      this.#pairs.delete(client);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.on("error", () => undefined);
      socket.on("close", end);
      if (this.#isStuck) {
        socket.pause();
      }
    }
  }
}

/** The last byte belongs to the signature or the padding of an encrypted message. */
function garbled(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  const last = changed.length - 1;
  changed[last] = (changed[last] ?? 0) ^ 0xff;
  return changed;
}

const CONNECTIONS_MAX = 32;
