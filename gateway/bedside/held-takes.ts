import type { ClassName } from "../reading.ts";
import { CLASSES } from "../reading.ts";
import type { TakeRef } from "../rooms.ts";
import type { Definitions } from "../takes/definitions.ts";
import type { EncodedTake } from "../takes/take-encoder.ts";

/**
 * The takes bedside holds until they are settled, in the order they were taken. Pure: no clock, no socket.
 *
 * A take is queued, then in flight (handed to the running generation of flows), then settled and forgotten. A new
 * generation puts everything in flight back at the head of the queue. Over a limit, the oldest take of the lowest class
 * goes, and of those in flight only when no other is left; the caller accounts for it.
 */
export interface HeldLimits {
  /** Takes held, at most. */
  readonly takes: number;
  /**
   * Bytes held, at most, with an estimate of what holding a take costs in itself, and with the definitions that these takes need;
   * those that new takes go on with are bounded on their own.
   */
  readonly bytes: number;
  /** Takes in flight, at most. */
  readonly inFlight: number;
}

interface Held {
  readonly take: EncodedTake;
  readonly bytes: number;
  /** When it was taken, monotonic milliseconds. */
  readonly at: number;
  inFlight: boolean;
}

export class HeldTakes {
  readonly #limits: HeldLimits;
  readonly #held = new Map<string, Held>();
  /** Keys of takes that the flow has not been handed, oldest first. */
  readonly #waiting = keysByClass();
  /** Keys of takes in flight. */
  readonly #handed = keysByClass();
  #queue: string[] = [];
  #queueHead = 0;
  /** How many held takes need these definitions. */
  readonly #needed = new Map<Definitions, number>();
  #newest: Definitions | null = null;
  #bytes = 0;
  #inFlight = 0;

  constructor(limits: HeldLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#held.size;
  }

  get bytes(): number {
    let bytes = this.#bytes;
    for (const definitions of this.#needed.keys()) {
      bytes += definitions === this.#newest ? 0 : definitions.bytes.length;
    }
    return bytes;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** When the oldest unsettled take was taken, monotonic milliseconds, or null. */
  get oldestAt(): number | null {
    const oldest = this.#held.values().next();
    return oldest.done === true ? null : oldest.value.at;
  }

  /** Holds a take from `at` (monotonic milliseconds); returns the takes that had to go to make room. */
  hold(take: EncodedTake, at: number): EncodedTake[] {
    const key = keyOf(take);
    const bytes = HOLDING_BYTES + take.bytes.length;
    this.#held.set(key, { take, bytes, at, inFlight: false });
    this.#waiting[take.class].add(key);
    this.#bytes += bytes;
    this.#newest = take.definitions;
    this.#needed.set(take.definitions, (this.#needed.get(take.definitions) ?? 0) + 1);
    this.#queue.push(key);
    const gone: EncodedTake[] = [];
    while (this.#held.size > this.#limits.takes || this.bytes > this.#limits.bytes) {
      const victim = this.#victim();
      if (victim === undefined) {
        break;
      }
      gone.push(victim);
      this.settle(victim);
    }
    return gone;
  }

  /** The next takes to hand to the flow, oldest first, as far as `allowed` and the in-flight limit let them go. */
  next(most: number, allowed: (take: EncodedTake) => boolean): EncodedTake[] {
    const takes: EncodedTake[] = [];
    while (takes.length < most && this.#inFlight < this.#limits.inFlight) {
      const key = this.#queue[this.#queueHead];
      if (key === undefined) {
        break;
      }
      const held = this.#held.get(key);
      if (held !== undefined && !held.inFlight) {
        if (!allowed(held.take)) {
          break;
        }
        held.inFlight = true;
        this.#inFlight += 1;
        this.#waiting[held.take.class].delete(key);
        this.#handed[held.take.class].add(key);
        takes.push(held.take);
      }
      this.#queueHead += 1;
    }
    this.#trimQueue();
    return takes;
  }

  /** Everything unsettled will be handed out again, in order. */
  newGeneration(): void {
    for (const className of CLASSES) {
      this.#handed[className].clear();
      this.#waiting[className].clear();
    }
    for (const [key, held] of this.#held) {
      held.inFlight = false;
      this.#waiting[held.take.class].add(key);
    }
    this.#inFlight = 0;
    this.#queue = [...this.#held.keys()];
    this.#queueHead = 0;
  }

  /** Forgets a take; false when it was not held. */
  settle(ref: TakeRef): boolean {
    const key = keyOf(ref);
    const held = this.#held.get(key);
    if (held === undefined) {
      return false;
    }
    this.#held.delete(key);
    this.#waiting[held.take.class].delete(key);
    this.#handed[held.take.class].delete(key);
    this.#bytes -= held.bytes;
    this.#release(held.take.definitions);
    if (held.inFlight) {
      this.#inFlight -= 1;
    }
    return true;
  }

  /** The lowest unsettled take number of every device that has one. */
  lowestByDevice(): Map<string, number> {
    const lowest = new Map<string, number>();
    for (const { take } of this.#held.values()) {
      const known = lowest.get(take.device);
      if (known === undefined || take.take < known) {
        lowest.set(take.device, take.take);
      }
    }
    return lowest;
  }

  /**
   * The oldest take of the class that matters least. What the flow has already been handed goes after what it has not: it is
   * likely to be stored, and giving it up here would relieve nobody. Notices go last of all.
   */
  #victim(): EncodedTake | undefined {
    for (const classes of VICTIMS) {
      for (const keys of [this.#waiting, this.#handed]) {
        for (const className of classes) {
          const oldest = keys[className].values().next();
          if (oldest.done !== true) {
            return this.#held.get(oldest.value)?.take;
          }
        }
      }
    }
    return undefined;
  }

  #release(definitions: Definitions): void {
    const others = (this.#needed.get(definitions) ?? 0) - 1;
    if (others > 0) {
      this.#needed.set(definitions, others);
    } else {
      this.#needed.delete(definitions);
    }
  }

  #trimQueue(): void {
    if (this.#queueHead > QUEUE_TRIM) {
      this.#queue = this.#queue.slice(this.#queueHead);
      this.#queueHead = 0;
    }
  }
}

const VICTIMS: readonly (readonly ClassName[])[] = [["wave", "trend", "vital"], ["notice"]];

function keysByClass(): Record<ClassName, Set<string>> {
  return { notice: new Set(), vital: new Set(), trend: new Set(), wave: new Set() };
}

const QUEUE_TRIM = 1024;
/** What a held take costs beside its bytes: measured, and rounded up. */
const HOLDING_BYTES = 600;

function keyOf(ref: TakeRef): string {
  return `${ref.take} ${ref.device} ${ref.boot}`;
}
