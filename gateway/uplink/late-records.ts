import type { RecordSlot } from "../outbox/keys.ts";
import { chainName } from "./send-list.ts";

/**
 * Records that keep failing: the broker refuses them, finds them too large, or hangs up while they are under way. They are
 * sent one at a time beside the others and ever more rarely, so that one that can never be taken holds nothing up; it
 * is not given up. All times are monotonic milliseconds.
 */
export class LateRecords {
  readonly #waitMs: number;
  /** Failures in a row of records that are not late yet. */
  readonly #strikes: Map<string, number> = new Map();
  readonly #late: Map<string, Late> = new Map();
  /** Records that went well so far. */
  #successes = 0;

  /** @param waitMs the shortest wait between tries; doubles with every failure */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** True when a record goes this way. */
  has(slot: RecordSlot): boolean {
    return this.#late.has(slotName(slot));
  }

  /** A record failed. `isHopeless`: it will not go the next time either, as far as anybody can tell. */
  failed(slot: RecordSlot, isHopeless: boolean, now: number): void {
    const name = slotName(slot);
    const late = this.#late.get(name);
    const strikes = (this.#strikes.get(name) ?? 0) + 1;
    if (late !== undefined) {
      late.failures += 1;
      late.at = now;
    } else if (isHopeless || strikes >= STRIKES_MAX) {
      this.#strikes.delete(name);
      this.#begin(slot, isHopeless ? 1 : 0, now);
    } else if (this.#strikes.size < LATE_MAX) {
      this.#strikes.set(name, strikes);
    }
  }

  /** The broker took a record. */
  succeeded(slot: RecordSlot): void {
    this.#successes += 1;
    this.forget(slot);
  }

  /** The record went another way, or has left the outbox. */
  forget(slot: RecordSlot): void {
    this.#strikes.delete(slotName(slot));
    this.#late.delete(slotName(slot));
  }

  /** A record whose time has come, or null. */
  due(now: number): RecordSlot | null {
    for (const late of this.#late.values()) {
      if (this.#dueAt(late) <= now) {
        return late.slot;
      }
    }
    return null;
  }

  /** When the next one is due, or null when there is none. */
  dueAt(): number | null {
    const times = [...this.#late.values()].map((late) => this.#dueAt(late));
    return times.length === 0 ? null : Math.min(...times);
  }

  #begin(slot: RecordSlot, failures: number, now: number): void {
    if (this.#late.size < LATE_MAX) {
      const { class: name, store, sequence } = slot;
      const place = { class: name, store, sequence };
      const successes = this.#successes;
      this.#late.set(slotName(slot), { slot: place, failures, at: now, successes });
    }
  }

  /** One that may have been in bad company only is tried again as soon as anything goes well. */
  #dueAt({ failures, at, successes }: Late): number {
    const isInnocent = failures === 0 && this.#successes > successes;
    return isInnocent ? at : at + this.#waitMs * Math.min(LONGEST, 2 ** failures);
  }
}

interface Late {
  readonly slot: RecordSlot;
  failures: number;
  at: number;
  /** How many had gone well when this one became late. */
  readonly successes: number;
}

/** Failures in a row after which a record is late. */
const STRIKES_MAX = 2;
/** Records of each kind in memory, at most; further ones stay where they are in the order. */
const LATE_MAX = 256;
/** The longest wait between tries, in shortest ones. */
const LONGEST = 128;

function slotName({ class: name, store, sequence }: RecordSlot): string {
  return `${chainName({ class: name, store })}/${sequence}`;
}
