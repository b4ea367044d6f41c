import type { ChainRange } from "../../gateway/outbox/outbox.ts";
import type { StoredRecord } from "../../gateway/outbox/records.ts";
import type { RecordClass } from "../../gateway/sealing/envelope.ts";
import type { Lane, Parcel } from "../../gateway/uplink/in-flight.ts";
import { Scheduler } from "../../gateway/uplink/scheduler.ts";

/** A link and what has to go over it. */
export interface SimulationOptions {
  readonly bytesPerSecond: number;
  /** There and back (milliseconds). */
  readonly rttMs: number;
  /** Waiting records: how many, and bytes of each. */
  readonly backlog: number;
  readonly backlogBytes: number;
  /** Bytes of a live record; one is committed every `liveEveryMs`. */
  readonly liveBytes: number;
  readonly liveEveryMs: number;
  /** How long to look (milliseconds of simulated time). */
  readonly ms: number;
}

export interface SimulationResult {
  /** Bytes of backlog that were acknowledged, per second, until it was drained. */
  readonly backlogBytesPerSecond: number;
  /** How much later than over an empty link each live record arrived (milliseconds), in order. */
  readonly liveDelaysMs: readonly number[];
}

/**
 * Plays a Scheduler against a link of a given speed and length, on simulated time: one queue in front of the link, as in a
 * router that drops nothing. Receipts come 50 ms after the acknowledgement.
 */
export function simulateLink(options: SimulationOptions): SimulationResult {
  const outbox = new Map<string, StoredRecord>();
  const scheduler = new Scheduler({
    windowSize: 64,
    windowBytes: 256 * 1024,
    receiptWaitMs: 30_000,
    retryMs: 500,
    waitingIn: (range) => waitingIn(outbox, range),
  });
  const events = new Agenda();
  const committedAt = new Map<StoredRecord, number>();
  const delays: number[] = [];
  let isLinkFreeAt = 0;
  let acknowledged = 0;
  let drainedAt: number | null = null;

  const send = (parcel: Parcel, now: number): void => {
    const bytes = parcel.kind === "epoch" ? 300 : parcel.record.bytes.length;
    isLinkFreeAt = Math.max(isLinkFreeAt, now) + sendMs(bytes, options);
    const arrivesAt = isLinkFreeAt + options.rttMs / 2;
    if (parcel.kind === "record" && parcel.lane === "live") {
      const from = committedAt.get(parcel.record) ?? now;
      delays.push(arrivesAt - from - sendMs(bytes, options) - options.rttMs / 2);
    }
    events.add(arrivesAt + options.rttMs / 2, (at) => answered(parcel, at));
  };
  const pump = (now: number): void => {
    for (;;) {
      for (let next = scheduler.next(now); next !== null; next = scheduler.next(now)) {
        send(next, now);
      }
      const wish = scheduler.wish(now);
      if (wish === null) {
        return;
      }
      const { range, ...place } = wish.range;
      const records = [];
      for (let sequence = range[0]; sequence <= range[1]; sequence += 1) {
        const record = outbox.get(keyOf(place.class, sequence));
        if (record !== undefined) {
          records.push(record);
        }
      }
      scheduler.loaded(records);
    }
  };
  const answered = (parcel: Parcel, now: number): void => {
    scheduler.answered(parcel, "taken", now);
    if (parcel.kind === "record") {
      events.add(now + 50, (at) => receipted(parcel.record, parcel.lane, at));
    }
    pump(now);
  };
  const receipted = (record: StoredRecord, lane: Lane, now: number): void => {
    outbox.delete(keyOf(record.class, record.sequence));
    if (lane === "backlog") {
      acknowledged += record.bytes.length;
      if (acknowledged >= options.backlog * options.backlogBytes) {
        drainedAt ??= now;
      }
    }
    scheduler.heard(now);
    scheduler.receipted();
    pump(now);
  };
  const put = (name: RecordClass, sequence: number, bytes: number): StoredRecord => {
    const record = makeRecord(name, sequence, bytes);
    outbox.set(keyOf(name, sequence), record);
    return record;
  };
  for (let sequence = 1; sequence <= options.backlog; sequence += 1) {
    put("wave", sequence, options.backlogBytes);
  }
  for (let place = 0; place * options.liveEveryMs < options.ms; place += 1) {
    events.add(place * options.liveEveryMs, (at) => {
      const record = put("vital", place + 1, options.liveBytes);
      committedAt.set(record, at);
      scheduler.committed([record], [], at);
      pump(at);
    });
  }
  const waiting: ChainRange[] = [{ class: "wave", store: 1, range: [1, options.backlog] }];
  scheduler.starting();
  scheduler.up(waiting, [{ epoch: "1", bytes: new Uint8Array(300) }], {
    inflightMax: 65_535,
    awaitsReceipts: true,
  });
  pump(0);
  events.run(options.ms);
  const seconds = (drainedAt ?? options.ms) / 1000;
  return { backlogBytesPerSecond: acknowledged / seconds, liveDelaysMs: delays };
}

/** What happens when, in order of time. */
class Agenda {
  readonly #times: Map<number, ((at: number) => void)[]> = new Map();
  #sorted: number[] = [];

  add(at: number, act: (at: number) => void): void {
    const acts = this.#times.get(at);
    if (acts !== undefined) {
      acts.push(act);
      return;
    }
    this.#times.set(at, [act]);
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      // Latest first, so that the next one is popped.
      if ((this.#sorted[middle] ?? 0) > at) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    this.#sorted.splice(low, 0, at);
  }

  run(until: number): void {
    for (let at = this.#sorted.pop(); at !== undefined && at <= until; at = this.#sorted.pop()) {
      const acts = this.#times.get(at) ?? [];
      this.#times.delete(at);
      for (const act of acts) {
        act(at);
      }
    }
  }
}

function sendMs(bytes: number, { bytesPerSecond }: SimulationOptions): number {
  return (bytes * 1000) / bytesPerSecond;
}

function waitingIn(
  outbox: ReadonlyMap<string, StoredRecord>,
  { class: name, store, range }: ChainRange,
): ChainRange[] {
  const ranges: ChainRange[] = [];
  for (let sequence = range[0]; sequence <= range[1]; sequence += 1) {
    if (outbox.has(keyOf(name, sequence))) {
      ranges.push({ class: name, store, range: [sequence, sequence] });
    }
  }
  return ranges;
}

function makeRecord(name: RecordClass, sequence: number, bytes: number): StoredRecord {
  const facts = { items: 1, salt: "", hash: "", storedAt: 0 };
  return { class: name, store: 1, sequence, ...facts, bytes: new Uint8Array(bytes) };
}

function keyOf(name: RecordClass, sequence: number): string {
  return `${name} ${sequence}`;
}
