import { SEND_ORDER } from "../outbox/keys.ts";
import type { LossReason, StoredRecord } from "../outbox/records.ts";
import type { ClassBacklog } from "../rooms.ts";
import type { RecordClass } from "../sealing/envelope.ts";

/** What became of the records of one class since the keeper's start. */
export interface ClassCounts {
  /** Records on disk, acknowledged to the flow host. */
  stored: number;
  /** Records that a broker acknowledged at least once. */
  forwarded: number;
  /** Records named by a receipt. */
  receipted: number;
  /** Records the hub refused for good. */
  rejected: number;
  /** Records that were corrupted or missing. */
  lost: number;
  /** Records given up because there was no room (oldest or newest), or because they had waited too long. */
  evicted: number;
  expired: number;
  /** Items in stored and in forwarded records. */
  storedItems: number;
  forwardedItems: number;
}

/** Counters per record class, for main's statistics. */
export class KeeperCounts {
  readonly #classes: Record<RecordClass, ClassCounts> = {
    notice: none(),
    vital: none(),
    tally: none(),
    gap: none(),
    trend: none(),
    wave: none(),
  };
  #bundlesAnnounced = 0;

  /** How often the broker has said that there is a new bundle. */
  get bundlesAnnounced(): number {
    return this.#bundlesAnnounced;
  }

  bundleAnnounced(): void {
    this.#bundlesAnnounced += 1;
  }

  stored(records: readonly StoredRecord[]): void {
    for (const record of records) {
      this.#classes[record.class].stored += 1;
      this.#classes[record.class].storedItems += record.items;
    }
  }

  forwarded(name: RecordClass, items: number): void {
    this.#classes[name].forwarded += 1;
    this.#classes[name].forwardedItems += items;
  }

  forgotten(name: RecordClass, batches: number, why: "receipted" | LossReason): void {
    this.#classes[name][FIELDS[why]] += batches;
  }

  /** Each class with what waits of it beside its counters. */
  report(backlog: Readonly<Record<string, ClassBacklog>>): Record<string, object> {
    return Object.fromEntries(
      SEND_ORDER.map((name) => [
        name,
        { ...(backlog[name] ?? EMPTY_BACKLOG), ...this.#classes[name] },
      ]),
    );
  }

  /** Each class with its counters and `backlog`. */
  with(backlog: Readonly<Record<string, ClassBacklog>>): Record<string, object> {
    return Object.fromEntries(
      SEND_ORDER.map((name) => [
        name,
        { ...this.#classes[name], backlog: backlog[name] ?? EMPTY_BACKLOG },
      ]),
    );
  }
}

/** What waits of all classes together. */
export function totalOf(backlog: Readonly<Record<string, ClassBacklog>>): ClassBacklog {
  const classes = Object.values(backlog);
  const oldest = classes.flatMap(({ oldestAt }) => (oldestAt === null ? [] : [oldestAt]));
  return {
    batches: classes.reduce((sum, each) => sum + each.batches, 0),
    bytes: classes.reduce((sum, each) => sum + each.bytes, 0),
    oldestAt: oldest.length === 0 ? null : Math.min(...oldest),
  };
}

const FIELDS = {
  receipted: "receipted",
  rejected: "rejected",
  corrupted: "lost",
  missing: "lost",
  evicted: "evicted",
  "turned-away": "evicted",
  expired: "expired",
} as const satisfies Record<"receipted" | LossReason, keyof ClassCounts>;

const EMPTY_BACKLOG: ClassBacklog = { batches: 0, bytes: 0, oldestAt: null };

function none(): ClassCounts {
  return {
    stored: 0,
    forwarded: 0,
    receipted: 0,
    rejected: 0,
    lost: 0,
    evicted: 0,
    expired: 0,
    storedItems: 0,
    forwardedItems: 0,
  };
}
