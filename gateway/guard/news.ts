import type { Sighting } from "./sightings.ts";

/**
 * What of all that the table shows has not been told yet. The kernel shows a sighting for ten minutes; whoever goes on is told again
 * after a while, since nobody knows whether the last time was heard.
 */
export class GuardNews {
  readonly #toldAt = new Map<string, { readonly at: number; readonly packets: number }>();
  #waiting: Sighting[] = [];
  #left = 0;

  /** Takes what the table shows; `now` is monotonic milliseconds. */
  look(sightings: readonly Sighting[], now: number): void {
    for (const sighting of sightings) {
      const key = sightingKey(sighting);
      const told = this.#toldAt.get(key);
      const isGoingOn =
        told !== undefined && now - told.at >= AGAIN_MS && sighting.packets !== told.packets;
      if (told === undefined || isGoingOn) {
        // Told last goes to the end: the oldest is the first to be forgotten.
        this.#toldAt.delete(key);
        this.#toldAt.set(key, { at: now, packets: sighting.packets });
        this.#wait(sighting);
      }
    }
    for (const key of this.#toldAt.keys()) {
      if (this.#toldAt.size <= REMEMBERED_MAX) {
        break;
      }
      this.#toldAt.delete(key);
    }
  }

  /** The next to be told, and how many found no room since the last; null for none. They stay until `heard`. */
  next(): { readonly sightings: readonly Sighting[]; readonly left: number } | null {
    return this.#waiting.length === 0 && this.#left === 0
      ? null
      : { sightings: this.#waiting.slice(0, SIGHTINGS_MAX), left: this.#left };
  }

  /** What `next` gave was heard. */
  heard(told: { readonly sightings: { readonly length: number }; readonly left: number }): void {
    this.#waiting = this.#waiting.slice(told.sightings.length);
    this.#left -= told.left;
  }

  #wait(sighting: Sighting): void {
    if (this.#waiting.length < WAITING_MAX) {
      this.#waiting.push(sighting);
    } else {
      this.#left += 1;
    }
  }
}

/** Two sightings with the same key are the same fact. */
export function sightingKey({ side, from, to, protocol, port }: Sighting): string {
  return `${side} ${from} ${to} ${protocol} ${port ?? ""}`;
}

/** Sightings in one message, at most. */
export const SIGHTINGS_MAX = 64;
const WAITING_MAX = 1000;
const REMEMBERED_MAX = 16_384;
const AGAIN_MS = 3_600_000;
