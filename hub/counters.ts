import { CLASSES, type ClassName } from "../gateway/reading.ts";
import { Histogram } from "./histogram.ts";
import type { ClassTotals } from "./bookkeeper.ts";
import type { Committed } from "./desk.ts";

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
  readonly opened: number;
  /** Items that had come before with another record. */
  readonly duplicates: number;
}

/** Counts what the hub does. */
export class Counters {
  again = 0;
  rejected = 0;
  refused = 0;
  dropped = 0;
  broken = 0;
  readonly #latency = new Histogram();
  #firstOpenedAt: number | null = null;

  /** Counts a record that is on disk now; `at` is hub time, epoch milliseconds. */
  committed(record: Committed, at: number): void {
    const { opened } = record;
    this.broken += record.fits ? 0 : 1;
    if (opened.kind !== "items") {
      return;
    }
    this.#firstOpenedAt ??= at;
    if (opened.class === "vital" && !record.backlog) {
      const last = opened.items.groups.reduce((max, group) => Math.max(max, group.at), 0);
      this.#latency.add(at - last);
    }
  }

  snapshot(now: {
    readonly ready: boolean;
    readonly records: number;
    readonly parked: number;
    readonly totals: ReadonlyMap<string, ClassTotals>;
  }): HubCounters {
    const { again, rejected, refused, dropped, broken } = this;
    const latencyMs = { p50: this.#latency.quantile(0.5), p99: this.#latency.quantile(0.99) };
    const classes = { notice: none(), vital: none(), trend: none(), wave: none() };
    for (const name of CLASSES) {
      const totals = now.totals.get(name);
      classes[name] = { opened: totals?.items ?? 0, duplicates: totals?.duplicates ?? 0 };
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
