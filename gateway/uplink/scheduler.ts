import { BacklogLane, rangeOf, type ReadWish } from "./backlog-lane.ts";
import { HoldOff } from "./hold-off.ts";
import { InFlight, type Lane, type Parcel, type RecordParcel } from "./in-flight.ts";
import { LateRecords } from "./late-records.ts";
import { LinkPace } from "./link-pace.ts";
import { LiveLane } from "./live-lane.ts";
import { Unreceipted } from "./unreceipted.ts";
import type { ChainRange } from "../outbox/outbox.ts";
import type { EpochRecord, StoredRecord } from "../outbox/records.ts";

export interface SchedulerOptions {
  /** Messages without a PUBACK, at most; a broker may allow fewer. */
  readonly windowSize: number;
  /** Bytes of live records without a PUBACK, at most, and of backlog; one record is always allowed. */
  readonly windowBytes: number;
  /** A record is sent again when no receipt has named it this long after its PUBACK (milliseconds). */
  readonly receiptWaitMs: number;
  /** How long to wait after a refusal, at least (milliseconds). */
  readonly retryMs: number;
  /** The part of a range that is still in the outbox. */
  readonly waitingIn: (range: ChainRange) => readonly ChainRange[];
}

/** What one connection allows. */
export interface LinkTerms {
  /** Messages without a PUBACK that this broker allows. */
  readonly inflightMax: number;
  /** False when the broker's word ends our duty: no receipt is waited for then. */
  readonly awaitsReceipts: boolean;
}

/**
 * What became of a parcel. `taken`: the broker has it; `nobody`: nobody subscribed to it; `refused`: the broker says no;
 * `too-large`: the broker takes no message of this size; `lost`: the connection ended first.
 */
export type Verdict = "taken" | "nobody" | "refused" | "too-large" | "lost";

/**
 * Decides what is sent next: pure, on a clock that it is given (monotonic milliseconds). Epoch keys go first, and nothing
 * overtakes them. Then notices, then what was just committed (`live`), then what waits on disk (`backlog`), each by class
 * and age. Always true while up:
 *
 * - never more parcels without an answer than the window, nor more bytes in a lane than its limit (one record is always
 *   allowed): a live record waits behind a bounded number of backlog bytes;
 * - backlog bytes follow the link (LinkPace), backlog records the receipts (ReceiptWindow);
 * - of 17 bytes one is of the backlog if any is ready, so a full live lane cannot starve it;
 * - what is neither under way nor receipted is in exactly one of the lists, so it is sent sooner or later.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #late: LateRecords;
  readonly #hold: HoldOff;
  readonly #live: LiveLane = new LiveLane();
  readonly #backlog: BacklogLane;
  readonly #flight: InFlight = new InFlight();
  readonly #unreceipted: Unreceipted;
  #epochs: EpochRecord[] = [];
  #pace: LinkPace;
  #terms: LinkTerms = { inflightMax: 1, awaitsReceipts: true };
  /** `lost`: the connection has ended, and nobody said `down` yet. */
  #state: "down" | "starting" | "up" | "lost" = "down";
  /** Live bytes sent since the last record of the backlog. */
  #liveRun = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#hold = new HoldOff(options.retryMs);
    this.#late = new LateRecords(LATE_RETRIES * options.retryMs);
    this.#backlog = new BacklogLane(this.#late, options.waitingIn);
    this.#unreceipted = new Unreceipted(options.receiptWaitMs, options.waitingIn);
    this.#pace = new LinkPace(options.windowBytes);
  }

  /** A connection is there; from now on epochs that are committed are kept. */
  starting(): void {
    this.#state = "starting";
  }

  /** Begins with everything that waits. */
  up(waiting: readonly ChainRange[], epochs: readonly EpochRecord[], terms: LinkTerms): void {
    // What was committed meanwhile stands in the list already, and is younger.
    this.#epochs.unshift(...epochs);
    waiting.forEach((range) => this.#backlog.add(range));
    this.#terms = terms;
    this.#state = "up";
  }

  /** The connection is gone: everything under way counts as not sent. `isFailure`: it was not ended by us. */
  down(isFailure: boolean, now: number): void {
    for (const parcel of this.#flight.drain()) {
      if (isFailure && parcel.kind === "record") {
        this.#late.failed(parcel.record, false, now);
      }
    }
    this.#state = "down";
    this.#epochs = [];
    this.#live.drain();
    this.#backlog.clear();
    this.#unreceipted.clear();
    this.#hold.reset();
    this.#pace = new LinkPace(this.#options.windowBytes);
    this.#liveRun = 0;
  }

  /** Takes what was just committed. While there is no connection it simply waits on disk. */
  committed(records: readonly StoredRecord[], epochs: readonly EpochRecord[], now: number): void {
    if (this.#state !== "down") {
      this.#epochs.push(...epochs);
    }
    if (this.#state !== "up") {
      return;
    }
    for (const record of records) {
      const extra = this.#hold.isHolding(now) ? [record] : this.#live.add(record);
      extra.forEach((each) => this.#backlog.add(rangeOf(each)));
    }
  }

  /** Epoch keys that the hub asks for. */
  needed(epochs: readonly EpochRecord[]): void {
    if (this.#state === "up") {
      this.#epochs.push(...epochs);
      this.#hold.end();
    }
  }

  /** What to publish next, or null when nothing may go now. It is under way until `answered`. */
  next(now: number): Parcel | null {
    const free = this.#window() - this.#flight.size;
    if (this.#state !== "up" || this.#hold.isHolding(now) || free <= 0) {
      return null;
    }
    const epoch = this.#epochs.shift();
    if (epoch !== undefined) {
      return this.#flight.add({ kind: "epoch", epoch, sentAt: now });
    }
    // A record that came before its key could not be opened, and in broker mode would be deleted all the same.
    return this.#flight.count("epoch") > 0 ? null : this.#nextRecord(free, now);
  }

  /** What should be read from the disk next, or null; `loaded` or `notLoaded` follows. */
  wish(now: number): ReadWish | null {
    return this.#state !== "up" || this.#hold.isHolding(now) ? null : this.#backlog.wish(now);
  }

  loaded(records: readonly StoredRecord[]): void {
    this.#backlog.loaded(records);
  }

  notLoaded(now: number): void {
    this.#backlog.notLoaded();
    this.#holdOff(now);
  }

  /** A parcel of this connection was answered. */
  answered(parcel: Parcel, verdict: Verdict, now: number): void {
    if (verdict === "lost") {
      // What was under way is judged as a whole, by `down`.
      this.#state = this.#state === "up" ? "lost" : this.#state;
      return;
    }
    if (!this.#flight.remove(parcel)) {
      return;
    }
    if (verdict === "taken") {
      this.#hold.success();
    }
    if (parcel.kind === "record") {
      this.#recordAnswered(parcel, verdict, now);
    } else if (verdict !== "taken") {
      this.#epochs.unshift(parcel.epoch);
    }
    if (verdict === "nobody" || verdict === "refused") {
      this.#holdOff(now);
    }
  }

  /** A receipt came: somebody is listening. */
  heard(now: number): void {
    this.#unreceipted.heard(now);
    this.#hold.end();
  }

  /** What receipts named has left the outbox. */
  receipted(): void {
    this.#unreceipted.receipted();
  }

  /** Puts what the broker took long ago and no receipt named among what has to be sent. */
  sendAgain(now: number): void {
    this.#unreceipted.overdue(now).forEach((range) => this.#backlog.add(range));
  }

  /** When `next` or `wish` may have something although nothing happened, or null. */
  wakeAt(now: number): number | null {
    if (this.#state !== "up") {
      return null;
    }
    return this.#hold.isHolding(now) ? this.#hold.until : this.#backlog.wakeAt();
  }

  /** One message at a time until the broker takes one again. */
  #window(): number {
    return this.#hold.isProbing
      ? 1
      : Math.max(1, Math.min(this.#options.windowSize, this.#terms.inflightMax));
  }

  #nextRecord(free: number, now: number): Parcel | null {
    const live = this.#mayGo("live", this.#liveHead(), free);
    const old = this.#mayGo("backlog", this.#backlog.head(), free);
    if (old !== null && (live === null || this.#isBacklogTurn(old, live))) {
      this.#backlog.shift();
      this.#liveRun = 0;
      return this.#flight.add({ kind: "record", lane: "backlog", record: old, sentAt: now });
    }
    if (live === null) {
      return null;
    }
    this.#live.shift();
    this.#liveRun += live.bytes.length;
    return this.#flight.add({ kind: "record", lane: "live", record: live, sentAt: now });
  }

  /** The next live record that was not given up meanwhile. */
  #liveHead(): StoredRecord | null {
    for (let head = this.#live.first; head !== null; head = this.#live.first) {
      if (this.#options.waitingIn(rangeOf(head)).length > 0) {
        return head;
      }
      this.#live.shift();
    }
    return null;
  }

  /** Whether the backlog goes first although a live record may go. */
  #isBacklogTurn(old: StoredRecord, live: StoredRecord): boolean {
    return !isNotice(live) && (isNotice(old) || this.#liveRun >= LIVE_SHARE * old.bytes.length);
  }

  /** The record, or null when the limits of its lane do not let it go. */
  #mayGo(lane: Lane, record: StoredRecord | null, free: number): StoredRecord | null {
    if (record === null || (isNotice(record) && lane === "live")) {
      return record;
    }
    const window = this.#window();
    const isPlaceLeft = free > (window > RESERVE_FROM && !isNotice(record) ? NOTICE_PLACES : 0);
    const bytesMax = lane === "live" ? this.#options.windowBytes : this.#pace.bytes;
    const bytes = this.#flight.bytes(lane);
    const fits = bytes === 0 || bytes + record.bytes.length <= bytesMax;
    return isPlaceLeft && fits && (lane === "live" || this.#mayBacklogGo(window)) ? record : null;
  }

  #mayBacklogGo(window: number): boolean {
    const underWay = this.#flight.count("backlog");
    return (
      underWay < Math.max(1, window - LIVE_PLACES) &&
      (!this.#terms.awaitsReceipts || this.#unreceipted.allows(underWay))
    );
  }

  #recordAnswered({ lane, record, sentAt }: RecordParcel, verdict: Verdict, now: number): void {
    const wasLate = this.#late.has(record);
    if (wasLate) {
      this.#backlog.lateAnswered();
    }
    if (verdict === "taken") {
      this.#late.succeeded(record);
      this.#pace.acknowledged(sentAt, lane === "backlog" ? record.bytes.length : 0, now);
      if (this.#terms.awaitsReceipts) {
        this.#unreceipted.add(lane, record, now);
      }
      return;
    }
    if (verdict === "refused" || verdict === "too-large") {
      this.#late.failed(record, verdict === "too-large", now);
    }
    if (!this.#late.has(record)) {
      this.#backlog.add(rangeOf(record));
      if (verdict === "too-large") {
        // There is no room for more late ones: without a pause this one would come again at once.
        this.#holdOff(now);
      }
    }
  }

  #holdOff(now: number): void {
    this.#hold.begin(now);
    this.#live.drain().forEach((record) => this.#backlog.add(rangeOf(record)));
    this.#backlog.unread();
  }
}

/** A record that keeps failing waits this many times longer than all of them together. */
const LATE_RETRIES = 10;
/** Places in the window that only notices (and epoch keys) use, when there are enough. */
const NOTICE_PLACES = 1;
const RESERVE_FROM = 3;
/** Places in the window that the backlog never uses. */
const LIVE_PLACES = 4;
/** When the live lane would take the whole line, it has this many times the bytes of the backlog. */
const LIVE_SHARE = 16;

function isNotice(record: StoredRecord | null): boolean {
  return record?.class === "notice";
}
