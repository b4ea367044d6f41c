import { setTimeout as sleep } from "node:timers/promises";

import { errorCode, errorText, WardError } from "../errors.ts";
import { AwaitList, SeenList, SendList } from "./forward-lists.ts";
import { SEND_ORDER } from "../outbox/keys.ts";
import type { EpochRecord, StoredRecord } from "../outbox/records.ts";
import type { ChainRange } from "../outbox/outbox.ts";
import type { RecordClass } from "../sealing/envelope.ts";

/** What forwarding needs of the outbox. */
export interface ForwardSource {
  waiting(): ChainRange[];
  waitingIn(range: ChainRange): ChainRange[];
  read(
    range: ChainRange,
    countMax: number,
  ): Promise<{ readonly records: readonly StoredRecord[]; readonly next: number }>;
  neededEpochs(): Promise<EpochRecord[]>;
  epoch(epoch: string): Promise<EpochRecord | null>;
}

export interface ForwarderOptions {
  readonly gateway: string;
  readonly source: ForwardSource;
  /** QoS 1 publish; resolves with the reason code of the PUBACK. */
  readonly publish: (topic: string, payload: Uint8Array) => Promise<number>;
  /** Messages without a PUBACK, at most. */
  readonly windowSize: number;
  /** A record is sent again when no receipt has named it this long after its PUBACK (milliseconds; default 30 000). */
  readonly receiptWaitMs?: number;
  /** Called once per record, at its first PUBACK. */
  readonly forwarded: (className: RecordClass, items: number) => void;
  /** Something the broker will not take, or the disk will not give: forwarding goes on with the rest, or later. */
  readonly trouble: (error: WardError) => void;
}

/**
 * Drains the outbox over one connection after the other. Two lanes: what is committed while connected goes out at once
 * from memory on `up/live`; everything older comes from the disk, paced, on `up/backlog`, and never holds the live lane
 * up. Nothing is forgotten here: only receipts do that.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #backlog: SendList = new SendList();
  readonly #awaiting: AwaitList = new AwaitList();
  readonly #seen: SeenList = new SeenList();
  #epochs: EpochRecord[] = [];
  #live: StoredRecord[] = [];
  /** Read from the backlog and not sent yet. */
  #read: StoredRecord[] = [];
  /** Grows with every connection: answers to an older one are ignored. */
  #connection = 0;
  #isUp = false;
  #isStarting = false;
  #isReading = false;
  #inFlight = 0;
  #backlogBytes = 0;
  #backlogInFlight = 0;
  #pause: NodeJS.Timeout | null = null;
  #pauseMs = 0;
  #check: NodeJS.Timeout | null = null;
  #waitMs: number;
  #hasReceipt = false;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#waitMs = options.receiptWaitMs ?? RECEIPT_WAIT_MS;
  }

  /** A connection is there: epochs first, then everything that no receipt has named. */
  async linkUp(): Promise<void> {
    this.linkDown();
    const connection = this.#connection;
    this.#isStarting = true;
    const epochs = await this.#epochsFor(connection);
    if (epochs === null) {
      return;
    }
    // What was committed during the look-up stands in the list already.
    this.#epochs.unshift(...epochs);
    for (const range of this.#options.source.waiting()) {
      this.#backlog.add(range);
    }
    this.#isUp = true;
    this.#isStarting = false;
    this.#check = setInterval(() => this.#sendAgain(), CHECK_MS);
    this.#pump();
  }

  /** Reads until it succeeds or the connection is gone: one bad read must not keep a connection idle. */
  async #epochsFor(connection: number): Promise<readonly EpochRecord[] | null> {
    while (connection === this.#connection) {
      try {
        const epochs = await this.#options.source.neededEpochs();
        return connection === this.#connection ? epochs : null;
      } catch (error) {
        this.#tell(error);
        await sleep(PAUSE_MS);
      }
    }
    return null;
  }

  /** The connection is gone: everything under way counts as not sent. */
  linkDown(): void {
    this.#connection += 1;
    this.#isUp = false;
    this.#isStarting = false;
    this.#isReading = false;
    this.#epochs = [];
    this.#live = [];
    this.#read = [];
    this.#inFlight = 0;
    this.#backlogInFlight = 0;
    this.#backlogBytes = 0;
    this.#pauseMs = 0;
    this.#backlog.clear();
    this.#awaiting.clear();
    clearTimeout(this.#pause ?? undefined);
    clearInterval(this.#check ?? undefined);
    this.#pause = null;
    this.#check = null;
  }

  /** Takes what was just committed; while there is no connection it simply waits on disk. */
  committed(records: readonly StoredRecord[], epochs: readonly EpochRecord[]): void {
    if (this.#isUp || this.#isStarting) {
      this.#epochs.push(...epochs);
    }
    if (!this.#isUp) {
      return;
    }
    for (const record of records) {
      if (this.#live.length < LIVE_MAX && this.#pause === null) {
        this.#live.push(record);
      } else {
        this.#backlog.add(rangeOf(record));
      }
    }
    this.#live.sort((a, b) => SEND_ORDER.indexOf(a.class) - SEND_ORDER.indexOf(b.class));
    this.#pump();
  }

  /** The hub asks for epoch keys again. */
  async needEpochs(epochs: readonly string[]): Promise<void> {
    const connection = this.#connection;
    const found = await Promise.all(epochs.map((epoch) => this.#options.source.epoch(epoch)));
    if (this.#isUp && connection === this.#connection) {
      this.#epochs.push(...found.filter((record) => record !== null));
      this.#endPause();
    }
  }

  /** A receipt came: somebody is listening. */
  receiptCame(): void {
    this.#hasReceipt = true;
    this.#waitMs = this.#options.receiptWaitMs ?? RECEIPT_WAIT_MS;
    this.#endPause();
  }

  #pump(): void {
    while (this.#isUp && this.#pause === null && this.#inFlight < this.#window()) {
      const epoch = this.#epochs.shift();
      const live = epoch === undefined ? this.#live.shift() : undefined;
      if (epoch !== undefined) {
        void this.#sendEpoch(epoch);
      } else if (live !== undefined) {
        void this.#sendRecord(live, "live");
      } else if (!this.#pumpBacklog()) {
        return;
      }
    }
  }

  /** Sends one record of the backlog; false when there is none or its share of the window is used. */
  #pumpBacklog(): boolean {
    const share = Math.max(1, this.#window() - LIVE_RESERVE);
    if (this.#backlogInFlight >= share || this.#backlogBytes >= BACKLOG_BYTES) {
      return false;
    }
    const record = this.#read.shift();
    if (this.#read.length < READ_AHEAD / 2) {
      void this.#readAhead();
    }
    if (record !== undefined && this.#options.source.waitingIn(rangeOf(record)).length > 0) {
      void this.#sendRecord(record, "backlog");
    }
    return record !== undefined;
  }

  async #readAhead(): Promise<void> {
    if (this.#isReading) {
      return;
    }
    const range = this.#backlog.take(READ_AHEAD);
    if (range === null) {
      return;
    }
    this.#isReading = true;
    const connection = this.#connection;
    try {
      const { records } = await this.#options.source.read(range, READ_AHEAD);
      if (connection === this.#connection) {
        this.#read.push(...records);
        this.#isReading = false;
        this.#pump();
      }
    } catch (error) {
      if (connection === this.#connection) {
        this.#isReading = false;
        this.#backlog.add(range);
        this.#holdOn(error);
      }
    }
  }

  async #sendEpoch(epoch: EpochRecord): Promise<void> {
    const connection = this.#connection;
    this.#inFlight += 1;
    const reason = await this.#publish("epoch", epoch.bytes);
    if (connection === this.#connection) {
      this.#inFlight -= 1;
      if (reason === NOBODY_LISTENS) {
        this.#epochs.unshift(epoch);
      }
      this.#goOn(reason);
    }
  }

  async #sendRecord(record: StoredRecord, lane: "live" | "backlog"): Promise<void> {
    const connection = this.#connection;
    this.#count(lane, record, 1);
    const reason = await this.#publish(`${lane}/${record.class}`, record.bytes);
    if (connection !== this.#connection) {
      return;
    }
    this.#count(lane, record, -1);
    if (reason === 0 || reason === TOO_LARGE) {
      this.#awaiting.add(record, performance.now());
      if (reason === 0 && this.#seen.add(record)) {
        this.#options.forwarded(record.class, record.items);
      }
    } else {
      this.#backlog.add(rangeOf(record));
    }
    this.#goOn(reason);
  }

  #count(lane: "live" | "backlog", record: StoredRecord, sign: 1 | -1): void {
    this.#inFlight += sign;
    if (lane === "backlog") {
      this.#backlogInFlight += sign;
      this.#backlogBytes += sign * record.bytes.length;
    }
  }

  /** Resolves with 0, `NOBODY_LISTENS`, `TOO_LARGE`, or `FAILED`. */
  async #publish(branch: string, payload: Uint8Array): Promise<number> {
    try {
      const { gateway, publish } = this.#options;
      const reason = await publish(`ward/v1/${gateway}/up/${branch}`, payload);
      return reason === NOBODY_LISTENS ? NOBODY_LISTENS : 0;
    } catch (error) {
      if (errorCode(error) === "WARD_BROKER_LOST") {
        return FAILED;
      }
      this.#tell(error);
      return errorCode(error) === "WARD_MESSAGE_TOO_LARGE" ? TOO_LARGE : FAILED;
    }
  }

  #goOn(reason: number): void {
    if (reason === NOBODY_LISTENS || reason === FAILED) {
      this.#holdOn(null);
      return;
    }
    this.#pauseMs = 0;
    this.#pump();
  }

  /** Nobody listens, or the broker or the disk says no: waits a little, then tries with one message. */
  #holdOn(error: unknown): void {
    if (error !== null) {
      this.#tell(error);
    }
    if (this.#pause !== null) {
      return;
    }
    for (const record of [...this.#live.splice(0), ...this.#read.splice(0)]) {
      this.#backlog.add(rangeOf(record));
    }
    this.#pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS, this.#pauseMs * 2));
    this.#pause = setTimeout(() => this.#endPause(), this.#pauseMs);
  }

  #endPause(): void {
    clearTimeout(this.#pause ?? undefined);
    this.#pause = null;
    this.#pump();
  }

  /** One message at a time until the broker takes one again. */
  #window(): number {
    return this.#pauseMs > 0 ? 1 : this.#options.windowSize;
  }

  /** Sends again what the broker took and no receipt named; more and more patiently while none comes at all. */
  #sendAgain(): void {
    const old = this.#awaiting.takeOlder(performance.now() - this.#waitMs);
    const waiting = old.flatMap((range) => this.#options.source.waitingIn(range));
    for (const range of waiting) {
      this.#backlog.add(range);
    }
    if (waiting.length > 0) {
      this.#waitMs = this.#hasReceipt ? this.#waitMs : Math.min(WAIT_MS_MAX, this.#waitMs * 2);
      this.#hasReceipt = false;
      this.#pump();
    }
  }

  #tell(error: unknown): void {
    this.#options.trouble(
      error instanceof WardError ? error : new WardError("WARD_INTERNAL", errorText(error)),
    );
  }
}

/** MQTT 5 section 3.4.2.1: the broker has the message and nobody subscribed to it. */
const NOBODY_LISTENS = 16;
const TOO_LARGE = -1;
const FAILED = -2;
const RECEIPT_WAIT_MS = 30_000;
const WAIT_MS_MAX = 1_800_000;
const CHECK_MS = 1000;
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 15_000;
/** Committed records that may wait in memory for the window; beyond, they go the way of the backlog. */
const LIVE_MAX = 64;
/** Places in the window that the backlog never uses. */
const LIVE_RESERVE = 4;
/** Bytes of backlog on the way at a time: on a slow line this is what a live record waits for. */
const BACKLOG_BYTES = 128 * 1024;
/** Backlog records read at a time. */
const READ_AHEAD = 32;

function rangeOf(record: StoredRecord): ChainRange {
  return {
    class: record.class,
    store: record.store,
    range: [record.sequence, record.sequence],
  };
}
