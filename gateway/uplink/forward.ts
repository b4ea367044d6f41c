import { setTimeout as sleep } from "node:timers/promises";

import { errorCode, errorText, WardError } from "../errors.ts";
import type { ReadWish } from "./backlog-lane.ts";
import { BrokerReceipts } from "./broker-receipts.ts";
import type { Parcel } from "./in-flight.ts";
import type { LinkFacts } from "./link-facts.ts";
import { Scheduler, type Verdict } from "./scheduler.ts";
import { SeenList } from "./seen-list.ts";
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
  /** Forgets what the broker has, as if a receipt had named it. */
  acknowledged(ranges: readonly ChainRange[]): Promise<void>;
}

export interface ForwarderOptions {
  readonly gateway: string;
  readonly source: ForwardSource;
  /** QoS 1 publish; resolves with the reason code of the PUBACK. */
  readonly publish: (topic: string, payload: Uint8Array) => Promise<number>;
  /** Messages without a PUBACK, at most. */
  readonly windowSize: number;
  /** Bytes of live records without a PUBACK, at most, and the same of backlog. */
  readonly windowBytes: number;
  /** Whose word deletes a record: the hub's receipt, or also the broker's PUBACK. */
  readonly deleteOn: "hub" | "broker";
  /** A record is sent again when no receipt has named it this long after its PUBACK (milliseconds; default 30 000). */
  readonly receiptWaitMs?: number;
  /** How long to wait when nobody listens or the broker says no, at least (milliseconds; default 500). */
  readonly retryMs?: number;
  /** Called once per record, at its first PUBACK. */
  readonly forwarded: (className: RecordClass, items: number) => void;
  /** Something the broker will not take, or the disk will not give: forwarding goes on with the rest, or later. */
  readonly trouble: (error: WardError) => void;
}

/**
 * Drains the outbox over one connection after the other, in the order that the Scheduler gives. Nothing is forgotten here:
 * only receipts do that, and in broker mode a PUBACK from a broker that would say if nobody had subscribed.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #scheduler: Scheduler;
  readonly #seen: SeenList = new SeenList();
  readonly #receipts: BrokerReceipts;
  /** Grows with every connection: answers to an older one are ignored. */
  #connection = 0;
  #isReceipted = false;
  #wake: NodeJS.Timeout | null = null;
  #check: NodeJS.Timeout | null = null;

  constructor(options: ForwarderOptions) {
    const { windowSize, windowBytes, receiptWaitMs, retryMs, source } = options;
    this.#options = options;
    this.#scheduler = new Scheduler({
      windowSize,
      windowBytes,
      receiptWaitMs: receiptWaitMs ?? RECEIPT_WAIT_MS,
      retryMs: retryMs ?? RETRY_MS,
      waitingIn: (range) => source.waitingIn(range),
    });
    this.#receipts = new BrokerReceipts(
      (ranges) => source.acknowledged(ranges),
      (error) => this.#tell(error),
    );
  }

  /** A connection is there: epochs first, then everything that no receipt has named. */
  async linkUp(link: LinkFacts): Promise<void> {
    this.linkDown(false);
    const connection = this.#connection;
    this.#scheduler.starting();
    const epochs = await this.#epochsFor(connection);
    if (epochs === null) {
      return;
    }
    const { source, deleteOn } = this.#options;
    this.#isReceipted = deleteOn === "broker" && link.tellsNobody;
    if (deleteOn === "broker" && !link.tellsNobody) {
      this.#tell(deafBroker());
    }
    const terms = { inflightMax: link.inflightMax, awaitsReceipts: !this.#isReceipted };
    this.#scheduler.up(source.waiting(), epochs, terms);
    this.#check = setInterval(() => this.#sendAgain(), CHECK_MS);
    this.#pump();
  }

  /** The connection is gone: everything under way counts as not sent. `isFailure`: it was not ended by us. */
  linkDown(isFailure: boolean): void {
    this.#connection += 1;
    this.#scheduler.down(isFailure, performance.now());
    clearTimeout(this.#wake ?? undefined);
    clearInterval(this.#check ?? undefined);
    this.#wake = null;
    this.#check = null;
  }

  /** Takes what was just committed; while there is no connection it simply waits on disk. */
  committed(records: readonly StoredRecord[], epochs: readonly EpochRecord[]): void {
    this.#scheduler.committed(records, epochs, performance.now());
    this.#pump();
  }

  /** The hub asks for epoch keys again. */
  async needEpochs(epochs: readonly string[]): Promise<void> {
    const connection = this.#connection;
    const found = await Promise.all(epochs.map((epoch) => this.#options.source.epoch(epoch)));
    if (connection === this.#connection) {
      this.#scheduler.needed(found.filter((record) => record !== null));
      this.#pump();
    }
  }

  /** A receipt came: somebody is listening. */
  receiptCame(): void {
    this.#scheduler.heard(performance.now());
    this.#pump();
  }

  /** What the receipt names has left the outbox. */
  receiptDone(): void {
    this.#scheduler.receipted();
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
        await sleep(this.#options.retryMs ?? RETRY_MS);
      }
    }
    return null;
  }

  /** Sends all that may go, reads what may go next, and comes back when time has passed. */
  #pump(): void {
    const now = performance.now();
    for (let next = this.#scheduler.next(now); next !== null; next = this.#scheduler.next(now)) {
      void this.#send(next);
    }
    const wish = this.#scheduler.wish(now);
    if (wish !== null) {
      void this.#read(wish);
    }
    clearTimeout(this.#wake ?? undefined);
    const wakeAt = this.#scheduler.wakeAt(now);
    this.#wake = wakeAt === null ? null : setTimeout(() => this.#pump(), Math.max(1, wakeAt - now));
  }

  async #read({ range, countMax }: ReadWish): Promise<void> {
    const connection = this.#connection;
    try {
      const { records } = await this.#options.source.read(range, countMax);
      if (connection === this.#connection) {
        this.#scheduler.loaded(records);
      }
    } catch (error) {
      this.#tell(error);
      if (connection === this.#connection) {
        this.#scheduler.notLoaded(performance.now());
      }
    }
    this.#pump();
  }

  async #send(parcel: Parcel): Promise<void> {
    const connection = this.#connection;
    const verdict =
      parcel.kind === "epoch"
        ? await this.#publish("epoch", parcel.epoch.bytes)
        : await this.#publish(`${parcel.lane}/${parcel.record.class}`, parcel.record.bytes);
    if (connection !== this.#connection) {
      return;
    }
    this.#scheduler.answered(parcel, verdict, performance.now());
    if (parcel.kind === "record" && verdict === "taken") {
      this.#taken(parcel.record);
    }
    this.#pump();
  }

  #taken(record: StoredRecord): void {
    if (this.#seen.add(record)) {
      this.#options.forwarded(record.class, record.items);
    }
    if (this.#isReceipted) {
      this.#receipts.add(record);
    }
  }

  async #publish(branch: string, payload: Uint8Array): Promise<Verdict> {
    try {
      const { gateway, publish } = this.#options;
      const reason = await publish(`ward/v1/${gateway}/up/${branch}`, payload);
      return verdictOf(reason);
    } catch (error) {
      if (errorCode(error) === "WARD_BROKER_LOST") {
        return "lost";
      }
      this.#tell(error);
      return errorCode(error) === "WARD_MESSAGE_TOO_LARGE" ? "too-large" : "refused";
    }
  }

  #sendAgain(): void {
    this.#scheduler.sendAgain(performance.now());
    this.#pump();
  }

  #tell(error: unknown): void {
    this.#options.trouble(
      error instanceof WardError ? error : new WardError("WARD_INTERNAL", errorText(error)),
    );
  }
}

/** Only these two say that the broker took the message; MQTT 5 section 3.4.2.1 knows no other below 128. */
function verdictOf(reason: number): Verdict {
  switch (reason) {
    case 0:
      return "taken";
    case NOBODY_LISTENS:
      return "nobody";
    default:
      return "refused";
  }
}

function deafBroker(): WardError {
  return new WardError(
    "WARD_BROKER_DEAF",
    "Cannot delete on the broker's word: it speaks MQTT 3.1.1, which does not say whether anybody subscribed. " +
      "Records wait for the hub's receipts. Use a broker with MQTT 5, or deleteOn hub.",
  );
}

const NOBODY_LISTENS = 16;
const RECEIPT_WAIT_MS = 30_000;
const CHECK_MS = 1000;
const RETRY_MS = 500;
