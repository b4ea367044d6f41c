import { rankOf } from "./send-list.ts";
import type { StoredRecord } from "../outbox/records.ts";

/** What was just committed and goes out from memory: by class, then by age, and only so much of it. */
export class LiveLane {
  readonly #records: StoredRecord[] = [];
  #bytes = 0;

  get first(): StoredRecord | null {
    return this.#records[0] ?? null;
  }

  /** Adds a record; returns what there is no room for any more: the least urgent, youngest first. */
  add(record: StoredRecord): StoredRecord[] {
    const rank = rankOf(record);
    const place = this.#records.findIndex((other) => rankOf(other) > rank);
    this.#records.splice(place < 0 ? this.#records.length : place, 0, record);
    this.#bytes += record.bytes.length;
    const extra: StoredRecord[] = [];
    while (this.#records.length > RECORDS_MAX || this.#bytes > BYTES_MAX) {
      extra.push(...this.#remove(this.#records.length - 1));
    }
    return extra;
  }

  shift(): StoredRecord | null {
    return this.#remove(0)[0] ?? null;
  }

  /** Takes everything out. */
  drain(): StoredRecord[] {
    this.#bytes = 0;
    return this.#records.splice(0);
  }

  #remove(place: number): StoredRecord[] {
    const removed = this.#records.splice(place, 1);
    this.#bytes -= removed[0]?.bytes.length ?? 0;
    return removed;
  }
}

/** What has no room here goes the way of the backlog. */
const RECORDS_MAX = 64;
const BYTES_MAX = 4 * 2 ** 20;
