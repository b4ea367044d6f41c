import { errorCode, errorText, WardError } from "../errors.ts";
import { Ages } from "./ages.ts";
import { markCommitted, prepare, sizeOf } from "./append.ts";
import { Ballast } from "./ballast.ts";
import { Caretaker, type OutboxRoom } from "./caretaker.ts";
import type { Chain } from "./chain.ts";
import { documentKey, SEND_ORDER, type ChainSlot } from "./keys.ts";
import { readEpoch } from "./epochs.ts";
import { Evicting } from "./evict.ts";
import { Leaving, type Left } from "./leave.ts";
import { loadOutbox, type Loaded } from "./load.ts";
import { freeOf, ttlOf, type OutboxOptions } from "./outbox-options.ts";
import { KEEP_ALL } from "./policy.ts";
import { RecordReader } from "./read.ts";
import type { EpochRecord, PutRequest, StoredRecord } from "./records.ts";
import { getIfReadable, isUnreadable } from "./salvage.ts";
import { OutboxState } from "./state.ts";
import { Store } from "./commits.ts";
import { doneOr, Turns } from "./turns.ts";
import type { ClassBacklog } from "../rooms.ts";
import type { RecordClass } from "../sealing/envelope.ts";
import type { SequenceRange } from "../sealing/sequence-ranges.ts";

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

/**
 * What the gateway still owes the hub. A put is acknowledged when it is on disk; a record is forgotten when a receipt names
 * it, and for no other reason without a gap record. README.md lists every key, value and state.
 */
export class Outbox {
  /** True when the database was damaged and a new store was begun. */
  readonly renewed: boolean;
  /** How long opening took (milliseconds). */
  readonly openMs: number;
  readonly #options: OutboxOptions;
  readonly #store: Store;
  readonly #state: OutboxState;
  readonly #reader: RecordReader;
  readonly #leaving: Leaving;
  readonly #ages: Ages;
  readonly #caretaker: Caretaker;
  /** Receipts, losses and rejects change the same chains: one at a time. */
  readonly #turns: Turns;

  private constructor(
    options: OutboxOptions,
    store: Store,
    loaded: Loaded,
    ballast: Ballast,
    startedAt: number,
  ) {
    const { codec, now, directory, bytesMax, classes = KEEP_ALL } = options;
    const { reserveBytes = 0, ballastBytes = 0, monotonic = () => performance.now() } = options;
    const state = new OutboxState(loaded);
    const reader = new RecordReader(store);
    const parts = { store, state, reader, codec, now };
    const ages = new Ages(loaded.ages, (name) => ttlOf(options.classes, name), monotonic);
    const evicting = new Evicting(parts, classes, (left) => this.#lost(left));
    const turns = new Turns((error) => {
      // Who asked hears of it; nothing is wrong with the disk.
      if (errorCode(error) !== "WARD_OUTBOX_CLOSED") {
        options.events.trouble(asWardError(error));
      }
    });
    const free = freeOf(options);
    this.renewed = loaded.renewed;
    this.#options = options;
    this.#store = store;
    this.#state = state;
    this.#reader = reader;
    this.#leaving = new Leaving(parts);
    this.#ages = ages;
    this.#turns = turns;
    this.#caretaker = new Caretaker(
      { directory, bytesMax, reserveBytes, ballastBytes, monotonic, free },
      { store, state, ages, evicting, turns },
      ballast,
    );
    // What was put before there was a time to live begins to age now.
    const marks = state.chains().flatMap((chain) => (chain.isEmpty ? [] : ages.mark(chain)));
    store.write(marks, "lazy").catch(() => undefined);
    this.openMs = performance.now() - startedAt;
  }

  /**
   * Opens or creates the outbox. Throws WardError `WARD_OUTBOX_OPEN`, `WARD_OUTBOX_TWICE` or `WARD_OUTBOX_FORMAT` (written by
   * a newer program).
   */
  static async open(options: OutboxOptions): Promise<Outbox> {
    const startedAt = performance.now();
    const { directory, commitMs, commitBytes, openDatabase, ballastBytes = 0 } = options;
    const ballast = new Ballast(`${directory}.ballast`, ballastBytes);
    ballast.releaseIfNeeded(freeOf(options)());
    const later: { outbox: Outbox | null } = { outbox: null };
    const store = await Store.open({
      directory,
      commitMs,
      ...(commitBytes === undefined ? {} : { commitBytes }),
      onNoSpace: () =>
        later.outbox === null ? ballast.release() : later.outbox.#caretaker.noSpace(),
      onTrouble: (error) => options.events.trouble(error),
      ...(openDatabase === undefined ? {} : { open: openDatabase }),
    });
    try {
      const { now, codec } = options;
      const loaded = await loadOutbox(store, now(), (record) => codec.storeOf(record));
      later.outbox = new Outbox(options, store, loaded, ballast, startedAt);
      return later.outbox;
    } catch (error) {
      if (isUnreadable(error)) {
        store.distrust();
      }
      await store.close();
      throw error;
    }
  }

  /** The id of the store that new records go to, as hex. */
  get storeId(): string {
    return this.#state.idOf(this.#state.current);
  }

  /** The id of a store by its number here, as hex. */
  idOf(store: number): string {
    return this.#state.idOf(store);
  }

  /**
   * Signs and stores epochs and batches in one atomic write; resolves when it is on disk. Rejects with `WARD_OUTBOX_FULL`
   * (budget), `WARD_OUTBOX_BUSY` (the disk does not keep up), `WARD_OUTBOX_TOO_LARGE`, `WARD_OUTBOX_EPOCH` (a batch's
   * epoch is neither known nor in the request), `WARD_OUTBOX_CLOSED`, or what the codec says of bytes that are no sealed
   * batch. After a rejection nothing of the request is stored, unless the code is `WARD_OUTBOX_CLOSED`: then it may be.
   */
  async put(request: PutRequest): Promise<readonly StoredRecord[]> {
    const bytes = sizeOf(request);
    this.#checkWaiting(bytes);
    if (!this.#caretaker.hasRoom(bytes)) {
      await this.#caretaker.makeRoom(bytes);
    }
    const { codec, now } = this.#options;
    const prepared = prepare(this.#state, codec, request, now());
    const chains = new Set(prepared.records.map((record) => this.#state.chainAt(record)));
    const marks = [...chains].flatMap((chain) => this.#ages.mark(chain));
    await this.#store.write([...prepared.writes, ...marks]);
    markCommitted(this.#state, prepared.records);
    this.#caretaker.stored(bytes);
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
   * Reads waiting records from the start of a range: at most `countMax` sequence numbers, and about `bytesMax` bytes. `next` is
   * where to go on. What is damaged or missing is left out, and accounted for in the background. Throws WardError
   * `WARD_OUTBOX_READ` when the disk cannot be read.
   */
  async read(
    place: ChainRange,
    countMax: number,
    bytesMax: number = Number.POSITIVE_INFINITY,
  ): Promise<{ records: readonly StoredRecord[]; next: number }> {
    const { records, bad, next } = await this.look(place, countMax, bytesMax);
    this.giveUpDamaged(place, bad);
    return { records, next };
  }

  /** Looks again, in the background, at records that were not right, and accounts for those that are not. */
  giveUpDamaged(place: ChainSlot, suspects: readonly number[]): void {
    const chain = this.#state.findChain(place);
    if (suspects.length > 0 && chain !== undefined) {
      this.#turns
        .run(() => this.#leaving.damaged(chain, suspects, (left) => this.#lost(left)))
        .catch(() => undefined);
    }
  }

  /** The same without consequences: what is damaged or missing is only named, in `bad`. */
  async look(
    place: ChainRange,
    countMax: number,
    bytesMax: number,
  ): Promise<{ records: readonly StoredRecord[]; bad: readonly number[]; next: number }> {
    const [from, to] = place.range;
    const end = Math.min(to, from + countMax - 1);
    const chain = this.#state.findChain(place);
    if (chain === undefined) {
      return { records: [], bad: [], next: end + 1 };
    }
    const looked = await this.#reader.read(chain, chain.waitingIn([from, end]), bytesMax);
    // A receipt may have taken some meanwhile.
    const bad = looked.bad.filter((sequence) => !chain.isGone(sequence));
    return { records: looked.good, bad, next: looked.next ?? end + 1 };
  }

  /** Signed epoch keys that waiting records need, oldest use first. */
  async neededEpochs(): Promise<EpochRecord[]> {
    const needed = this.#state.epochs.needed((place) => this.#state.lowOf(place));
    const records = await Promise.all(needed.map((epoch) => this.epoch(epoch)));
    return records.filter((record) => record !== null);
  }

  /** Epochs that waiting records need and that are not here, or cannot be read. */
  async missingEpochs(): Promise<string[]> {
    const needed = this.#state.epochs.needed((place) => this.#state.lowOf(place));
    const found = await Promise.all(needed.map((epoch) => this.epoch(epoch)));
    return needed.filter((_, place) => found[place] === null);
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
    await this.#turns.run(async () => {
      for (const reject of news.rejects) {
        await this.#rejected(news.store, reject);
      }
      for (const { class: className, range } of news.ranges) {
        const chain = this.#state.chainOfStore(news.store, className);
        await (chain && this.#receipted(chain, range));
      }
      this.#cleanEpochs();
    });
  }

  /** Forgets records that a broker has, where its word counts as a receipt; else as `receipt`. */
  async acknowledged(ranges: readonly ChainRange[]): Promise<void> {
    await this.#turns.run(async () => {
      for (const { range, ...place } of ranges) {
        const chain = this.#state.findChain(place);
        await (chain && this.#receipted(chain, range));
      }
      this.#cleanEpochs();
    });
  }

  /**
   * Expires what is too old, makes room where it is short, watches the disk, and gives the space of deleted records back. To
   * be called about once a second.
   */
  tend(): void {
    this.#caretaker.tend();
  }

  /** How much room there is, as it was when it was last tended. */
  get room(): OutboxRoom {
    return this.#caretaker.room;
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
  async writeDocument(
    name: string,
    bytes: Uint8Array,
    when: "now" | "lazy" = "now",
  ): Promise<void> {
    await this.#store.write([[documentKey(name), bytes]], when);
  }

  /** Finishes what is under way, unless the disk does not take it, and closes. */
  async close(): Promise<void> {
    await doneOr(this.#turns.done, () => this.#store.isTroubled);
    await this.#caretaker.idle();
    await this.#store.close();
  }

  #checkWaiting(bytes: number): void {
    const { waitingBytes } = this.#store;
    if (waitingBytes + bytes > WAITING_BYTES_MAX) {
      throw new WardError(
        "WARD_OUTBOX_BUSY",
        `Cannot store ${bytes} bytes: ${waitingBytes} bytes wait for the disk already. Check the disk.`,
      );
    }
  }

  async #receipted(chain: Chain, range: SequenceRange): Promise<void> {
    await this.#leaving.receipted(chain, range, (batches, bytes) => {
      this.#caretaker.deleted(bytes);
      this.#options.events.forgotten(chain.place.class, batches, "receipted");
    });
  }

  async #rejected(store: string, { class: name, sequence, reason }: Reject): Promise<void> {
    const chain = this.#state.chainOfStore(store, name);
    const range: SequenceRange = [sequence, sequence];
    if (chain !== undefined && chain.waitingIn(range).length > 0) {
      const text = reason === "" ? "rejected by the hub" : reason;
      await this.#leaving.givenUp({ chain, range, reason: "rejected", text }, (left) =>
        this.#lost(left),
      );
    }
  }

  #lost({ loss, gap, batches, bytes }: Left): void {
    const { events } = this.#options;
    if (gap !== null) {
      events.committed(gap.records, gap.epochs);
    }
    this.#caretaker.deleted(bytes);
    this.#cleanEpochs();
    events.forgotten(loss.class, batches, loss.reason);
    events.lost(loss);
  }

  #cleanEpochs(): void {
    const own = this.#options.codec.ownEpochs();
    const writes = this.#state.epochs.clean((place) => this.#state.lowOf(place), own);
    if (writes.length > 0) {
      this.#leaving.writeLazily(writes);
    }
  }
}

/** Bytes that may wait for the disk; more is refused. */
const WAITING_BYTES_MAX = 64 * 2 ** 20;

type Reject = ReceiptNews["rejects"][number];

function asWardError(error: unknown): WardError {
  return error instanceof WardError ? error : new WardError("WARD_INTERNAL", errorText(error));
}

function rangesOf(place: ChainSlot, ranges: readonly SequenceRange[]): ChainRange[] {
  return ranges.map((range) => ({ class: place.class, store: place.store, range }));
}
