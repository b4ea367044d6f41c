import type { ChainName } from "./chain-name.ts";
import type { CheckpointStore } from "./checkpoint-store.ts";
import type { Link } from "./linked-runs.ts";

/** A verified record on its way into the store. */
export interface NewRecord extends ChainName {
  readonly sequence: number;
  /** SHA-256 of `bytes`, 32 bytes. */
  readonly hash: Uint8Array;
  readonly previous: Uint8Array | null;
  readonly backlog: boolean;
  readonly bytes: Uint8Array;
}

/** A record as it lies in the store. */
export interface StoredRecord {
  /** Its place in the order of commits: from 1, without a hole. */
  readonly id: number;
  readonly gateway: string;
  /** Hub time, epoch milliseconds. */
  readonly committedAt: number;
  readonly backlog: boolean;
  readonly bytes: Uint8Array;
  /** What entering it into the books found (marks.ts); null when it was all news. */
  readonly marks: string | null;
}

/** A wrapped epoch with the binding of the key that signed it. Ids and hashes are bytes. */
export interface NewEpoch {
  readonly gateway: string;
  readonly epoch: Uint8Array;
  readonly hash: Uint8Array;
  readonly committedAt: number;
  readonly bytes: Uint8Array;
  readonly signer: Uint8Array;
  readonly bindingHash: Uint8Array;
  /** The time to judge the binding by, epoch milliseconds. */
  readonly bindingAt: number;
  readonly binding: Uint8Array;
}

/** A key binding statement as it was judged. */
export interface StoredBinding {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Refused bytes, kept as evidence. */
export interface Refused {
  readonly topic: string;
  readonly reason: string;
  readonly hash: Uint8Array;
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** What became of a record: its place in the order of commits when it is new, or the hash of what lies in its place. */
export type CommitAnswer = { readonly id: number } | { readonly held: Uint8Array };

/** How far the views are saved. */
export interface ViewState {
  /** The last record in them. */
  readonly booked: number;
  /** Counts how often they were made anew. */
  readonly generation: number;
}

/** A step of the views, saved all or nothing. */
export interface ViewStep {
  /** What the views must be at before; otherwise someone else keeps the books. */
  readonly from: ViewState;
  readonly booked: number;
  /** By key; null takes a page away. */
  readonly pages: ReadonlyMap<string, Uint8Array | null>;
  readonly marks: ReadonlyMap<number, string>;
}

/**
 * What the hub keeps: sealed records, epochs and bindings exactly as they came (never deleted), refused messages, and the
 * views, which are made from these again at will. Two implementations: one SQLite file (sqlite-store.ts) and PostgreSQL
 * (postgres-store.ts), which several hubs may share. Every method throws WardError `WARD_HUB_STORE` when the store cannot
 * be used at the moment; whether what was asked for happened is then unknown, and asking again does no harm.
 */
export interface HubStore {
  /**
   * Puts records on disk, all of them or none; a place that is taken stays as it is. Answers in order. When it returns, what
   * is new survives a power cut. No two records of one call may have the same place. `committedAt` is hub time.
   */
  commit(records: readonly NewRecord[], committedAt: number): Promise<readonly CommitAnswer[]>;
  /** Puts an epoch and its binding on disk; nothing changes when they are there. */
  addEpoch(epoch: NewEpoch): Promise<void>;
  /** Keeps the newest few; the same bytes once. */
  quarantine(refused: readonly Refused[]): Promise<void>;
  /** The hashes of what lies at these places, or null. */
  hashesAt(
    places: readonly (ChainName & { readonly sequence: number })[],
  ): Promise<readonly (Uint8Array | null)[]>;
  /** Records of a chain with sequences in a closed range, in order. */
  links(chain: ChainName, from: number, to: number): Promise<readonly Link[]>;
  /** The signed epoch record, or null. */
  epoch(gateway: string, epoch: Uint8Array): Promise<Uint8Array | null>;
  /** Bindings of a signing key, the newest few first. */
  bindings(gateway: string, signer: Uint8Array): Promise<readonly StoredBinding[]>;

  /** The newest record's place in the order of commits; 0 for none. */
  lastId(): Promise<number>;
  /** Records after a place, up to another, in order: as many as make up a step in memory, at least one if there is one. */
  records(after: number, upTo: number): Promise<readonly StoredRecord[]>;
  views(): Promise<ViewState>;
  pages(keys: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
  /** All pages whose keys begin so, in order of their keys. */
  pagesUnder(prefix: string): AsyncIterable<readonly [key: string, bytes: Uint8Array]>;
  /** Saves a step of the views; false when they are not where it begins. */
  saveViews(step: ViewStep): Promise<boolean>;
  /** Takes all views away: they begin anew. */
  emptyViews(): Promise<void>;
  /** True for the one process that may keep the books at the moment. Costs little: ask often. */
  mayBook(): Promise<boolean>;
  /** Checkpoints of the gateways' journals. */
  readonly checkpoints: CheckpointStore;
  /** True when other hubs may use the same store. */
  readonly isShared: boolean;
  close(): Promise<void>;
}

/** Records in one step, and their bytes together, at most. */
export const STEP_RECORDS = 128;
export const STEP_BYTES: number = 16 * 2 ** 20;
/** Refused messages kept, and bytes of each. */
export const QUARANTINE_MAX = 1000;
export const QUARANTINE_BYTES = 65_536;
export const QUARANTINE_TOPIC = 200;
/** Binding statements looked at for one signing key. */
export const BINDINGS_MAX = 16;
/** Pages read at a time by `pagesUnder`. */
export const PAGES_STEP = 500;
