import { SEND_ORDER, type ChainSlot, type RecordSlot } from "../outbox/keys.ts";
import type { ChainRange } from "../outbox/outbox.ts";
import { addRange, hasSequence, type SequenceRange } from "../sealing/sequence-ranges.ts";

/** Records that still have to be sent over this connection, as ranges: any backlog takes next to no memory. */
export class SendList {
  readonly #chains: Map<string, { readonly place: ChainSlot; ranges: SequenceRange[] }> = new Map();

  add({ range, ...place }: ChainRange): void {
    const chain = this.#chains.get(nameOf(place)) ?? { place, ranges: [] };
    this.#chains.set(nameOf(place), chain);
    chain.ranges = addRange(chain.ranges, range);
  }

  /** Takes up to `countMax` numbers off the front: what people wait for first, oldest first. Null when nothing waits. */
  take(countMax: number): ChainRange | null {
    const chain = [...this.#chains.values()]
      .filter(({ ranges }) => ranges.length > 0)
      .sort((a, b) => rank(a.place) - rank(b.place) || a.place.store - b.place.store)[0];
    const first = chain?.ranges[0];
    if (chain === undefined || first === undefined) {
      return null;
    }
    const end = Math.min(first[1], first[0] + countMax - 1);
    chain.ranges.shift();
    if (end < first[1]) {
      chain.ranges.unshift([end + 1, first[1]]);
    }
    return { class: chain.place.class, store: chain.place.store, range: [first[0], end] };
  }

  get isEmpty(): boolean {
    return [...this.#chains.values()].every(({ ranges }) => ranges.length === 0);
  }

  clear(): void {
    this.#chains.clear();
  }
}

/** Records that the broker has and no receipt has named yet, in runs of about a second. */
export class AwaitList {
  readonly #runs: Map<string, Run[]> = new Map();

  /** `at` is monotonic milliseconds. */
  add({ class: name, store, sequence }: RecordSlot, at: number): void {
    const place = { class: name, store };
    const runs = this.#runs.get(nameOf(place)) ?? [];
    this.#runs.set(nameOf(place), runs);
    const last = runs.at(-1);
    if (last !== undefined && last.range[1] + 1 === sequence && at - last.at < RUN_MS) {
      last.range = [last.range[0], sequence];
    } else {
      runs.push({ place, range: [sequence, sequence], at });
    }
  }

  /** Takes the runs that were begun before `before`. */
  takeOlder(before: number): ChainRange[] {
    const old: ChainRange[] = [];
    for (const runs of this.#runs.values()) {
      while (runs[0] !== undefined && runs[0].at < before) {
        const { place, range } = runs[0];
        old.push({ class: place.class, store: place.store, range });
        runs.shift();
      }
    }
    return old;
  }

  clear(): void {
    this.#runs.clear();
  }
}

/** Which records were forwarded at least once since the start, so that a record sent again is not counted again. */
export class SeenList {
  readonly #chains: Map<string, readonly SequenceRange[]> = new Map();

  /** True the first time. */
  add({ class: name, store, sequence }: RecordSlot): boolean {
    const key = nameOf({ class: name, store });
    const seen = this.#chains.get(key) ?? [];
    if (hasSequence(seen, sequence)) {
      return false;
    }
    this.#chains.set(key, addRange(seen, [sequence, sequence]));
    return true;
  }
}

interface Run {
  readonly place: ChainSlot;
  range: SequenceRange;
  readonly at: number;
}

const RUN_MS = 1000;

function rank(place: ChainSlot): number {
  return SEND_ORDER.indexOf(place.class);
}

function nameOf(place: ChainSlot): string {
  return `${place.class}/${place.store}`;
}
