import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

import { errorText, WardError } from "../gateway/errors.ts";
import { chainKey, type ChainName } from "./chain-name.ts";
import type { Link } from "./linked-runs.ts";
import { bytesIn, linkIn, numberIn, type Row, storedRecordIn, textIn } from "./row.ts";
import { SqliteCheckpoints } from "./sqlite-checkpoints.ts";
import { prepareSqlite } from "./sqlite-schema.ts";
import {
  BINDINGS_MAX,
  type CommitAnswer,
  type HubStore,
  type NewEpoch,
  type NewRecord,
  PAGES_STEP,
  QUARANTINE_BYTES,
  QUARANTINE_MAX,
  QUARANTINE_TOPIC,
  type Refused,
  STEP_BYTES,
  STEP_RECORDS,
  type StoredBinding,
  type StoredRecord,
  type ViewState,
  type ViewStep,
} from "./store.ts";

/**
 * The store in one SQLite file with a write-ahead log and `synchronous=FULL`: what is committed is on disk. The door of
 * `node:sqlite`. One process writes (the hub's directory is locked), others may read.
 */
export class SqliteStore implements HubStore {
  readonly isShared = false;
  readonly checkpoints: SqliteCheckpoints;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #chains = new Map<string, number>();
  #lastId: number | null = null;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.checkpoints = new SqliteCheckpoints(database);
  }

  /**
   * Opens or makes the database, and brings one of an older version up to date.
   * @throws WardError `WARD_HUB_STORE` when the file is no database of ours or of a newer version
   */
  static open(path: string, options: { readonly readOnly?: boolean } = {}): SqliteStore {
    const readOnly = options.readOnly ?? false;
    let database: DatabaseSync | null = null;
    try {
      database = new DatabaseSync(path, { readOnly, timeout: BUSY_MS });
      prepareSqlite(database, readOnly);
      return new SqliteStore(database);
    } catch (error) {
      database?.close();
      throw new WardError(
        "WARD_HUB_STORE",
        `Cannot open hub database ${path}: ${errorText(error)}. Check the path, the rights and the disk.`,
        { cause: error },
      );
    }
  }

  async commit(
    records: readonly NewRecord[],
    committedAt: number,
  ): Promise<readonly CommitAnswer[]> {
    return this.#write(() => {
      let last = this.#newestId();
      const answers = records.map((record): CommitAnswer => {
        const chain = this.#chainOf(record);
        const held = this.#hashAt(chain, record.sequence);
        if (held !== null) {
          return { held };
        }
        last += 1;
        this.#statement(INSERT_RECORD).run(
          last,
          chain,
          record.sequence,
          record.hash,
          record.previous,
          committedAt,
          record.backlog ? 1 : 0,
          record.bytes,
        );
        return { id: last };
      });
      this.#lastId = last;
      return answers;
    });
  }

  async addEpoch(epoch: NewEpoch): Promise<void> {
    this.#write(() => {
      this.#statement("INSERT OR IGNORE INTO epochs VALUES (?, ?, ?, ?, ?)").run(
        epoch.gateway,
        epoch.epoch,
        epoch.hash,
        epoch.committedAt,
        epoch.bytes,
      );
      this.#statement("INSERT OR IGNORE INTO bindings VALUES (?, ?, ?, ?, ?)").run(
        epoch.gateway,
        epoch.signer,
        epoch.bindingHash,
        epoch.bindingAt,
        epoch.binding,
      );
    });
  }

  async quarantine(refused: readonly Refused[]): Promise<void> {
    this.#write(() => {
      for (const { topic, reason, hash, at, bytes } of refused) {
        const values = [topic.slice(0, QUARANTINE_TOPIC), reason, hash, at];
        this.#statement(
          "INSERT OR IGNORE INTO quarantine (topic, reason, hash, at, bytes) VALUES (?, ?, ?, ?, ?)",
        ).run(...values, bytes.subarray(0, QUARANTINE_BYTES));
      }
      this.#statement(
        "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?",
      ).run(QUARANTINE_MAX);
    });
  }

  async hashesAt(
    places: readonly (ChainName & { readonly sequence: number })[],
  ): Promise<readonly (Uint8Array | null)[]> {
    return places.map((place) => {
      const chain = this.#findChain(place);
      return chain === null ? null : this.#hashAt(chain, place.sequence);
    });
  }

  async links(name: ChainName, from: number, to: number): Promise<readonly Link[]> {
    const chain = this.#findChain(name);
    if (chain === null) {
      return [];
    }
    return this.#all(
      `SELECT sequence, hash, previous FROM records
       WHERE chain = ? AND sequence BETWEEN ? AND ? ORDER BY sequence`,
      [chain, from, to],
    ).map(linkIn);
  }

  async epoch(gateway: string, epoch: Uint8Array): Promise<Uint8Array | null> {
    const row = this.#get("SELECT bytes FROM epochs WHERE gateway = ? AND epoch = ?", [
      gateway,
      epoch,
    ]);
    return row === undefined ? null : bytesIn(row, "bytes");
  }

  async bindings(gateway: string, signer: Uint8Array): Promise<readonly StoredBinding[]> {
    return this.#all(
      "SELECT at, bytes FROM bindings WHERE gateway = ? AND signer = ? ORDER BY at DESC LIMIT ?",
      [gateway, signer, BINDINGS_MAX],
    ).map((row) => ({ at: numberIn(row, "at"), bytes: bytesIn(row, "bytes") }));
  }

  async lastId(): Promise<number> {
    return this.#newestId();
  }

  async records(after: number, upTo: number): Promise<readonly StoredRecord[]> {
    return this.#all(
      `SELECT r.id AS id, gateway, committed_at, backlog, bytes, marks FROM
         (SELECT *, sum(length(bytes)) OVER (ORDER BY id) AS total FROM records
          WHERE id > ? AND id <= ? ORDER BY id LIMIT ?) r
       JOIN chains ON chains.no = chain LEFT JOIN marks ON marks.id = r.id
       WHERE total - length(bytes) < ? ORDER BY r.id`,
      [after, upTo, STEP_RECORDS, STEP_BYTES],
    ).map(storedRecordIn);
  }

  async views(): Promise<ViewState> {
    return { booked: this.#fact("booked"), generation: this.#fact("generation") };
  }

  async pages(keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for (const key of keys) {
      const row = this.#get("SELECT bytes FROM pages WHERE key = ?", [key]);
      if (row !== undefined) {
        found.set(key, bytesIn(row, "bytes"));
      }
    }
    return found;
  }

  async *pagesUnder(prefix: string): AsyncIterable<readonly [string, Uint8Array]> {
    let after = prefix;
    for (;;) {
      const rows = this.#all(
        "SELECT key, bytes FROM pages WHERE key >= ? AND key < ? ORDER BY key LIMIT ?",
        [after, `${prefix}${LAST_CHARACTER}`, PAGES_STEP],
      );
      for (const row of rows) {
        yield [textIn(row, "key"), bytesIn(row, "bytes")];
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGES_STEP) {
        return;
      }
      after = `${textIn(last, "key")}\0`;
    }
  }

  async saveViews({ from, booked, pages, marks }: ViewStep): Promise<boolean> {
    return this.#write(() => {
      if (this.#fact("booked") !== from.booked || this.#fact("generation") !== from.generation) {
        return false;
      }
      for (const [key, bytes] of pages) {
        if (bytes === null) {
          this.#statement("DELETE FROM pages WHERE key = ?").run(key);
        } else {
          this.#statement("INSERT OR REPLACE INTO pages VALUES (?, ?)").run(key, bytes);
        }
      }
      for (const [id, text] of marks) {
        this.#statement("INSERT OR REPLACE INTO marks VALUES (?, ?)").run(id, text);
      }
      this.#setFact("booked", booked);
      return true;
    });
  }

  async emptyViews(): Promise<void> {
    this.#write(() => {
      this.#statement("DELETE FROM pages").run();
      this.#statement("DELETE FROM marks").run();
      this.#setFact("booked", 0);
      this.#setFact("generation", this.#fact("generation") + 1);
    });
  }

  async mayBook(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {
    this.#statements.clear();
    this.#database.close();
  }

  /** Runs `act` in one transaction: all of it is on disk afterwards, or nothing. */
  #write<T>(act: () => T): T {
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      const result = act();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#lastId = null;
      this.#chains.clear();
      if (this.#database.isTransaction) {
        this.#database.exec("ROLLBACK");
      }
      throw new WardError(
        "WARD_HUB_STORE",
        `Cannot write hub database: ${errorText(error)}. Check the disk.`,
        { cause: error },
      );
    }
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) {
      return known;
    }
    const made = this.#database.prepare(sql);
    this.#statements.set(sql, made);
    return made;
  }

  #get(sql: string, values: readonly SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  #all(sql: string, values: readonly SQLInputValue[]): readonly Row[] {
    return this.#statement(sql).all(...values);
  }

  #newestId(): number {
    this.#lastId ??= numberIn(
      this.#get("SELECT coalesce(max(id), 0) AS id FROM records", []) ?? {},
      "id",
    );
    return this.#lastId;
  }

  #hashAt(chain: number, sequence: number): Uint8Array | null {
    const row = this.#get("SELECT hash FROM records WHERE chain = ? AND sequence = ?", [
      chain,
      sequence,
    ]);
    return row === undefined ? null : bytesIn(row, "hash");
  }

  #findChain(name: ChainName): number | null {
    const key = chainKey(name);
    const known = this.#chains.get(key);
    if (known !== undefined) {
      return known;
    }
    const row = this.#get("SELECT no FROM chains WHERE gateway = ? AND store = ? AND class = ?", [
      name.gateway,
      name.store,
      name.class,
    ]);
    return row === undefined ? null : this.#know(key, numberIn(row, "no"));
  }

  #chainOf(name: ChainName): number {
    const found = this.#findChain(name);
    if (found !== null) {
      return found;
    }
    const { lastInsertRowid } = this.#statement(
      "INSERT INTO chains (gateway, store, class) VALUES (?, ?, ?)",
    ).run(name.gateway, name.store, name.class);
    return this.#know(chainKey(name), Number(lastInsertRowid));
  }

  #know(key: string, no: number): number {
    if (this.#chains.size >= CHAINS_MAX) {
      this.#chains.clear();
    }
    this.#chains.set(key, no);
    return no;
  }

  #fact(name: string): number {
    const row = this.#get("SELECT value FROM facts WHERE name = ?", [name]);
    return row === undefined ? 0 : numberIn(row, "value");
  }

  #setFact(name: string, value: number): void {
    this.#statement("INSERT OR REPLACE INTO facts VALUES (?, ?)").run(name, value);
  }
}

/** How long a second process (a report) may hold the lock before we give up. */
const BUSY_MS = 5000;
/** Chains remembered in memory. */
const CHAINS_MAX = 10_000;
/** Comes after everything that stands in a key. */
const LAST_CHARACTER = "\u{10ffff}";
const INSERT_RECORD = `INSERT INTO records
  (id, chain, sequence, hash, previous, committed_at, backlog, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
