import { once } from "node:events";
import { Agent, type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { type Duplex, PassThrough } from "node:stream";

import { errorText } from "../errors.ts";
import { Logins } from "./login.ts";
import { noticePage } from "./pages.ts";

/**
 * The only thing of a gateway that listens: HTTPS with a one-time login in front of the editor. TLS and the login end here;
 * behind them each connection is a socket pair whose other end goes to the flow host, which has no network.
 */
export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  /** Gives one end of a new socket pair to the flow host and returns the other. */
  readonly connectEditor: () => Promise<Socket>;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #logins = new Logins(() => performance.now());
  readonly #server: Server;
  readonly #agent: Agent;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({
      cert: options.cert,
      key: options.key,
      minVersion: "TLSv1.3",
      maxHeaderSize: HEADER_BYTES_MAX,
      requestTimeout: REQUEST_MS,
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#agent = new EditorAgent(options.connectEditor);
    this.#server.on("request", (incoming, response) => this.#request(incoming, response));
    this.#server.on("upgrade", (incoming: IncomingMessage, socket, head) => {
      this.#upgrade(incoming, socket, head).catch(() => socket.destroy());
    });
    this.#server.on("tlsClientError", () => undefined);
  }

  /** Listens; resolves to the port. */
  async open(): Promise<number> {
    this.#server.listen(this.#options.port, this.#options.host);
    await once(this.#server, "listening");
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : this.#options.port;
  }

  /** A new one-time token. */
  issueLogin(): string {
    return this.#logins.issue();
  }

  /** False once the token was used: time for a new one. */
  get loginWaiting(): boolean {
    return this.#logins.waiting;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #request(incoming: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      response.setHeader(name, value);
    }
    const url = new URL(incoming.url ?? "/", "https://gateway");
    if (url.pathname === "/login") {
      this.#login(url, response);
    } else if (!isSameOrigin(incoming)) {
      answer(
        response,
        403,
        "Not from here",
        "This request came from another page and was refused.",
      );
    } else if (this.#logins.isLive(sessionOf(incoming))) {
      this.#forward(incoming, response);
    } else {
      answer(response, 401, "One-time login needed", NO_LOGIN);
    }
  }

  #login(url: URL, response: ServerResponse): void {
    const session = this.#logins.redeem(url.searchParams.get("token") ?? "");
    if (session === null) {
      setTimeout(() => answer(response, 401, "This login was used already", NO_LOGIN), REFUSAL_MS);
      return;
    }
    response.setHeader(
      "Set-Cookie",
      `${COOKIE}=${session}; Path=/; Secure; HttpOnly; SameSite=Strict`,
    );
    // A page and not a redirect: a strict cookie does not travel with a redirect that another site started.
    response.setHeader("Refresh", "0; url=/");
    answer(response, 200, "Welcome", "The editor opens in a moment.");
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const upstream = request({
      agent: this.#agent,
      method: incoming.method ?? "GET",
      path: incoming.url ?? "/",
      headers: forwardedHeaders(incoming),
    });
    upstream.on("response", (answered) => {
      const headers = Object.entries(answered.headers).filter(
        ([name]) => !(name in SECURITY_HEADERS),
      );
      response.writeHead(answered.statusCode ?? 502, Object.fromEntries(headers));
      answered.pipe(response);
      answered.on("error", () => response.destroy());
    });
    upstream.on("error", () => {
      if (response.headersSent) {
        response.destroy();
      } else {
        response.setHeader("Retry-After", "2");
        answer(
          response,
          503,
          "The flow is starting",
          "Values are still being collected. Try again in a moment.",
        );
      }
    });
    let received = 0;
    incoming.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (received > BODY_BYTES_MAX) {
        upstream.destroy();
        incoming.destroy();
      }
    });
    incoming.pipe(upstream);
    response.on("close", () => upstream.destroy());
  }

  async #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    if (!isSameOrigin(incoming) || !this.#logins.isLive(sessionOf(incoming))) {
      socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
      return;
    }
    const upstream = await this.#options.connectEditor();
    const headers = Object.entries(forwardedHeaders(incoming)).map(
      ([name, value]) => `${name}: ${[value].flat().join(", ")}\r\n`,
    );
    upstream.write(`GET ${incoming.url ?? "/"} HTTP/1.1\r\n${headers.join("")}\r\n`);
    upstream.write(head);
    upstream.pipe(socket);
    socket.pipe(upstream);
    for (const [one, other] of [
      [upstream, socket],
      [socket, upstream],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  }
}

/** An HTTP agent whose connections are socket pairs to the flow host. */
class EditorAgent extends Agent {
  readonly #connect: () => Promise<Socket>;

  constructor(connect: () => Promise<Socket>) {
    super({ keepAlive: true, maxSockets: 16, timeout: REQUEST_MS });
    this.#connect = connect;
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    this.#connect().then(
      (socket) => callback?.(null, socket),
      (error: unknown) => {
        const cause = error instanceof Error ? error : new Error(errorText(error));
        callback?.(cause, new PassThrough().destroy(cause));
      },
    );
    return undefined;
  }
}

const COOKIE = "__Host-wardgate";
const HEADER_BYTES_MAX = 16 * 1024;
const BODY_BYTES_MAX = 8 * 1024 * 1024;
const CONNECTIONS_MAX = 128;
const REQUEST_MS = 30_000;
/** Wrong tokens are answered no faster than this. */
const REFUSAL_MS = 500;
const NO_LOGIN =
  "Open the newest login address that the gateway printed on its terminal. Each address works once.";

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self' wss:; worker-src 'self' blob:; frame-ancestors 'none'; object-src 'none'; base-uri 'self'; form-action 'self'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

function answer(response: ServerResponse, status: number, title: string, text: string): void {
  response.writeHead(status, { "Content-Type": "text/html; charset=utf-8" });
  response.end(noticePage(title, text));
}

function sessionOf(incoming: IncomingMessage): string {
  for (const part of (incoming.headers.cookie ?? "").split(";")) {
    const [name, value] = part.trim().split("=", 2);
    if (name === COOKIE) {
      return value ?? "";
    }
  }
  return "";
}

/** A browser says where a request comes from; one that changes something or opens a channel must come from our page. */
function isSameOrigin(incoming: IncomingMessage): boolean {
  const { origin, host } = incoming.headers;
  return origin === undefined
    ? incoming.headers.upgrade === undefined
    : origin === `https://${host}`;
}

/** The browser's headers less the session, which is nobody's business behind this door. */
function forwardedHeaders(incoming: IncomingMessage): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined && name !== "cookie") {
      headers[name] = value;
    }
  }
  return headers;
}
