import assert from "node:assert/strict";

import type { ChainRange } from "../../gateway/outbox/outbox.ts";
import type { EpochRecord, StoredRecord } from "../../gateway/outbox/records.ts";
import type { RecordClass } from "../../gateway/sealing/envelope.ts";
import { WINDOW_BYTES_MIN } from "../../gateway/uplink/link-pace.ts";
import type { Lane, Parcel } from "../../gateway/uplink/in-flight.ts";
import type { ReadWish } from "../../gateway/uplink/backlog-lane.ts";
import { Scheduler, type SchedulerOptions, type Verdict } from "../../gateway/uplink/scheduler.ts";

/** One thing that happens to the scheduler. */
export type Step =
  | { readonly t: "commit"; readonly name: RecordClass; readonly bytes: number }
  | { readonly t: "epoch" }
  | { readonly t: "answer"; readonly pick: number; readonly verdict: Exclude<Verdict, "lost"> }
  /** What the scheduler wished to have read is read, or cannot be. */
  | { readonly t: "read"; readonly isGood: boolean }
  /** Receipts name so many of the records that the broker took. */
  | { readonly t: "receipt"; readonly count: number }
  /** The outbox gives a record up: the oldest, or some other. */
  | { readonly t: "evict"; readonly pick: number }
  | { readonly t: "wait"; readonly ms: number }
  | { readonly t: "down"; readonly isFailure: boolean }
  | { readonly t: "up"; readonly inflightMax: number };

type ModelOptions = Omit<SchedulerOptions, "waitingIn"> & {
  /** False: the broker's word deletes. */
  readonly awaitsReceipts: boolean;
};

/**
 * A scheduler between an outbox, a broker and a hub that are played by the test, on a clock of its own. After every step it
 * sends what may go, and checks each parcel against the limits.
 */
export class ForwardModel {
  readonly scheduler: Scheduler;
  /** Everything that was sent, as `lane/class sequence` or `epoch id`. */
  readonly sent: string[] = [];
  readonly underWay: { readonly name: string; readonly parcel: Parcel }[] = [];
  readonly #options: ModelOptions;
  readonly #outbox: Map<string, StoredRecord> = new Map();
  /** What the broker took over this connection, and when; the hub may receipt it. */
  readonly #taken: Map<string, number> = new Map();
  #wish: ReadWish | null = null;
  #isUp = false;
  #inflightMax = Infinity;
  #epochs = 0;
  readonly #sequences: Map<RecordClass, number> = new Map();
  #now = 0;
  /** True: reads are answered at once. */
  #readsAtOnce = true;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.scheduler = new Scheduler({
      ...options,
      waitingIn: (range) => this.#waitingIn(range),
    });
  }

  take(step: Step): void {
    switch (step.t) {
      case "commit":
        this.commit(step.name, step.bytes);
        return;
      case "epoch":
        this.scheduler.committed([], [this.#epoch()], this.#now);
        break;
      case "answer":
        this.#readsAtOnce = false;
        this.#answer(step.pick, step.verdict);
        break;
      case "read":
        this.#readsAtOnce = false;
        this.#read(step.isGood);
        break;
      case "receipt":
        this.#receipt(step.count);
        break;
      case "evict":
        this.#evict(step.pick);
        break;
      case "wait":
        this.#now += step.ms;
        this.scheduler.sendAgain(this.#now);
        break;
      case "down":
        this.#down(step.isFailure);
        break;
      case "up":
        this.up(step.inflightMax);
        return;
    }
    this.#pump();
  }

  commit(name: RecordClass, bytes: number, count = 1): void {
    for (let made = 0; made < count; made += 1) {
      const sequence = (this.#sequences.get(name) ?? 0) + 1;
      this.#sequences.set(name, sequence);
      const record: StoredRecord = {
        class: name,
        store: 1,
        sequence,
        items: 1,
        salt: "",
        hash: "",
        storedAt: 0,
        bytes: new Uint8Array(bytes),
      };
      this.#outbox.set(keyOf(record), record);
      this.scheduler.committed([record], [], this.#now);
      this.#pump();
    }
  }

  /** A connection is made; everything that waits has to go over it. */
  up(inflightMax = Infinity): void {
    this.#down(false);
    this.#isUp = true;
    this.#inflightMax = inflightMax;
    this.scheduler.starting();
    const waiting = [...this.#outbox.values()].map((record) => rangeOf(record));
    this.scheduler.up(waiting, [this.#epoch()], {
      inflightMax,
      awaitsReceipts: this.#options.awaitsReceipts,
    });
    this.#pump();
  }

  /** Answers the oldest parcels: 0 and "taken" are the same. */
  answer(...verdicts: readonly (0 | Exclude<Verdict, "lost">)[]): void {
    for (const verdict of verdicts) {
      this.#answer(0, verdict === 0 ? "taken" : verdict);
      this.#pump();
    }
  }

  /** Takes everything, until nothing is under way or so many were answered. */
  answerAll(before: () => void = () => undefined, countMax = 10_000): void {
    for (let count = 0; count < countMax && this.underWay.length > 0; count += 1) {
      before();
      this.answer(0);
    }
  }

  names(): string[] {
    return this.underWay.map(({ name }) => name);
  }

  bytesUnderWay(lane: Lane): number {
    return this.underWay.reduce(
      (sum, { parcel }) =>
        parcel.kind === "record" && parcel.lane === lane ? sum + parcel.record.bytes.length : sum,
      0,
    );
  }

  /** What is still in the outbox. */
  left(): string[] {
    return [...this.#outbox.keys()];
  }

  /** From here on everybody is honest: all has to leave the outbox in reasonable time, over the same connection. */
  finish(): void {
    this.#readsAtOnce = true;
    if (!this.#isUp) {
      this.up();
    }
    for (let round = 0; round < 3000 && this.#outbox.size > 0; round += 1) {
      this.#read(true);
      this.answerAll();
      this.#receipt(Infinity);
      this.#now += 1000;
      this.scheduler.sendAgain(this.#now);
      this.#pump();
    }
  }

  #pump(): void {
    for (;;) {
      for (
        let parcel = this.scheduler.next(this.#now);
        parcel !== null;
        parcel = this.scheduler.next(this.#now)
      ) {
        this.#send(parcel);
      }
      this.#wish = this.scheduler.wish(this.#now) ?? this.#wish;
      if (this.#wish === null || !this.#readsAtOnce) {
        return;
      }
      this.#read(true);
    }
  }

  #send(parcel: Parcel): void {
    assert.ok(this.#isUp, "nothing goes without a connection");
    const isEpochUnderWay = this.underWay.some((other) => other.parcel.kind === "epoch");
    const name =
      parcel.kind === "epoch"
        ? `epoch ${parcel.epoch.epoch}`
        : `${parcel.lane}/${keyOf(parcel.record)}`;
    if (parcel.kind === "record") {
      assert.ok(!isEpochUnderWay, `${name} overtakes an epoch`);
      assert.ok(this.#outbox.has(keyOf(parcel.record)), `${name} has left the outbox`);
      this.#checkTwice(parcel.record);
    }
    this.underWay.push({ name, parcel });
    this.sent.push(name);
    const { windowSize, windowBytes } = this.#options;
    assert.ok(this.underWay.length <= Math.min(windowSize, this.#inflightMax), "window");
    if (parcel.kind === "record" && parcel.record.class !== "notice") {
      const inLane = this.#ofLane(parcel.lane);
      const limit = Math.max(windowBytes, parcel.lane === "backlog" ? WINDOW_BYTES_MIN : 0);
      const bytes = inLane.reduce((sum, record) => sum + record.bytes.length, 0);
      const isAlone = inLane.filter((record) => record.class !== "notice").length === 1;
      assert.ok(bytes <= limit || isAlone, `${bytes} bytes in the ${parcel.lane} lane`);
    }
  }

  #ofLane(lane: Lane): StoredRecord[] {
    return this.underWay.flatMap(({ parcel }) =>
      parcel.kind === "record" && parcel.lane === lane ? [parcel.record] : [],
    );
  }

  /** No record is under way twice, nor again before its receipt is overdue. */
  #checkTwice(record: StoredRecord): void {
    const key = keyOf(record);
    assert.ok(!this.underWay.some(({ name }) => name.endsWith(`/${key}`)), `${key} twice`);
    const takenAt = this.#taken.get(key) ?? -Infinity;
    assert.ok(this.#now - takenAt >= this.#options.receiptWaitMs, `${key} again so soon`);
  }

  #answer(pick: number, verdict: Exclude<Verdict, "lost">): void {
    const [answered] = this.underWay.splice(pick % Math.max(1, this.underWay.length), 1);
    if (answered === undefined) {
      return;
    }
    const { parcel } = answered;
    if (parcel.kind === "record" && verdict === "taken") {
      if (this.#options.awaitsReceipts) {
        this.#taken.set(keyOf(parcel.record), this.#now);
      } else {
        this.#outbox.delete(keyOf(parcel.record));
      }
    }
    // An epoch is never too large: it is small.
    const isOdd = parcel.kind === "epoch" && verdict === "too-large";
    this.scheduler.answered(parcel, isOdd ? "refused" : verdict, this.#now);
  }

  #read(isGood: boolean): void {
    const wish = this.#wish;
    this.#wish = null;
    if (wish === null) {
      return;
    }
    if (isGood) {
      this.scheduler.loaded(this.#recordsIn(wish));
    } else {
      this.scheduler.notLoaded(this.#now);
    }
    this.#pump();
  }

  #recordsIn({ range: { class: name, store, range }, countMax }: ReadWish): StoredRecord[] {
    const end = Math.min(range[1], range[0] + countMax - 1);
    return [...this.#outbox.values()].filter(
      (record) =>
        record.class === name &&
        record.store === store &&
        record.sequence >= range[0] &&
        record.sequence <= end,
    );
  }

  #epoch(): EpochRecord {
    this.#epochs += 1;
    return { epoch: String(this.#epochs), bytes: new Uint8Array(1) };
  }

  #receipt(count: number): void {
    this.scheduler.heard(this.#now);
    for (const key of [...this.#taken.keys()].slice(0, count)) {
      this.#taken.delete(key);
      this.#outbox.delete(key);
    }
    this.scheduler.receipted();
    this.#pump();
  }

  #evict(pick: number): void {
    const key = [...this.#outbox.keys()][pick % Math.max(1, this.#outbox.size)];
    if (key !== undefined) {
      this.#outbox.delete(key);
      this.#taken.delete(key);
    }
  }

  #down(isFailure: boolean): void {
    this.#isUp = false;
    this.#wish = null;
    this.underWay.splice(0);
    this.#taken.clear();
    this.scheduler.down(isFailure, this.#now);
  }

  #waitingIn({ range, ...place }: ChainRange): ChainRange[] {
    const ranges: ChainRange[] = [];
    for (const record of this.#outbox.values()) {
      const isIn = record.sequence >= range[0] && record.sequence <= range[1];
      if (isIn && record.class === place.class && record.store === place.store) {
        ranges.push(rangeOf(record));
      }
    }
    return ranges;
  }
}

function keyOf({ class: name, sequence }: StoredRecord): string {
  return `${name} ${sequence}`;
}

function rangeOf({ class: name, store, sequence }: StoredRecord): ChainRange {
  return { class: name, store, range: [sequence, sequence] };
}
