import { WardError } from "../gateway/errors.ts";
import { chainKey, type ChainName } from "./chain-name.ts";
import type { Link } from "./linked-runs.ts";
import { PostgresCheckpoints } from "./postgres-checkpoints.ts";
import {
  LOCKS,
  POSTGRES_CHECKPOINTS,
  POSTGRES_SCHEMA,
  POSTGRES_VERSION,
} from "./postgres-schema.ts";
import { Postgres, type PostgresOptions } from "./postgres.ts";
import { bytesIn, linkIn, numberIn, type Row, storedRecordIn, textIn } from "./row.ts";
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
 * The store in PostgreSQL, which several hubs may share. Every change is one statement, so that no hub holds a lock while the
 * database waits for it.
 */
export class PostgresStore implements HubStore {
  readonly isShared = true;
  readonly checkpoints: PostgresCheckpoints;
  readonly #database: Postgres;
  /** Holds the lock of the books; its session is used for nothing else. */
  readonly #books: Postgres;
  readonly #chains = new Map<string, number>();
  #holdsBooks = false;

  private constructor(options: PostgresOptions) {
    this.#database = new Postgres(options);
    this.checkpoints = new PostgresCheckpoints(this.#database);
    this.#books = new Postgres({ url: options.url });
  }

  /**
   * Connects, and makes the tables when there are none.
   * @throws WardError `WARD_USAGE` for a URL that cannot be used, `WARD_HUB_STORE` when the database cannot
   */
  static async open(options: PostgresOptions): Promise<PostgresStore> {
    const store = new PostgresStore(options);
    try {
      await store.#prepare();
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  async commit(
    records: readonly NewRecord[],
    committedAt: number,
  ): Promise<readonly CommitAnswer[]> {
    if (records.length === 0) {
      return [];
    }
    const chains = await this.#chainNumbers(records);
    const lengths = records.map(({ bytes }) => bytes.length);
    let end = 0;
    const starts = lengths.map((length) => {
      end += length;
      return end - length;
    });
    const rows = await this.#database.rows(
      "SELECT * FROM wardgate.commit_records($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
      [
        chains,
        records.map(({ sequence }) => sequence),
        joined(records.map(({ hash }) => hash)),
        joined(records.map(({ previous }) => previous ?? NO_HASH)),
        records.map(({ previous }) => previous !== null),
        committedAt,
        records.map(({ backlog }) => backlog),
        starts,
        lengths,
        joined(records.map(({ bytes }) => bytes)),
      ],
    );
    return rows.map((row) =>
      row["held"] === null ? { id: numberIn(row, "id") } : { held: bytesIn(row, "held") },
    );
  }

  async addEpoch(epoch: NewEpoch): Promise<void> {
    await this.#database.rows("SELECT wardgate.add_epoch($1, $2, $3, $4, $5, $6, $7, $8, $9)", [
      epoch.gateway,
      epoch.epoch,
      epoch.hash,
      epoch.committedAt,
      epoch.bytes,
      epoch.signer,
      epoch.bindingHash,
      epoch.bindingAt,
      epoch.binding,
    ]);
  }

  async quarantine(refused: readonly Refused[]): Promise<void> {
    await this.#database.rows(
      `INSERT INTO wardgate.quarantine (topic, reason, hash, at, bytes)
       SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[], $5::bytea[])
       ON CONFLICT DO NOTHING`,
      [
        // PostgreSQL has no text with a zero character.
        refused.map(({ topic }) =>
          topic.slice(0, QUARANTINE_TOPIC).replaceAll("\0", " ").toWellFormed(),
        ),
        refused.map(({ reason }) => reason),
        refused.map(({ hash }) => hash),
        refused.map(({ at }) => at),
        refused.map(({ bytes }) => bytes.subarray(0, QUARANTINE_BYTES)),
      ],
    );
    await this.#database.rows(
      "DELETE FROM wardgate.quarantine WHERE id <= (SELECT max(id) FROM wardgate.quarantine) - $1",
      [QUARANTINE_MAX],
    );
  }

  async hashesAt(
    places: readonly (ChainName & { readonly sequence: number })[],
  ): Promise<readonly (Uint8Array | null)[]> {
    const found = new Map<number, Uint8Array>();
    if (places.length > 0) {
      const rows = await this.#database.rows(
        `SELECT place::integer, hash
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY
           AS p (gateway, store, class, sequence, place)
         JOIN wardgate.chains USING (gateway, store, class)
         JOIN wardgate.records ON chain = no AND records.sequence = p.sequence`,
        [
          places.map(({ gateway }) => gateway),
          places.map(({ store }) => store),
          places.map((place) => place.class),
          places.map(({ sequence }) => sequence),
        ],
      );
      for (const row of rows) {
        found.set(numberIn(row, "place") - 1, bytesIn(row, "hash"));
      }
    }
    return places.map((_, place) => found.get(place) ?? null);
  }

  async links(chain: ChainName, from: number, to: number): Promise<readonly Link[]> {
    const rows = await this.#database.rows(
      `SELECT sequence, hash, previous FROM wardgate.records
       WHERE chain = (SELECT no FROM wardgate.chains WHERE gateway = $1 AND store = $2 AND class = $3)
         AND sequence BETWEEN $4 AND $5 ORDER BY sequence`,
      [chain.gateway, chain.store, chain.class, from, to],
    );
    return rows.map(linkIn);
  }

  async epoch(gateway: string, epoch: Uint8Array): Promise<Uint8Array | null> {
    const [row] = await this.#database.rows(
      "SELECT bytes FROM wardgate.epochs WHERE gateway = $1 AND epoch = $2",
      [gateway, epoch],
    );
    return row === undefined ? null : bytesIn(row, "bytes");
  }

  async bindings(gateway: string, signer: Uint8Array): Promise<readonly StoredBinding[]> {
    const rows = await this.#database.rows(
      "SELECT at, bytes FROM wardgate.bindings WHERE gateway = $1 AND signer = $2 ORDER BY at DESC LIMIT $3",
      [gateway, signer, BINDINGS_MAX],
    );
    return rows.map((row) => ({ at: numberIn(row, "at"), bytes: bytesIn(row, "bytes") }));
  }

  async lastId(): Promise<number> {
    const [row] = await this.#database.rows(
      "SELECT coalesce(max(id), 0) AS id FROM wardgate.records",
    );
    return numberIn(row ?? {}, "id");
  }

  async records(after: number, upTo: number): Promise<readonly StoredRecord[]> {
    const rows = await this.#database.rows(
      `SELECT r.id, gateway, committed_at, backlog, bytes, marks FROM
         (SELECT *, sum(length(bytes)) OVER (ORDER BY id) AS total FROM wardgate.records
          WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3) r
       JOIN wardgate.chains ON no = chain LEFT JOIN wardgate.marks ON marks.id = r.id
       WHERE total - length(bytes) < $4 ORDER BY r.id`,
      [after, upTo, STEP_RECORDS, STEP_BYTES],
    );
    return rows.map(storedRecordIn);
  }

  async views(): Promise<ViewState> {
    const rows = await this.#database.rows("SELECT name, value FROM wardgate.facts");
    const facts = new Map(rows.map((row) => [textIn(row, "name"), numberIn(row, "value")]));
    return { booked: facts.get("booked") ?? 0, generation: facts.get("generation") ?? 0 };
  }

  async pages(keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const rows = await this.#database.rows(
      "SELECT key, bytes FROM wardgate.pages WHERE key = ANY ($1::text[])",
      [keys],
    );
    return new Map(rows.map(pageIn));
  }

  async *pagesUnder(prefix: string): AsyncIterable<readonly [string, Uint8Array]> {
    let rows = await this.#database.rows(
      "SELECT key, bytes FROM wardgate.pages WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3",
      [prefix, prefix + LAST_CHARACTER, PAGES_STEP],
    );
    for (;;) {
      yield* rows.map(pageIn);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGES_STEP) {
        return;
      }
      rows = await this.#database.rows(
        "SELECT key, bytes FROM wardgate.pages WHERE key > $1 AND key < $2 ORDER BY key LIMIT $3",
        [textIn(last, "key"), prefix + LAST_CHARACTER, PAGES_STEP],
      );
    }
  }

  async saveViews({ from, booked, pages, marks }: ViewStep): Promise<boolean> {
    const kept: [string, Uint8Array][] = [];
    const gone: string[] = [];
    for (const [key, bytes] of pages) {
      if (bytes === null) {
        gone.push(key);
      } else {
        kept.push([key, bytes]);
      }
    }
    const [row] = await this.#database.rows(
      "SELECT wardgate.save_views($1, $2, $3, $4, $5, $6, $7, $8) AS saved",
      [
        from.booked,
        from.generation,
        booked,
        kept.map(([key]) => key),
        kept.map(([, bytes]) => bytes),
        gone,
        [...marks.keys()],
        [...marks.values()],
      ],
    );
    return row?.["saved"] === true;
  }

  async emptyViews(): Promise<void> {
    await this.#database.rows("SELECT wardgate.empty_views()");
  }

  async mayBook(): Promise<boolean> {
    // The lock is gone with its session.
    this.#holdsBooks &&= this.#books.isUp;
    const [row] = await this.#books.rows(
      this.#holdsBooks ? "SELECT true AS held" : "SELECT pg_try_advisory_lock($1, $2) AS held",
      this.#holdsBooks ? [] : [LOCKS.space, LOCKS.books],
    );
    this.#holdsBooks = row?.["held"] === true;
    return this.#holdsBooks;
  }

  async close(): Promise<void> {
    await this.#database.close();
    await this.#books.close();
  }

  async #prepare(): Promise<void> {
    const [found] = await this.#database.rows(
      "SELECT to_regclass('wardgate.facts') IS NOT NULL AS here",
    );
    if (found?.["here"] !== true) {
      await this.#database.script(
        `BEGIN; SELECT pg_advisory_xact_lock(${LOCKS.space}, ${LOCKS.schema});
         DO $make$ BEGIN
           IF to_regclass('wardgate.facts') IS NULL THEN EXECUTE $schema$ ${POSTGRES_SCHEMA} $schema$; END IF;
         END $make$; COMMIT`,
      );
    }
    const version = await this.#version();
    if (version === 2) {
      await this.#database.script(
        `BEGIN; SELECT pg_advisory_xact_lock(${LOCKS.space}, ${LOCKS.schema});
         DO $make$ BEGIN
           IF to_regclass('wardgate.checkpoints') IS NULL THEN EXECUTE $schema$ ${POSTGRES_CHECKPOINTS}
             UPDATE wardgate.facts SET value = ${POSTGRES_VERSION} WHERE name = 'version'; $schema$; END IF;
         END $make$; COMMIT`,
      );
    } else if (version !== POSTGRES_VERSION) {
      throw new WardError(
        "WARD_HUB_STORE",
        `Cannot use database: it has version ${version}, this program needs ${POSTGRES_VERSION}. Run the version of Wardgate that made it.`,
      );
    }
  }

  async #version(): Promise<number> {
    const rows = await this.#database.rows(
      "SELECT value FROM wardgate.facts WHERE name = 'version'",
    );
    return numberIn(rows[0] ?? {}, "value");
  }

  async #chainNumbers(records: readonly ChainName[]): Promise<number[]> {
    const numbers: number[] = [];
    for (const record of records) {
      numbers.push(this.#chains.get(chainKey(record)) ?? (await this.#makeChain(record)));
    }
    return numbers;
  }

  async #makeChain(name: ChainName): Promise<number> {
    const values = [name.gateway, name.store, name.class];
    await this.#database.rows(
      "INSERT INTO wardgate.chains (gateway, store, class) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
      values,
    );
    const [row] = await this.#database.rows(
      "SELECT no FROM wardgate.chains WHERE gateway = $1 AND store = $2 AND class = $3",
      values,
    );
    if (this.#chains.size >= CHAINS_MAX) {
      this.#chains.clear();
    }
    const no = numberIn(row ?? {}, "no");
    this.#chains.set(chainKey(name), no);
    return no;
  }
}

/** Chains remembered in memory. */
const CHAINS_MAX = 10_000;
/** Comes after everything that stands in a key. */
const LAST_CHARACTER = "\u{10ffff}";
const NO_HASH = new Uint8Array(32);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

function pageIn(row: Row): [string, Uint8Array] {
  return [textIn(row, "key"), bytesIn(row, "bytes")];
}
