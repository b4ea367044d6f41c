import { once } from "node:events";
import { globSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { basename, join } from "node:path";

import { errorText } from "../errors.ts";
import { PortSession } from "./port-session.ts";

export interface PortServerOptions {
  /** Where the sockets go; whoever may open one may use its port. */
  readonly directory: string;
  /** Which ports are shared: paths, `*` within a name. */
  readonly patterns: readonly string[];
  readonly onEvent: (event: PortEvent) => void;
  /** Between two looks for new ports (milliseconds). */
  readonly lookMs?: number;
}

export interface PortEvent {
  readonly event: "shared" | "opened" | "closed" | "refused" | "failed";
  readonly port: string;
  readonly text: string;
}

/**
 * Shares the serial ports of this machine as UNIX sockets that speak RFC 2217, one for each port, for a gateway that has no
 * rights to the ports. It needs no keys and no network. A port that is plugged in later gets its socket then; one that is pulled
 * keeps it, and its client is cut off until it is back.
 */
export class PortServer {
  readonly #options: PortServerOptions;
  readonly #shared = new Map<string, Server>();
  readonly #sessions = new Map<string, PortSession>();
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  private constructor(options: PortServerOptions) {
    this.#options = options;
  }

  /** Shares what is there and goes on looking. */
  static async open(options: PortServerOptions): Promise<PortServer> {
    const server = new PortServer(options);
    await server.#look();
    return server;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer ?? undefined);
    for (const session of this.#sessions.values()) {
      session.end("the server stops");
    }
    const servers = [...this.#shared.values()];
    this.#shared.clear();
    await Promise.all(servers.map((server) => new Promise((done) => void server.close(done))));
  }

  async #look(): Promise<void> {
    for (const port of globSync([...this.#options.patterns])) {
      if (!this.#shared.has(port)) {
        await this.#share(port).catch((error: unknown) => this.#say("failed", port, error));
      }
    }
    if (this.#isClosed) {
      return;
    }
    this.#timer = setTimeout(() => void this.#look(), this.#options.lookMs ?? LOOK_MS);
  }

  async #share(port: string): Promise<void> {
    const server = createServer((socket) => this.#serve(port, socket));
    this.#shared.set(port, server);
    const path = join(this.#options.directory, `${basename(port)}.sock`);
    try {
      await rm(path, { force: true });
      // The group of the directory may use it, nobody else.
      const umask = process.umask(0o117);
      server.listen(path);
      process.umask(umask);
      await once(server, "listening");
    } catch (error) {
      this.#shared.delete(port);
      throw error;
    }
    this.#say("shared", port, path);
  }

  #serve(port: string, socket: Socket): void {
    if (this.#sessions.has(port)) {
      this.#say("refused", port, "somebody else uses it");
      socket.destroy();
      return;
    }
    const onEnd = (why: string): void => {
      this.#sessions.delete(port);
      this.#say("closed", port, why);
    };
    this.#sessions.set(port, new PortSession({ socket, path: port, onEnd }));
    this.#say("opened", port, "");
  }

  #say(event: PortEvent["event"], port: string, what: unknown): void {
    this.#options.onEvent({ event, port, text: errorText(what) });
  }
}

const LOOK_MS = 2000;
