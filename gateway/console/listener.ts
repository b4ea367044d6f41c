import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";

import { Guests } from "../guests.ts";
import type { JournalEvent } from "../journal/event.ts";
import type { Console } from "./console.ts";
import { EditorActs } from "./editor-acts.ts";
import { EditorAgent } from "./editor-agent.ts";
import { forwardRequest } from "./editor-forward.ts";
import { forwardUpgrade, isEditorChannel, refuseUpgrade } from "./editor-upgrade.ts";
import { isSameOrigin, SECURITY_HEADERS, sessionCookie, sessionOf } from "./headers.ts";
import { HostNames } from "./host-names.ts";
import { Logins } from "./login.ts";
import { answer } from "./pages.ts";
import { LOCAL, mayOf, type Session } from "./sessions.ts";
import type { StaticFiles } from "./static-files.ts";

/**
 * The only thing of a gateway that listens: HTTPS with a login in front of pages and editor. TLS and the login end here; what is for the editor
 * (/flow/) goes on over a socket pair whose other end is the flow host's, which has no network.
 */
export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly cert: string;
  readonly key: string;
  readonly console: Console;
  readonly files: StaticFiles;
  /** Gives one end of a new socket pair to the flow host and returns the other. */
  readonly connectEditor: () => Promise<Socket>;
  /** Resolves when the event is in the journal; rejects when it is not, and then what it tells of does not happen. */
  readonly journal: (event: JournalEvent) => Promise<void>;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  readonly limits?: Partial<ListenerLimits>;
}

/** How long a connection may take for what. */
export interface ListenerLimits {
  /** From connecting to the end of the TLS handshake, in milliseconds. */
  readonly handshakeMs: number;
  /** From then, or from a request's first byte, to the end of its headers. */
  readonly headersMs: number;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #logins: Logins;
  readonly #names: HostNames;
  /** Requests of each connection that have no answer yet. */
  readonly #unanswered = new WeakMap<Socket, number>();
  readonly #guests = new Guests({ connections: CONNECTIONS_MAX, perAddress: ADDRESS_MAX });
  readonly #server: Server;
  readonly #agent: EditorAgent;
  readonly #acts: EditorActs;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const now = options.now ?? (() => performance.now());
    this.#logins = new Logins(now);
    this.#acts = new EditorActs(options.journal, now);
    this.#names = new HostNames(options.cert, options.host);
    this.#agent = new EditorAgent(options.connectEditor);
    const { handshakeMs, headersMs } = { ...LIMITS, ...options.limits };
    this.#server = createServer({
      cert: options.cert,
      key: options.key,
      minVersion: "TLSv1.3",
      maxHeaderSize: HEADER_BYTES_MAX,
      handshakeTimeout: handshakeMs,
      headersTimeout: headersMs,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: LOOK_MS,
    });
    // The guests see to it that there are fewer; this only holds while closed ones have not gone yet.
    this.#server.maxConnections = 2 * CONNECTIONS_MAX;
    this.#server.on("connection", (socket: Socket) => this.#guests.admit(socket));
    this.#server.on("request", (incoming, response) => this.#request(incoming, response));
    this.#server.on("upgrade", (incoming: IncomingMessage, socket, head) =>
      this.#upgrade(incoming, socket, head),
    );
    this.#server.on("tlsClientError", (_error, socket) => socket.destroy());
  }

  /** Listens; resolves to the port. */
  async open(): Promise<number> {
    this.#server.listen(this.#options.port, this.#options.host);
    await once(this.#server, "listening");
    // Such as too many open files while accepting: the next connection may fare better.
    this.#server.on("error", () => undefined);
    const address: AddressInfo | string | null = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : this.#options.port;
  }

  /** A new one-time token. */
  issueLogin(): string {
    return this.#logins.issue();
  }

  /** True while the newest token can be used: it was not, and is not too old. */
  get loginWaiting(): boolean {
    return this.#logins.waiting;
  }

  /** True once the newest token was used, or when there never was one: time for the next. */
  get loginDue(): boolean {
    return this.#logins.due;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    this.#options.console.close();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #request(incoming: IncomingMessage, response: ServerResponse): void {
    incoming.on("error", () => response.destroy());
    response.on("error", () => response.destroy());
    if (!this.#mayAsk(incoming.socket, response)) {
      return;
    }
    try {
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
        response.setHeader(name, value);
      }
      this.#route(incoming, response);
    } catch {
      // Whatever a browser sent that nobody thought of: it is told, and everybody else is served on.
      if (response.headersSent) {
        response.destroy();
      } else {
        answer(response, 400, ...BAD_REQUEST);
      }
    }
  }

  /** False for who asks on and on without waiting for answers, which no browser does: each would be kept in memory. */
  #mayAsk(socket: Socket, response: ServerResponse): boolean {
    const unanswered = (this.#unanswered.get(socket) ?? 0) + 1;
    this.#unanswered.set(socket, unanswered);
    response.once("close", () => {
      this.#unanswered.set(socket, (this.#unanswered.get(socket) ?? 1) - 1);
    });
    if (unanswered > UNANSWERED_MAX) {
      socket.destroy();
      return false;
    }
    return true;
  }

  #route(incoming: IncomingMessage, response: ServerResponse): void {
    const url = urlOf(incoming);
    if (!this.#names.has(incoming.headers.host)) {
      answer(response, 421, "Not this gateway", WRONG_NAME);
    } else if (url === null) {
      answer(response, 400, ...BAD_REQUEST);
    } else if (url.pathname === "/login") {
      unlessRefused(response, this.#login(url, response));
    } else if (!isSameOrigin(incoming)) {
      answer(response, 403, "Not from here", ELSEWHERE);
    } else if (isReading(incoming) && this.#options.files.has(url.pathname)) {
      this.#options.files.answer(url.pathname, incoming, response);
    } else if (isApi(url.pathname)) {
      const session = this.#sessionOf(incoming, url.pathname !== "/api/events");
      void this.#options.console.answer(url, session, incoming, response);
    } else if (url.pathname.startsWith(`${FLOW}/`)) {
      this.#editor(url, incoming, response);
    } else {
      answer(response, 404, "Not there", "This gateway has no page of that name.");
    }
  }

  #editor(url: URL, incoming: IncomingMessage, response: ServerResponse): void {
    const session = this.#sessionOf(incoming);
    const path = behindFlow(incoming, url);
    if (session === null) {
      answer(response, 401, "Sign in first", NO_LOGIN);
    } else if (!mayUseEditor(session, path, isReading(incoming))) {
      answer(response, 403, "Not permitted", "Your roles do not permit this.");
    } else {
      const written = this.#acts.written(session, incoming.method ?? "", path);
      const forward = (): void => forwardRequest(this.#agent, incoming, response);
      if (written === null) {
        forward();
      } else {
        unlessRefused(response, written.then(forward));
      }
    }
  }

  async #login(url: URL, response: ServerResponse): Promise<void> {
    const refused = this.#logins.redeem(url.searchParams.get("token") ?? "");
    if (refused !== null) {
      const { title, text } = REFUSALS[refused];
      this.#acts.refused(refused);
      setTimeout(() => answer(response, 401, title, text), REFUSAL_MS);
      return;
    }
    const { sessions } = this.#options.console;
    const session = sessions.open(LOCAL);
    try {
      await this.#acts.login(session);
    } catch (error) {
      sessions.end(session, "asked");
      throw error;
    }
    response.setHeader("Set-Cookie", sessionCookie(session.id));
    // A page and not a redirect: a strict cookie does not travel with a redirect that another site started.
    response.setHeader("Refresh", "0; url=/");
    answer(response, 200, "Welcome", "The pages open in a moment.");
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    try {
      if (!this.#names.has(incoming.headers.host)) {
        refuseUpgrade(socket, 421);
        return;
      }
      const session = this.#engineerOf(incoming);
      const url = urlOf(incoming);
      if (!isSameOrigin(incoming) || session === null) {
        refuseUpgrade(socket, 401);
      } else if (url?.pathname !== `${FLOW}/comms` || !isEditorChannel(incoming)) {
        refuseUpgrade(socket, 400);
      } else {
        behindFlow(incoming, url);
        const end = (): void => void socket.destroy();
        session.channels.add(end);
        socket.on("close", () => session.channels.delete(end));
        forwardUpgrade(this.#agent, incoming, socket, head);
      }
    } catch {
      socket.destroy();
    }
  }

  /** Whoever may use the editor, or null. */
  #engineerOf(incoming: IncomingMessage): Session | null {
    const session = this.#sessionOf(incoming);
    return session !== null && mayOf(session).has("flow") ? session : null;
  }

  /** The session that a browser shows, or null; `isUse` keeps it alive. */
  #sessionOf(incoming: IncomingMessage, isUse = true): Session | null {
    const { sessions } = this.#options.console;
    const session = isUse ? sessions.use(sessionOf(incoming)) : sessions.look(sessionOf(incoming));
    if (session !== null) {
      this.#guests.welcome(incoming.socket);
    }
    return session;
  }
}

const LIMITS: ListenerLimits = { handshakeMs: 5000, headersMs: 10_000 };
const REQUEST_MS = 30_000;
const KEEP_ALIVE_MS = 10_000;
/** How often Node.js looks for connections that are past their time. */
const LOOK_MS = 1000;
const HEADER_BYTES_MAX = 16 * 1024;
/** Requests of one connection that wait for their answers, at most. */
const UNANSWERED_MAX = 8;
const CONNECTIONS_MAX = 128;
/** A browser opens six, and one for each editor's channel. */
const ADDRESS_MAX = 32;
/** Wrong tokens are answered no faster than this. */
const REFUSAL_MS = 500;

/** Answers when what had to be written down first could not be. */
function unlessRefused(response: ServerResponse, act: Promise<void>): void {
  act.catch(() => {
    if (response.headersSent) {
      response.destroy();
    } else {
      answer(response, 503, "Not now", NO_JOURNAL);
    }
  });
}

const NO_JOURNAL =
  "This gateway writes down who does what before it is done, and cannot at the moment. Look at its disk, or try again in a minute.";
const RENEW = "For a new one, run <code>wardgate login --data DIR</code> on the gateway.";
const NO_LOGIN = `Sign in with name and password, or open the newest login address that the gateway printed on its terminal. Each address works once. ${RENEW}`;
const ELSEWHERE = "This request came from another page and was refused.";
const WRONG_NAME =
  "This gateway does not go by that name. Open it by its own name, or as localhost.";
const BAD_REQUEST = ["Not understood", "This request has no address that can be read."] as const;
const REFUSALS = {
  unknown: { title: "This login does not work any more", text: NO_LOGIN },
  expired: {
    title: "This login has expired",
    text: "This login has expired: run <code>wardgate login --data DIR</code> on the gateway.",
  },
} as const;

/** Where a request goes, or null: only paths of our own are understood. */
function urlOf({ url = "" }: IncomingMessage): URL | null {
  return url.startsWith("/") ? URL.parse(url, "https://gateway") : null;
}

function isReading({ method }: IncomingMessage): boolean {
  return method === "GET" || method === "HEAD";
}

function isApi(path: string): boolean {
  return path.startsWith("/api/") || path === "/healthz" || path === "/metrics";
}

/** Whoever looks at flows may not change them by that; the flow host's own board has values of every ward. */
function mayUseEditor(session: Session, path: string, isReadingOnly: boolean): boolean {
  const may = mayOf(session);
  const values = path !== "/ward/board" || (may.has("values") && may.has("all-wards"));
  return may.has("flow") && values && (isReadingOnly || may.has("deploy"));
}

/**
 * The flow host knows nothing of where its editor is to browsers: takes that away, and returns the path that is left. What goes on is what was
 * looked at, and not how the browser wrote it.
 */
function behindFlow(incoming: IncomingMessage, { pathname, search }: URL): string {
  const path = pathname.slice(FLOW.length);
  incoming.url = `${path}${search}`;
  return path;
}

const FLOW = "/flow";
