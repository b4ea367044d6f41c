import { sayReady } from "../editor-socket.ts";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";

import { errorCode, errorText, WardError } from "../errors.ts";

/** What a page is asked. */
export interface PageRequest {
  readonly query: URLSearchParams;
  /** What came as JSON; undefined for a GET. */
  readonly body: unknown;
}

export type JsonPage = (request: PageRequest) => unknown;

/** Pages that are answered with JSON, each under its method and path: `GET /ward/board`. */
export type JsonPages = Readonly<Record<string, JsonPage>>;

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
      const { path, query } = placeOf(request.url);
      const page = this.#pages[`${request.method} ${path}`];
      if (page !== undefined) {
        void answer(request, response, (body) => page({ query, body }));
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

/** What the browser asked for cannot be given: the answer says why. */
const UNUSABLE = 400;
const BODY_BYTES_MAX = 256 * 1024;

function placeOf(url = "/"): { path: string; query: URLSearchParams } {
  const mark = url.indexOf("?");
  return {
    path: mark === -1 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark === -1 ? "" : url.slice(mark + 1)),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  page: (body: unknown) => unknown,
): Promise<void> {
  try {
    const body = request.method === "GET" ? undefined : await jsonOf(request);
    send(response, 200, await page(body));
  } catch (error) {
    const status = request.method === "GET" ? UNAVAILABLE : UNUSABLE;
    send(response, status, { code: errorCode(error), message: errorText(error) });
  }
}

/** A body that says it is JSON: a form on another site cannot send one without being asked first. */
async function jsonOf(request: IncomingMessage): Promise<unknown> {
  if (request.headers["content-type"]?.split(";", 1)[0] !== "application/json") {
    throw new WardError("WARD_PAGE_BODY", "Cannot use this request: it is no JSON.");
  }
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request) {
    const chunk = Buffer.from(piece);
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) {
      throw new WardError("WARD_PAGE_BODY", "Cannot use this request: it is too long.");
    }
    pieces.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString("utf8"));
  } catch (error) {
    throw new WardError("WARD_PAGE_BODY", "Cannot use this request: its JSON is broken.", {
      cause: error,
    });
  }
}

function send(response: ServerResponse, status: number, content: unknown): void {
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(JSON.stringify(content));
}
