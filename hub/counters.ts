import { CLASSES, type ClassName } from "../gateway/reading.ts";
import { Histogram } from "./histogram.ts";
import type { Committed } from "./intake.ts";

/** What the hub tells about itself. Counts of classes and records go on over restarts, the others begin with the process. */
export interface HubCounters {
  /** Subscribed at the broker. */
  readonly ready: boolean;
  /** Sealed records in the store. */
  readonly records: number;
  readonly classes: Readonly<Record<ClassName, ClassCounters>>;
  /** From the last reading of a live batch of class vital to its commit; only true when both clocks are one. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Records that were here already and got their receipt again. */
  readonly again: number;
  /** Authentic records that can never be taken. */
  readonly rejected: number;
  /** Messages that are not authentic or not understood. */
  readonly refused: number;
  /** Messages there was no room for; they have no receipt and come again. */
  readonly dropped: number;
  /** Records that wait for an epoch. */
  readonly parked: number;
  /** Records whose hash does not fit their neighbours'. */
  readonly broken: number;
  /** Hub time of the first item opened by this process, epoch milliseconds, or null. */
  readonly firstOpenedAt: number | null;
}

export interface ClassCounters {
  opened: number;
  /** Items that had come before with another record. */
  duplicates: number;
}

/** Counts what the hub does. */
export class Counters {
  again = 0;
  rejected = 0;
  refused = 0;
  dropped = 0;
  broken = 0;
  readonly #classes: Record<ClassName, ClassCounters>;
  readonly #latency = new Histogram();
  #firstOpenedAt: number | null = null;

  /** @param before what the store says was opened before this process */
  constructor(
    before: readonly {
      readonly class: ClassName;
      readonly items: number;
      readonly duplicates: number;
    }[],
  ) {
    this.#classes = { notice: none(), vital: none(), trend: none(), wave: none() };
    for (const { class: name, items, duplicates } of before) {
      this.#classes[name] = { opened: items, duplicates };
    }
  }

  /** Counts a record that is on disk now; `at` is hub time, epoch milliseconds. */
  committed(record: Committed, at: number): void {
    const { opened, duplicates } = record;
    this.broken += record.fits ? 0 : 1;
    if (opened.kind !== "items") {
      return;
    }
    this.#firstOpenedAt ??= at;
    const counters = this.#classes[opened.class];
    counters.opened += opened.items.length - duplicates;
    counters.duplicates += duplicates;
    if (opened.class === "vital" && !record.backlog) {
      const times = opened.items.map((item) => (item.kind === "reading" ? item.at : 0));
      this.#latency.add(at - Math.max(...times));
    }
  }

  snapshot(now: {
    readonly ready: boolean;
    readonly records: number;
    readonly parked: number;
  }): HubCounters {
    const { again, rejected, refused, dropped, broken } = this;
    const latencyMs = { p50: this.#latency.quantile(0.5), p99: this.#latency.quantile(0.99) };
    const classes = { ...this.#classes };
    for (const name of CLASSES) {
      classes[name] = { ...classes[name] };
    }
    const { ready, records, parked } = now;
    const firstOpenedAt = this.#firstOpenedAt;
    return {
      ready,
      records,
      classes,
      latencyMs,
      again,
      rejected,
      refused,
      dropped,
      parked,
      broken,
      firstOpenedAt,
    };
  }
}

function none(): ClassCounters {
  return { opened: 0, duplicates: 0 };
}
