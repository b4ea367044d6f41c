import type { IncomingMessage, ServerResponse } from "node:http";

import type { WardBeds } from "../access/wards.ts";
import { errorCode, errorText, WardError } from "../errors.ts";
import { isDeviceId } from "../reading.ts";
import type { JournalEvent } from "../journal/event.ts";
import type { ListenerQuery } from "../rooms.ts";
import { makeApi, type Route } from "./api.ts";
import { BoardCopy } from "./board-copy.ts";
import type { BoardEvent, FactsEvent, WavesEvent } from "./contract.ts";
import { sessionCookie } from "./headers.ts";
import { jsonOf, textIn } from "./json-body.ts";
import { documentOf, factsOf, journalPageOf } from "./main-answers.ts";
import { metricsOf } from "./metrics.ts";
import { People, type PeopleOptions } from "./people.ts";
import { mayOf, type Session, Sessions } from "./sessions.ts";
import { type Sight, sightOf, wardsOf } from "./view.ts";
import { Viewers } from "./viewers.ts";

export interface ConsoleOptions {
  readonly gateway: string;
  readonly authoring: boolean;
  readonly wards: readonly WardBeds[];
  /** Asks main; rejects with why it cannot be answered. */
  readonly query: (what: ListenerQuery, argument: string) => Promise<unknown>;
  readonly journal: (event: JournalEvent) => Promise<void>;
  /** Whether anybody looks, and at the waveforms of which devices. */
  readonly watch: (on: boolean, waves: readonly string[]) => void;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Only tests give some that cost less. */
  readonly passwords?: PeopleOptions["passwords"];
}

/** What the pages are made from and who may have it: sessions, people, routes and streams. It listens to nobody itself. */
export class Console {
  readonly sessions: Sessions;
  readonly #options: ConsoleOptions;
  readonly #people: People;
  readonly #api: Readonly<Record<string, Route>>;
  readonly #board: BoardCopy = new BoardCopy();
  readonly #viewers: Viewers;
  readonly #sweep: NodeJS.Timeout;
  #facts: { readonly event: FactsEvent; readonly at: number } | null = null;

  constructor(options: ConsoleOptions) {
    this.#options = options;
    const { query, now, passwords, journal } = options;
    this.sessions = new Sessions(now, (session, why) => this.#ended(session, why));
    this.#people = new People({
      load: async () => documentOf(await query("accounts", "")),
      save: async (text) => {
        await query("save-accounts", Buffer.from(text, "utf8").toString("base64"));
      },
      now,
      ...(passwords === undefined ? {} : { passwords }),
    });
    this.#viewers = new Viewers({
      board: this.#board,
      sight: (id) => {
        const session = this.sessions.look(id);
        return session === null ? null : this.#sightOf(session);
      },
      watch: options.watch,
    });
    this.#sweep = setInterval(() => this.sessions.sweep(), SWEEP_MS);
    this.#sweep.unref();
    this.#api = makeApi({
      gateway: options.gateway,
      authoring: options.authoring,
      wards: () => this.#wards(),
      people: this.#people,
      sessions: this.sessions,
      sight: (session) => this.#sightOf(session),
      facts: () => this.#latestFacts(),
      journalPage: async (argument) => journalPageOf(await query("journal", argument)),
      journal,
      wallClock: Date.now,
    });
  }

  /** Every route that needs a login, and who may call it: for the test that looks at all of them. */
  get routes(): Readonly<Record<string, Route>> {
    return this.#api;
  }

  board(event: BoardEvent): void {
    this.#board.take(event);
    this.#viewers.board(event);
  }

  waves(event: WavesEvent): void {
    this.#viewers.waves(event);
  }

  facts(event: FactsEvent): void {
    this.#facts = { event, at: this.#options.now() };
    this.#viewers.facts(event);
  }

  /** Answers a request for /api, /healthz or /metrics. */
  async answer(
    url: URL,
    session: Session | null,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    try {
      await this.#answer(url, session, incoming, response);
    } catch (error) {
      const code = errorCode(error);
      const known = STATUS[code];
      const isOurs = error instanceof WardError;
      send(response, known ?? (isOurs ? 503 : 500), {
        code: isOurs ? code : "WARD_PAGE",
        message: errorText(error),
      });
    }
  }

  close(): void {
    clearInterval(this.#sweep);
    this.#viewers.close();
  }

  async #answer(
    url: URL,
    session: Session | null,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const method = incoming.method ?? "GET";
    const name = `${method} ${url.pathname}`;
    if (name === "GET /healthz") {
      const { health } = await this.#latestFacts();
      send(response, health.state === "stuck" ? 503 : 200, { state: health.state });
      return;
    }
    if (name === "POST /api/login") {
      await this.#logIn(incoming, response);
      return;
    }
    if (session === null) {
      send(response, 401, { code: "WARD_LOGIN", message: "Sign in first." });
      return;
    }
    const may = mayOf(session);
    if (name === "GET /api/events") {
      await this.#stream(url, session, response);
    } else if (name === "GET /metrics" && may.has("link")) {
      response.writeHead(200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" });
      response.end(metricsOf(await this.#latestFacts(), this.#viewers.size));
    } else {
      await this.#route(this.#api[name], { url, session, incoming, response });
    }
  }

  async #route(
    route: Route | undefined,
    { url, session, incoming, response }: RouteAsked,
  ): Promise<void> {
    if (route === undefined) {
      send(response, 404, { code: "WARD_NOT_THERE", message: "There is nothing of that name." });
      return;
    }
    if (route.permission !== null && !mayOf(session).has(route.permission)) {
      send(response, 403, { code: "WARD_FORBIDDEN", message: "Your roles do not permit this." });
      return;
    }
    const hasBody = incoming.method === "POST";
    const body = hasBody ? await jsonOf(incoming) : {};
    send(response, 200, await route.answer({ session, query: url.searchParams, body }));
  }

  async #logIn(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await jsonOf(incoming);
    const [name, password] = [textIn(body, "name", 64), textIn(body, "password", 200)];
    const found = await this.#people.logIn(name, password, incoming.socket.remoteAddress ?? "");
    if ("waitMs" in found) {
      const what = { reason: "wrong-password" };
      const event = { kind: "login-refused", who: "editor", outcome: "refused", what } as const;
      this.#options.journal(event).catch(() => undefined);
      setTimeout(() => send(response, 401, WRONG), found.waitMs);
      return;
    }
    const session = this.sessions.open(found.person);
    const what = { session: session.mark };
    try {
      await this.#options.journal({
        kind: "login",
        who: found.person.who,
        outcome: "accepted",
        what,
      });
    } catch (error) {
      this.sessions.end(session, "asked");
      throw error;
    }
    response.setHeader("Set-Cookie", sessionCookie(session.id));
    send(response, 200, {});
  }

  async #stream(url: URL, session: Session, response: ServerResponse): Promise<void> {
    const waves = url.searchParams.get("waves") ?? "";
    if (waves !== "" && !isDeviceId(waves)) {
      throw new WardError("WARD_PAGE_BODY", "Cannot show waveforms: this is no device.");
    }
    const now = this.#options.now();
    const isNew = session.viewedAt === null || now - session.viewedAt > VIEW_MS;
    if (isNew && mayOf(session).has("values")) {
      const { mark, person } = session;
      const what = { session: mark, page: "board" };
      await this.#options.journal({ kind: "view", who: person.who, outcome: "accepted", what });
      session.viewedAt = now;
    }
    if (!this.#viewers.add(session.id, response, waves)) {
      send(response, 429, { code: "WARD_BUSY", message: "Too many pages are open. Close one." });
    }
  }

  #sightOf(session: Session): Sight {
    const { person, breakGlass } = session;
    const own = breakGlass === null ? person.wards : [...person.wards, breakGlass.ward];
    return sightOf(mayOf(session), own, this.#wards());
  }

  #wards(): readonly WardBeds[] {
    return wardsOf(this.#options.wards, this.#facts?.event.devices ?? []);
  }

  /** Those that came last, when they are fresh, or else asked for. */
  async #latestFacts(): Promise<FactsEvent> {
    const now = this.#options.now();
    if (this.#facts === null || now - this.#facts.at > FRESH_MS) {
      const event = factsOf(await this.#options.query("facts", ""));
      this.#facts = { event, at: now };
    }
    return this.#facts.event;
  }

  #ended(session: Session, why: "asked" | "idle" | "changed"): void {
    this.#viewers.end(session.id);
    const { mark, person } = session;
    const what = { session: mark, why };
    this.#options
      .journal({ kind: "logout", who: person.who, outcome: "done", what })
      .catch(() => undefined);
  }
}

interface RouteAsked {
  readonly url: URL;
  readonly session: Session;
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
}

const FRESH_MS = 1500;
/** Whoever looks on and on is written down this often. */
const VIEW_MS = 600_000;
const SWEEP_MS = 5000;
const WRONG = { code: "WARD_LOGIN", message: "Name or password is wrong." };
/** What a person can mend is theirs, what the gateway cannot do now is not. */
const STATUS: Readonly<Record<string, number>> = {
  WARD_PAGE_BODY: 400,
  WARD_ACCOUNT: 400,
  WARD_PASSWORD: 400,
  WARD_REASON: 400,
  WARD_USAGE: 400,
  WARD_BUSY: 429,
};

function send(response: ServerResponse, status: number, content: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(content));
}
