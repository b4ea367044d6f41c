import type { EpochRecord, StoredRecord } from "../outbox/records.ts";

export type Lane = "live" | "backlog";

/** One message to publish. `sentAt` is monotonic milliseconds. */
export type Parcel = EpochParcel | RecordParcel;

export interface EpochParcel {
  readonly kind: "epoch";
  readonly epoch: EpochRecord;
  readonly sentAt: number;
}

export interface RecordParcel {
  readonly kind: "record";
  readonly lane: Lane;
  readonly record: StoredRecord;
  readonly sentAt: number;
}

/** What was handed to the broker and has no answer yet. */
export class InFlight {
  readonly #parcels: Set<Parcel> = new Set();
  readonly #bytes: Record<Lane, number> = { live: 0, backlog: 0 };
  readonly #counts: Record<Lane | "epoch", number> = { live: 0, backlog: 0, epoch: 0 };

  get size(): number {
    return this.#parcels.size;
  }

  count(what: Lane | "epoch"): number {
    return this.#counts[what];
  }

  bytes(lane: Lane): number {
    return this.#bytes[lane];
  }

  add<P extends Parcel>(parcel: P): P {
    this.#parcels.add(parcel);
    this.#change(parcel, 1);
    return parcel;
  }

  /** False for a parcel that was not (or no longer) under way. */
  remove(parcel: Parcel): boolean {
    const wasThere = this.#parcels.delete(parcel);
    if (wasThere) {
      this.#change(parcel, -1);
    }
    return wasThere;
  }

  /** Takes everything out. */
  drain(): Parcel[] {
    const all = [...this.#parcels];
    all.forEach((parcel) => this.remove(parcel));
    return all;
  }

  #change(parcel: Parcel, sign: 1 | -1): void {
    if (parcel.kind === "epoch") {
      this.#counts.epoch += sign;
    } else {
      this.#counts[parcel.lane] += sign;
      this.#bytes[parcel.lane] += sign * parcel.record.bytes.length;
    }
  }
}
