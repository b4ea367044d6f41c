import { sayReady } from "../editor-socket.ts";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

import { errorCode, errorText } from "../errors.ts";

/** A path under /ward that is answered with JSON. */
export type JsonPages = Readonly<Record<string, () => unknown>>;

/**
 * Serves the editor on connections that the listener accepted and that came here through main. It listens to nothing itself: this
 * process may not.
 */
export class Editor {
  /** For Node-RED, which hangs its own channel to the browser on it. */
  readonly server: Server;
  readonly #pages: JsonPages;
  readonly #sockets = new Set<Socket>();
  #admin: RequestListener | null = null;

  constructor(pages: JsonPages) {
    this.#pages = pages;
    this.server = createServer((request, response) => {
      const page = request.method === "GET" ? this.#pages[pathOf(request.url)] : undefined;
      if (page !== undefined) {
        answer(response, page);
      } else if (this.#admin === null) {
        send(response, UNAVAILABLE, { message: "The flow host is starting." });
      } else {
        this.#admin(request, response);
      }
    });
  }

  /** From now on the editor answers. */
  mount(admin: RequestListener): void {
    this.#admin = admin;
  }

  /** Takes one connection; of too many the newest is closed. */
  accept(socket: Socket): void {
    if (this.#sockets.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    sayReady(socket);
    this.server.emit("connection", socket);
  }

  /** Ends all connections. */
  close(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }
}

const CONNECTIONS_MAX = 64;
const UNAVAILABLE = 503;

function pathOf(url = "/"): string {
  return url.split("?", 1)[0] ?? "/";
}

function answer(response: ServerResponse, page: () => unknown): void {
  Promise.resolve()
    .then(page)
    .then(
      (content) => send(response, 200, content),
      (error: unknown) =>
        send(response, UNAVAILABLE, { code: errorCode(error), message: errorText(error) }),
    );
}

function send(response: ServerResponse, status: number, content: unknown): void {
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(JSON.stringify(content));
}
