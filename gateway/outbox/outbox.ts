import { errorText, WardError } from "../errors.ts";
import { markCommitted, prepare, type Prepared } from "./append.ts";
import type { Chain } from "./chain.ts";
import { documentKey, SEND_ORDER, type ChainSlot } from "./keys.ts";
import { readEpoch } from "./epochs.ts";
import { Leaving } from "./leave.ts";
import { chainRange, loadOutbox, type Loaded } from "./load.ts";
import { RecordReader } from "./read.ts";
import type {
  EpochRecord,
  Loss,
  LossReason,
  PutRequest,
  RecordCodec,
  StoredRecord,
} from "./records.ts";
import { getIfReadable } from "./salvage.ts";
import { OutboxState } from "./state.ts";
import { Store } from "./commits.ts";
import type { OpenDatabase } from "./store.ts";
import type { ClassBacklog } from "../rooms.ts";
import type { RecordClass } from "../sealing/envelope.ts";
import type { SequenceRange } from "../sealing/sequence-ranges.ts";

/**
 * What the gateway still owes the hub. A put is acknowledged when it is on disk; a record is forgotten when a receipt names
 * it, and for no other reason without a gap record. README.md lists every key, value and state.
 */
export interface OutboxOptions {
  readonly directory: string;
  readonly codec: RecordCodec;
  /** Bytes of records that may wait; more is refused with `WARD_OUTBOX_FULL`. */
  readonly bytesMax: number;
  /** Milliseconds; see StoreOptions. */
  readonly commitMs: number;
  /** Gateway time, epoch milliseconds. */
  readonly now: () => number;
  readonly events: OutboxEvents;
  /** Only tests that inject faults give one. */
  readonly openDatabase?: OpenDatabase;
}

/** What the outbox tells, after it is true on disk. */
export interface OutboxEvents {
  committed(records: readonly StoredRecord[], epochs: readonly EpochRecord[]): void;
  /** Records left the outbox: named by a receipt, or lost. */
  forgotten(className: RecordClass, batches: number, why: "receipted" | LossReason): void;
  lost(loss: Loss): void;
  /** Writing stopped (error) or goes on (null). */
  trouble(error: WardError | null): void;
}

/** A run of records of one chain. */
export interface ChainRange extends ChainSlot {
  readonly range: SequenceRange;
}

/** What a receipt says about one store, already verified. */
export interface ReceiptNews {
  /** Store id as hex. */
  readonly store: string;
  readonly ranges: readonly { readonly class: RecordClass; readonly range: SequenceRange }[];
  readonly rejects: readonly {
    readonly class: RecordClass;
    readonly sequence: number;
    readonly reason: string;
  }[];
}

export class Outbox {
  /** True when the database was damaged and a new store was begun. */
  readonly renewed: boolean;
  readonly #options: OutboxOptions;
  readonly #store: Store;
  readonly #state: OutboxState;
  readonly #reader: RecordReader;
  readonly #leaving: Leaving;
  /** Receipts, losses and rejects change the same chains: one at a time. */
  #turn: Promise<void> = Promise.resolve();
  #forgottenBytes = 0;

  private constructor(options: OutboxOptions, store: Store, loaded: Loaded) {
    const { codec, now } = options;
    const state = new OutboxState(loaded);
    const reader = new RecordReader(store);
    this.renewed = loaded.renewed;
    this.#options = options;
    this.#store = store;
    this.#state = state;
    this.#reader = reader;
    this.#leaving = new Leaving({ store, state, reader, codec, now });
  }

  /** Opens or creates the outbox. Throws WardError `WARD_OUTBOX_OPEN` or `WARD_OUTBOX_TWICE`. */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const store = await Store.open({
      directory: options.directory,
      commitMs: options.commitMs,
      onTrouble: (error) => options.events.trouble(error),
      ...(options.openDatabase === undefined ? {} : { open: options.openDatabase }),
    });
    try {
      return new Outbox(options, store, await loadOutbox(store, options.now()));
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** The id of the store that new records go to, as hex. */
  get storeId(): string {
    return this.#state.idOf(this.#state.current);
  }

  /**
   * Signs and stores epochs and batches in one atomic write; resolves when it is on disk. Rejects with `WARD_OUTBOX_FULL`
   * (budget), `WARD_OUTBOX_BUSY` (the disk does not keep up), `WARD_OUTBOX_TOO_LARGE`, `WARD_OUTBOX_EPOCH` (a batch's
   * epoch is neither known nor in the request), `WARD_OUTBOX_CLOSED`, or what the codec says of bytes that are no sealed
   * batch. After a rejection nothing of the request is stored, unless the code is `WARD_OUTBOX_CLOSED`: then it may be.
   */
  async put(request: PutRequest): Promise<readonly StoredRecord[]> {
    this.#checkRoom(request);
    const { codec, now } = this.#options;
    const prepared = prepare(this.#state, codec, request, now());
    await this.#store.write(prepared.writes);
    markCommitted(this.#state, prepared.records);
    this.#options.events.committed(prepared.records, prepared.epochs);
    return prepared.records;
  }

  /** Records that wait, class by class in the order of sending, oldest store and sequence first. */
  waiting(): ChainRange[] {
    return this.#state.chains().flatMap((chain) => rangesOf(chain.place, chain.waiting()));
  }

  /** The part of a range that still waits. */
  waitingIn(place: ChainRange): ChainRange[] {
    return rangesOf(place, this.#state.findChain(place)?.waitingIn(place.range) ?? []);
  }

  /**
   * Reads waiting records from the start of a range, at most `countMax` sequence numbers. `next` is where to go on. What
   * is damaged or missing is left out, and accounted for in the background. Throws WardError `WARD_OUTBOX_READ` when the
   * disk cannot be read.
   */
  async read(
    place: ChainRange,
    countMax: number,
  ): Promise<{ records: readonly StoredRecord[]; next: number }> {
    const [from, to] = place.range;
    const end = Math.min(to, from + countMax - 1);
    const chain = this.#state.findChain(place);
    if (chain === undefined) {
      return { records: [], next: end + 1 };
    }
    const { good, bad } = await this.#reader.read(chain, chain.waitingIn([from, end]));
    if (bad.length > 0) {
      this.#inTurn(() =>
        this.#leaving.damaged(chain, bad, (loss, gap) => this.#lost(loss, gap)),
      ).catch(() => undefined);
    }
    return { records: good, next: end + 1 };
  }

  /** Signed epoch keys that waiting records need, oldest use first. */
  async neededEpochs(): Promise<EpochRecord[]> {
    const needed = this.#state.epochs.needed((place) => this.#state.lowOf(place));
    const records = await Promise.all(needed.map((epoch) => this.epoch(epoch)));
    return records.filter((record) => record !== null);
  }

  /** One signed epoch key, or null when it is not here. */
  async epoch(epoch: string): Promise<EpochRecord | null> {
    const isKnown = this.#state.epochs.has(epoch);
    const bytes = isKnown ? await readEpoch(this.#store, epoch) : null;
    return bytes === null ? null : { epoch, bytes };
  }

  /**
   * Forgets exactly what a receipt names and takes what it rejects into quarantine. Numbers that were never stored or
   * are gone already are ignored. Resolves when it is done in memory; the disk follows with the next commit, and a
   * receipt that a crash undid comes again.
   */
  async receipt(news: ReceiptNews): Promise<void> {
    await this.#inTurn(async () => {
      for (const reject of news.rejects) {
        await this.#rejected(news.store, reject);
      }
      for (const { class: className, range } of news.ranges) {
        const chain = this.#state.chainOfStore(news.store, className);
        await (chain && this.#receipted(chain, range));
      }
      this.#cleanEpochs();
      this.#compactSometimes();
    });
  }

  /** Per class what waits; `oldestAt` in epoch milliseconds. */
  async backlog(): Promise<Record<string, ClassBacklog>> {
    const rows = await Promise.all(
      SEND_ORDER.map(async (name) => {
        const chains = this.#state.chains().filter((chain) => chain.place.class === name);
        const batches = chains.reduce((sum, chain) => sum + chain.batches, 0);
        const bytes = chains.reduce((sum, chain) => sum + chain.bytes, 0);
        return [name, { batches, bytes, oldestAt: await this.#reader.oldestAt(chains) }] as const;
      }),
    );
    return Object.fromEntries(rows);
  }

  /** A small document that lies beside the records, or null. */
  async readDocument(name: string): Promise<Uint8Array | null> {
    return (await getIfReadable(this.#store, documentKey(name))) ?? null;
  }

  /** Resolves when the document is on disk. */
  async writeDocument(name: string, bytes: Uint8Array): Promise<void> {
    await this.#store.write([[documentKey(name), bytes]]);
  }

  /** Finishes what is under way and closes. */
  async close(): Promise<void> {
    await this.#turn;
    await this.#store.close();
  }

  #checkRoom(request: PutRequest): void {
    const sizes = [...request.epochs, ...request.batches].map((bytes) => bytes.length);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const { bytes: held } = this.#state;
    const { waitingBytes } = this.#store;
    if (sizes.some((size) => size > BATCH_BYTES_MAX)) {
      throw new WardError(
        "WARD_OUTBOX_TOO_LARGE",
        `Cannot store a batch of ${Math.max(...sizes)} bytes: at most ${BATCH_BYTES_MAX}. Seal smaller batches.`,
      );
    }
    if (held + bytes > this.#options.bytesMax) {
      throw new WardError(
        "WARD_OUTBOX_FULL",
        `Cannot store ${bytes} bytes: the outbox holds ${held} of ${this.#options.bytesMax} bytes. Bring the hub back or raise outboxBytes.`,
      );
    }
    if (waitingBytes + bytes > WAITING_BYTES_MAX) {
      throw new WardError(
        "WARD_OUTBOX_BUSY",
        `Cannot store ${bytes} bytes: ${waitingBytes} bytes wait for the disk already. Check the disk.`,
      );
    }
  }

  async #receipted(chain: Chain, range: SequenceRange): Promise<void> {
    await this.#leaving.receipted(chain, range, (batches, bytes) => {
      this.#forgottenBytes += bytes;
      this.#options.events.forgotten(chain.place.class, batches, "receipted");
    });
  }

  async #rejected(store: string, { class: name, sequence, reason }: Reject): Promise<void> {
    const chain = this.#state.chainOfStore(store, name);
    const range: SequenceRange = [sequence, sequence];
    if (chain !== undefined && chain.waitingIn(range).length > 0) {
      const text = reason === "" ? "rejected by the hub" : reason;
      await this.#leaving.givenUp({ chain, range, reason: "rejected", text }, (loss, gap) =>
        this.#lost(loss, gap),
      );
    }
  }

  #lost(loss: Loss, gap: Prepared | null): void {
    const { events } = this.#options;
    if (gap !== null) {
      events.committed(gap.records, gap.epochs);
    }
    events.forgotten(loss.class, loss.to - loss.from + 1, loss.reason);
    events.lost(loss);
  }

  #cleanEpochs(): void {
    const own = this.#options.codec.ownEpochs();
    const writes = this.#state.epochs.clean((place) => this.#state.lowOf(place), own);
    if (writes.length > 0) {
      this.#leaving.writeLazily(writes);
    }
  }

  /** Deleted records keep their space until LevelDB gets to them: hurry it when much was deleted. */
  #compactSometimes(): void {
    if (this.#forgottenBytes < COMPACT_BYTES) {
      return;
    }
    this.#forgottenBytes = 0;
    for (const { place, low } of this.#state.chains()) {
      const { gte } = chainRange({ ...place, sequence: 0 });
      const { gte: lt } = chainRange({ ...place, sequence: low });
      this.#store.compact(gte, lt).catch(() => undefined);
    }
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch((error: unknown) => {
      this.#options.events.trouble(
        error instanceof WardError ? error : new WardError("WARD_INTERNAL", errorText(error)),
      );
    });
    return turn;
  }
}

/** Bytes of one sealed batch or wrapped epoch, at most; the signature and its header come on top. */
export const BATCH_BYTES_MAX: number = 2 ** 20 - 1024;
/** Bytes that may wait for the disk; more is refused. */
const WAITING_BYTES_MAX = 64 * 2 ** 20;
/** Bytes deleted after which LevelDB is asked to give the space back. */
const COMPACT_BYTES = 32 * 2 ** 20;

type Reject = ReceiptNews["rejects"][number];

function rangesOf(place: ChainSlot, ranges: readonly SequenceRange[]): ChainRange[] {
  return ranges.map((range) => ({ class: place.class, store: place.store, range }));
}
