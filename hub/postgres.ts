import { setTimeout as sleep } from "node:timers/promises";

import { Client, types, type ClientConfig } from "pg";

import { errorText, WardError } from "../gateway/errors.ts";
import type { Row } from "./row.ts";

/** How a database is reached. */
export interface PostgresOptions {
  /** `postgres://user@host:port/database`, without a password; `postgres:///database?host=/directory` for a local socket. */
  readonly url: string;
  /** Hears what an operator should know about the database's settings: one plain sentence. */
  readonly onNotice?: (text: string) => void;
}

/** A value of a statement. */
export type PostgresValue =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | readonly (string | number | boolean | Uint8Array)[];

/**
 * One connection to PostgreSQL, made when it is needed and made again when it was lost, after pauses that grow. The door of
 * `pg`. The password comes from `PGPASSWORD` or the password file (`PGPASSFILE`, `~/.pgpass`), never from the URL, so that it
 * stands in no process list, log or error.
 */
export class Postgres {
  readonly #options: PostgresOptions;
  #client: Client | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #nextAttemptAt = Number.NEGATIVE_INFINITY;
  #pauseMs = PAUSE_MIN_MS;
  #lastError: unknown = null;
  #closed = false;

  /** Throws WardError `WARD_USAGE` for a URL that cannot be used. */
  constructor(options: PostgresOptions) {
    checkUrl(options.url);
    this.#options = options;
  }

  /** True while the connection stands. */
  get isUp(): boolean {
    return this.#client !== null;
  }

  /**
   * Runs one statement, prepared once per connection, in a transaction of its own.
   * @throws WardError `WARD_HUB_STORE`; whether it happened is then unknown
   */
  async rows(text: string, values: readonly PostgresValue[] = []): Promise<readonly Row[]> {
    return await this.#inTurn(async () => await this.#rows(text, values));
  }

  async #rows(text: string, values: readonly PostgresValue[]): Promise<readonly Row[]> {
    const client = await this.#connected();
    try {
      const result = await client.query<Record<string, unknown>>({
        name: nameOf(text),
        text,
        values: values.map(plainValue),
      });
      return result.rows;
    } catch (error) {
      this.#dropUnlessWell(client, error);
      throw failure(client, error);
    }
  }

  /** Runs a script of several statements. Throws WardError `WARD_HUB_STORE`. */
  async script(text: string): Promise<void> {
    await this.#inTurn(async () => {
      const client = await this.#connected();
      try {
        await client.query(text);
      } catch (error) {
        this.#drop(client);
        throw failure(client, error);
      }
    });
  }

  /** A connection does one thing at a time. */
  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(act);
    this.#queue = done.catch(() => undefined);
    return await done;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const client = this.#client;
    this.#client = null;
    const late = new AbortController();
    await Promise.race([
      client?.end().catch(() => undefined),
      sleep(CLOSE_MS, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
  }

  async #connected(): Promise<Client> {
    if (this.#client !== null) {
      return this.#client;
    }
    if (this.#closed) {
      throw new TypeError("the database connection was closed");
    }
    if (performance.now() < this.#nextAttemptAt) {
      throw this.#lastError;
    }
    return await this.#connect();
  }

  async #connect(): Promise<Client> {
    const client = new Client(configOf(this.#options.url));
    client.on("error", () => this.#drop(client));
    client.on("end", () => this.#drop(client));
    try {
      await client.connect();
      await this.#checkSettings(client);
    } catch (error) {
      this.#nextAttemptAt = performance.now() + this.#pauseMs * (0.5 + Math.random() / 2);
      this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MAX_MS);
      this.#lastError = failure(client, error);
      client.end().catch(() => undefined);
      throw this.#lastError;
    }
    this.#pauseMs = PAUSE_MIN_MS;
    this.#client = client;
    return client;
  }

  /** A receipt promises that a record survives a power cut; some settings of a database break that. */
  async #checkSettings(client: Client): Promise<void> {
    const { rows } = await client.query<Record<string, unknown>>(
      `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
         current_setting('full_page_writes') AS pages`,
    );
    const { fsync, commit, pages } = rows[0] ?? {};
    if (fsync !== "on") {
      throw new WardError(
        "WARD_HUB_STORE",
        "its setting fsync is off, so a power cut loses what it acknowledged. Set fsync = on",
      );
    }
    if (commit === "off") {
      await client.query("SET synchronous_commit = on");
    }
    if (pages !== "on") {
      this.#options.onNotice?.(
        "The database's setting full_page_writes is off: a power cut may damage it unless its file system never tears pages.",
      );
    }
  }

  /** An error of the statement itself leaves the connection as it is. */
  #dropUnlessWell(client: Client, error: unknown): void {
    const code = codeOf(error);
    if (!/^[0-9A-Z]{5}$/.test(code) || LOST_CLASSES.some((start) => code.startsWith(start))) {
      this.#drop(client);
    }
  }

  #drop(client: Client): void {
    if (this.#client === client) {
      this.#client = null;
      client.end().catch(() => undefined);
    }
  }
}

const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 5000;
const CONNECT_MS = 10_000;
/** The server ends a statement after this long, and a little later we end the connection. */
const STATEMENT_MS = 30_000;
const QUERY_MS = 35_000;
/** How long closing waits for a server that does not answer. */
const CLOSE_MS = 2000;
/** SQLSTATE classes after which the connection is not used any more: connection, shutdown, internal. */
const LOST_CLASSES = ["08", "57P", "XX", "58"];

function configOf(connectionString: string): ClientConfig {
  return {
    connectionString,
    application_name: "wardgate hub",
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: QUERY_MS,
    idle_in_transaction_session_timeout: STATEMENT_MS,
    keepAlive: true,
    types: {
      getTypeParser: (oid, format) =>
        oid === types.builtins.INT8 && format !== "binary"
          ? Number
          : types.getTypeParser(oid, format),
    },
  };
}

function checkUrl(url: string): void {
  const parsed = URL.parse(url);
  const isPostgres = parsed?.protocol === "postgres:" || parsed?.protocol === "postgresql:";
  if (parsed === null || !isPostgres || parsed.pathname.length < 2) {
    throw new WardError(
      "WARD_USAGE",
      "Cannot use --database: give postgres://USER@HOST:PORT/DATABASE.",
    );
  }
  if (parsed.password !== "" || parsed.searchParams.has("password")) {
    throw new WardError(
      "WARD_USAGE",
      "Cannot use --database: a password in it can be seen by everyone on this machine. Put it into PGPASSWORD or a PGPASSFILE.",
    );
  }
}

/** Names of prepared statements, by their text. */
const NAMES = new Map<string, string>();

function nameOf(text: string): string {
  const known = NAMES.get(text);
  if (known !== undefined) {
    return known;
  }
  const name = `ward${NAMES.size}`;
  NAMES.set(text, name);
  return name;
}

function plainValue(value: PostgresValue): unknown {
  if (value instanceof Uint8Array) {
    return asBuffer(value);
  }
  return Array.isArray(value)
    ? value.map((entry) => (entry instanceof Uint8Array ? asBuffer(entry) : entry))
    : value;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Names the place, never a user's password: that is not in it. */
function failure(client: Client, error: unknown): WardError {
  const { host, port, database } = client;
  return new WardError(
    "WARD_HUB_STORE",
    `Cannot use database ${database ?? ""} at ${host}:${port}: ${errorText(error)}. Check the server, the user and the network.`,
    { cause: error },
  );
}
