import type { TakeGap, TakeRef } from "../rooms.ts";
import { namedGap } from "./reservation.ts";

/**
 * The gaps that are not committed yet. Takes given up for want of room are gathered and become one gap per device that
 * grows while nothing is committed, so that a long trouble does not make a long list.
 */
export class GapBook {
  readonly #open = new Map<string, TakeGap>();
  readonly #gathering = new Map<string, TakeGap>();

  get size(): number {
    return this.#open.size + this.#gathering.size;
  }

  /** Everything that is not committed, gathered or told already. */
  all(): TakeGap[] {
    return [...this.#open.values(), ...this.#gathering.values()];
  }

  /** What the flow host was or is to be told. */
  told(): TakeGap[] {
    return [...this.#open.values()];
  }

  add(gaps: readonly TakeGap[]): void {
    gaps.forEach((gap) => this.#open.set(gap.id, gap));
  }

  /** A take was given up: it becomes part of a gap. */
  evicted({ device, boot, take }: TakeRef, at: number): void {
    const gap = this.#gathering.get(device);
    const from = Math.min(gap?.from ?? take, take);
    const to = Math.max(gap?.to ?? take, take);
    const start = gap?.start ?? at;
    const reason = "buffer-full";
    this.#gathering.set(
      device,
      namedGap({ device, boot, from, to, reason, atMost: true, start, end: at }),
    );
  }

  /** Ends the gathering: what is new to tell, each grown gap under a new name. */
  gathered(): TakeGap[] {
    const gaps = [...this.#gathering.values()].map((gap) => this.#merged(gap));
    this.#gathering.clear();
    this.add(gaps);
    return gaps;
  }

  /** Committed: these may be forgotten. */
  settled(ids: readonly string[]): void {
    ids.forEach((id) => this.#open.delete(id));
  }

  #merged(gap: TakeGap): TakeGap {
    for (const open of this.#open.values()) {
      if (open.device === gap.device && open.boot === gap.boot && open.reason === gap.reason) {
        this.#open.delete(open.id);
        const from = Math.min(open.from, gap.from);
        const to = Math.max(open.to, gap.to);
        return namedGap({ ...gap, from, to, start: open.start });
      }
    }
    return gap;
  }
}
