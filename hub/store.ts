import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

import { errorText, WardError } from "../gateway/errors.ts";
import { SCHEMA, SCHEMA_VERSION } from "./schema.ts";

/** One row of an answer; read its columns with `numberIn`, `textIn` and `bytesIn`. */
export type Row = Readonly<Record<string, unknown>>;

/** One prepared statement. Integers must be safe integers; byte strings are copied. */
export interface Statement {
  run(...values: SQLInputValue[]): { readonly changes: number; readonly lastId: number };
  get(...values: SQLInputValue[]): Row | undefined;
  all(...values: SQLInputValue[]): readonly Row[];
  each(...values: SQLInputValue[]): Iterable<Row>;
}

/**
 * The door of `node:sqlite`: one database file with a write-ahead log and `synchronous=FULL`, so that a committed
 * transaction is on disk when `transaction` returns. Every call is synchronous; there is one writer.
 */
export class HubStore {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, Statement>();

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /**
   * Opens or makes the database.
   * @throws WardError `WARD_HUB_STORE` when the file is no database of ours or of another version
   */
  static open(path: string, options: { readonly readOnly?: boolean } = {}): HubStore {
    const readOnly = options.readOnly ?? false;
    let database: DatabaseSync | null = null;
    try {
      database = new DatabaseSync(path, { readOnly, timeout: BUSY_MS });
      prepareDatabase(database, readOnly);
      return new HubStore(database);
    } catch (error) {
      database?.close();
      throw new WardError(
        "WARD_HUB_STORE",
        `Cannot open hub database ${path}: ${errorText(error)}. Check the path, the rights and the disk.`,
        { cause: error },
      );
    }
  }

  /** A prepared statement, kept for the next call with the same text. */
  statement(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) {
      return known;
    }
    const made = wrap(this.#database.prepare(sql));
    this.#statements.set(sql, made);
    return made;
  }

  /** Runs `act` in one transaction: all of it is on disk afterwards, or nothing. Not to be nested. */
  transaction<T>(act: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = act();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.isTransaction) {
        this.#database.exec("ROLLBACK");
      }
      throw error;
    }
  }

  /** Runs `act` so that a failure in it undoes only what it wrote, not the transaction around it. */
  attempt<T>(act: () => T): T {
    this.#database.exec("SAVEPOINT attempt");
    try {
      const result = act();
      this.#database.exec("RELEASE attempt");
      return result;
    } catch (error) {
      if (this.#database.isTransaction) {
        this.#database.exec("ROLLBACK TO attempt");
        this.#database.exec("RELEASE attempt");
      }
      throw error;
    }
  }

  /** True when SQLite itself said no. */
  static isDatabaseError(error: unknown): boolean {
    return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
  }

  /** True when the error says that this one row cannot be, not that the database is in trouble. */
  static isConstraint(error: unknown): boolean {
    const code: unknown = error instanceof Error && "errcode" in error ? error.errcode : undefined;
    return typeof code === "number" && code % 256 === SQLITE_CONSTRAINT;
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}

/** An integer column. Throws TypeError when it is something else: the caller's statement is wrong. */
export function numberIn(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") {
    throw new TypeError(`column ${column} is not a number`);
  }
  return value;
}

/** An integer column that may be empty. */
export function numberOrNullIn(row: Row, column: string): number | null {
  return row[column] === null ? null : numberIn(row, column);
}

/** A text column. Throws TypeError when it is something else. */
export function textIn(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") {
    throw new TypeError(`column ${column} is not text`);
  }
  return value;
}

/** A text column that may be empty. */
export function textOrNullIn(row: Row, column: string): string | null {
  return row[column] === null ? null : textIn(row, column);
}

/** A byte string column. Throws TypeError when it is something else. */
export function bytesIn(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(`column ${column} is not bytes`);
  }
  return value;
}

/** How long a second process (a report) may hold the lock before we give up. */
const BUSY_MS = 5000;
const SQLITE_CONSTRAINT = 19;

function prepareDatabase(database: DatabaseSync, readOnly: boolean): void {
  if (!readOnly) {
    database.exec("PRAGMA journal_mode=WAL");
    database.exec("PRAGMA synchronous=FULL");
  }
  const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
  if (version === 0 && !readOnly) {
    database.exec(`BEGIN; ${SCHEMA} PRAGMA user_version=${SCHEMA_VERSION}; COMMIT`);
    return;
  }
  if (version !== SCHEMA_VERSION) {
    throw new WardError(
      "WARD_HUB_STORE",
      `it has version ${String(version)}, this program needs ${SCHEMA_VERSION}`,
    );
  }
}

function wrap(statement: StatementSync): Statement {
  return {
    run: (...values) => {
      const { changes, lastInsertRowid } = statement.run(...values);
      return { changes: Number(changes), lastId: Number(lastInsertRowid) };
    },
    get: (...values) => statement.get(...values),
    all: (...values) => statement.all(...values),
    each: (...values) => statement.iterate(...values),
  };
}
