import { RANGE_KINDS, type RangeTable } from "./range-table.ts";
import { bytesIn, type HubStore, numberIn, type Row, textIn, textOrNullIn } from "./store.ts";

/** Where a record stands: one chain per gateway, store and record class. */
export interface ChainName {
  readonly gateway: string;
  readonly store: string;
  readonly class: string;
}

/** A verified record on its way into the store. Hashes and salt are byte strings. */
export interface NewRecord {
  readonly chain: number;
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly previous: Uint8Array | null;
  readonly salt: Uint8Array;
  readonly storedAt: number;
  readonly committedAt: number;
  readonly backlog: boolean;
  readonly bytes: Uint8Array;
}

/** A record as the views read it. */
export interface StoredRecord {
  readonly id: number;
  readonly gateway: string;
  readonly committedAt: number;
  readonly backlog: boolean;
  readonly bytes: Uint8Array;
  /** What booking it found, as JSON; null when it was all news. */
  readonly marks: string | null;
}

/** A record that the gateway declared gone. */
export interface GonePlace {
  readonly chain: number;
  readonly sequence: number;
  readonly hash: Uint8Array;
  readonly salt: Uint8Array;
  readonly reason: string;
}

/** The sealed store: verified records and epochs exactly as they came, and what was refused. */
export class SealedStore {
  readonly #store: HubStore;
  readonly #ranges: RangeTable;
  readonly #chains = new Map<string, number>();

  constructor(store: HubStore, ranges: RangeTable) {
    this.#store = store;
    this.#ranges = ranges;
  }

  /** Forgets what may have been undone. */
  forget(): void {
    this.#chains.clear();
  }

  /** The chain's number, or null when nothing of it was ever committed. */
  findChain(name: ChainName): number | null {
    const known = this.#chains.get(keyOf(name));
    if (known !== undefined) {
      return known;
    }
    const row = this.#store
      .statement("SELECT no FROM chains WHERE gateway = ? AND store = ? AND class = ?")
      .get(name.gateway, name.store, name.class);
    return row === undefined ? null : this.#know(name, numberIn(row, "no"));
  }

  /** The chain's number, made when new. */
  chainOf(name: ChainName): number {
    const found = this.findChain(name);
    if (found !== null) {
      return found;
    }
    const { lastId } = this.#store
      .statement("INSERT INTO chains (gateway, store, class) VALUES (?, ?, ?)")
      .run(name.gateway, name.store, name.class);
    return this.#know(name, lastId);
  }

  /** The hash of the record at a place, or null. */
  hashAt(chain: number, sequence: number): Uint8Array | null {
    const row = this.#store
      .statement("SELECT hash FROM records WHERE chain = ? AND sequence = ?")
      .get(chain, sequence);
    return row === undefined ? null : bytesIn(row, "hash");
  }

  /** Adds a record at a free place and returns its id. */
  add(record: NewRecord): number {
    const { lastId } = this.#store
      .statement(
        `INSERT INTO records
         (chain, sequence, hash, previous, salt, stored_at, committed_at, backlog, bytes)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        record.chain,
        record.sequence,
        record.hash,
        record.previous,
        record.salt,
        record.storedAt,
        record.committedAt,
        record.backlog ? 1 : 0,
        record.bytes,
      );
    this.#ranges.add(RANGE_KINDS.committed, record.chain, record.sequence, record.sequence);
    return lastId;
  }

  /** False when the hashes of the neighbours that are here, or known to be gone, do not fit this record. */
  fitsChain(record: Pick<NewRecord, "chain" | "sequence" | "hash" | "previous">): boolean {
    const before =
      this.hashAt(record.chain, record.sequence - 1) ??
      this.#goneHash(record.chain, record.sequence - 1);
    if (before !== null && !sameBytes(before, record.previous)) {
      return false;
    }
    const after = this.#store
      .statement("SELECT previous FROM records WHERE chain = ? AND sequence = ?")
      .get(record.chain, record.sequence + 1);
    return after === undefined || sameBytes(record.hash, nullableBytesIn(after, "previous"));
  }

  /** Notes that the hashes of a chain do not fit: from then on nothing is concluded from them. */
  setBroken(chain: number): void {
    this.#store.statement("UPDATE chains SET broken = 1 WHERE no = ?").run(chain);
  }

  isBroken(chain: number): boolean {
    const row = this.#store.statement("SELECT broken FROM chains WHERE no = ?").get(chain);
    return row !== undefined && numberIn(row, "broken") === 1;
  }

  /** Notes that the records first..last of a chain are gone, and what is known of each. */
  addGone(chain: number, first: number, last: number, places: readonly GonePlace[]): void {
    this.#ranges.add(RANGE_KINDS.gone, chain, first, last);
    for (const place of places) {
      this.#store
        .statement("INSERT OR IGNORE INTO gone VALUES (?, ?, ?, ?, ?)")
        .run(place.chain, place.sequence, place.hash, place.salt, place.reason);
    }
  }

  setMarks(id: number, marks: string | null): void {
    this.#store.statement("UPDATE records SET marks = ? WHERE id = ?").run(marks, id);
  }

  /** Records in order of commit after `id`, `countMax` at most. */
  recordsAfter(id: number, countMax: number): StoredRecord[] {
    return this.#store
      .statement(
        `SELECT id, gateway, committed_at, backlog, bytes, marks FROM records
         JOIN chains ON chains.no = chain WHERE id > ? ORDER BY id LIMIT ?`,
      )
      .all(id, countMax)
      .map(storedRecordIn);
  }

  get lastId(): number {
    const row = this.#store.statement("SELECT max(id) AS id FROM records").get();
    return row === undefined || row["id"] === null ? 0 : numberIn(row, "id");
  }

  get count(): number {
    const row = this.#store.statement("SELECT count(*) AS count FROM records").get();
    return row === undefined ? 0 : numberIn(row, "count");
  }

  chains(): (ChainName & { readonly no: number })[] {
    return this.#store
      .statement("SELECT * FROM chains ORDER BY no")
      .all()
      .map((row) => ({
        no: numberIn(row, "no"),
        gateway: textIn(row, "gateway"),
        store: textIn(row, "store"),
        class: textIn(row, "class"),
      }));
  }

  /** The signed epoch record of a gateway, or null. */
  epoch(gateway: string, epoch: Uint8Array): Uint8Array | null {
    const row = this.#store
      .statement("SELECT bytes FROM epochs WHERE gateway = ? AND epoch = ?")
      .get(gateway, epoch);
    return row === undefined ? null : bytesIn(row, "bytes");
  }

  /** Binding statements seen for a signing key of a gateway, newest first; `at` is the time to judge each by. */
  bindings(
    gateway: string,
    signer: Uint8Array,
  ): { readonly at: number; readonly bytes: Uint8Array }[] {
    return this.#store
      .statement(
        "SELECT at, bytes FROM bindings WHERE gateway = ? AND signer = ? ORDER BY at DESC LIMIT ?",
      )
      .all(gateway, signer, BINDINGS_MAX)
      .map((row) => ({ at: numberIn(row, "at"), bytes: bytesIn(row, "bytes") }));
  }

  addBinding(binding: {
    readonly gateway: string;
    readonly signer: Uint8Array;
    readonly hash: Uint8Array;
    readonly at: number;
    readonly bytes: Uint8Array;
  }): void {
    this.#store
      .statement("INSERT OR IGNORE INTO bindings VALUES (?, ?, ?, ?, ?)")
      .run(binding.gateway, binding.signer, binding.hash, binding.at, binding.bytes);
  }

  addEpoch(epoch: {
    readonly gateway: string;
    readonly epoch: Uint8Array;
    readonly hash: Uint8Array;
    readonly committedAt: number;
    readonly bytes: Uint8Array;
  }): void {
    this.#store
      .statement("INSERT OR IGNORE INTO epochs VALUES (?, ?, ?, ?, ?)")
      .run(epoch.gateway, epoch.epoch, epoch.hash, epoch.committedAt, epoch.bytes);
  }

  /** Keeps refused bytes as evidence, the newest few; the same bytes once. Returns false when they were there. */
  quarantine(refused: {
    readonly topic: string;
    readonly reason: string;
    readonly hash: Uint8Array;
    readonly at: number;
    readonly bytes: Uint8Array;
  }): boolean {
    const { changes, lastId } = this.#store
      .statement(
        "INSERT OR IGNORE INTO quarantine (topic, reason, hash, at, bytes) VALUES (?, ?, ?, ?, ?)",
      )
      .run(
        refused.topic.slice(0, TOPIC_LENGTH),
        refused.reason,
        refused.hash,
        refused.at,
        refused.bytes.subarray(0, QUARANTINE_BYTES),
      );
    if (changes > 0) {
      this.#store.statement("DELETE FROM quarantine WHERE id <= ?").run(lastId - QUARANTINE_MAX);
    }
    return changes > 0;
  }

  fact(name: string): number {
    const row = this.#store.statement("SELECT value FROM facts WHERE name = ?").get(name);
    return row === undefined ? 0 : numberIn(row, "value");
  }

  setFact(name: string, value: number): void {
    this.#store.statement("INSERT OR REPLACE INTO facts VALUES (?, ?)").run(name, value);
  }

  #know(name: ChainName, no: number): number {
    if (this.#chains.size >= CHAINS_MAX) {
      this.#chains.clear();
    }
    this.#chains.set(keyOf(name), no);
    return no;
  }

  #goneHash(chain: number, sequence: number): Uint8Array | null {
    const row = this.#store
      .statement("SELECT hash FROM gone WHERE chain = ? AND sequence = ?")
      .get(chain, sequence);
    return row === undefined ? null : bytesIn(row, "hash");
  }
}

/** True for the same bytes; null is only equal to nothing. */
export function sameBytes(a: Uint8Array, b: Uint8Array | null): boolean {
  return b !== null && Buffer.compare(a, b) === 0;
}

/** Refused messages kept, and bytes of each, at most. */
const QUARANTINE_MAX = 1000;
const QUARANTINE_BYTES = 65_536;
const TOPIC_LENGTH = 200;
/** Binding statements looked at for one signing key, at most. */
const BINDINGS_MAX = 16;

/** Chains remembered in memory. */
const CHAINS_MAX = 10_000;

function keyOf(name: ChainName): string {
  return `${name.gateway}/${name.store}/${name.class}`;
}

function storedRecordIn(row: Row): StoredRecord {
  return {
    id: numberIn(row, "id"),
    gateway: textIn(row, "gateway"),
    committedAt: numberIn(row, "committed_at"),
    backlog: numberIn(row, "backlog") === 1,
    bytes: bytesIn(row, "bytes"),
    marks: textOrNullIn(row, "marks"),
  };
}

function nullableBytesIn(row: Row, column: string): Uint8Array | null {
  return row[column] === null ? null : bytesIn(row, column);
}
