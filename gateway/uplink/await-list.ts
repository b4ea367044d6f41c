import type { ChainSlot, RecordSlot } from "../outbox/keys.ts";
import type { ChainRange } from "../outbox/outbox.ts";
import { addRange, countSequences, type SequenceRange } from "../sealing/sequence-ranges.ts";
import { chainName } from "./send-list.ts";

/** Records that the broker has and no receipt has named yet, in runs of about a second. */
export class AwaitList {
  readonly #runs: Map<string, Run[]> = new Map();
  #count = 0;

  /** Records in the list. */
  get count(): number {
    return this.#count;
  }

  /** `at` is monotonic milliseconds. */
  add({ class: name, store, sequence }: RecordSlot, at: number): void {
    const place = { class: name, store };
    const runs = this.#runs.get(chainName(place)) ?? [];
    this.#runs.set(chainName(place), runs);
    const last = runs.at(-1);
    const run = last !== undefined && at - last.at < RUN_MS ? last : { place, ranges: [], at };
    if (run !== last) {
      runs.push(run);
    }
    this.#replace(run, addRange(run.ranges, [sequence, sequence]));
  }

  /** Takes the runs that were begun before `before`. */
  takeOlder(before: number): ChainRange[] {
    const old: ChainRange[] = [];
    for (const runs of this.#runs.values()) {
      for (let run = runs[0]; run !== undefined && run.at < before; run = runs[0]) {
        old.push(...rangesOf(run));
        this.#replace(run, []);
        runs.shift();
      }
    }
    return old;
  }

  /** Keeps what still waits, as the caller knows; returns how many records left the list. */
  prune(waitingIn: (range: ChainRange) => readonly ChainRange[]): number {
    const before = this.#count;
    for (const runs of this.#runs.values()) {
      for (const run of runs) {
        const left = rangesOf(run).flatMap((range) => waitingIn(range));
        this.#replace(
          run,
          left.map(({ range }) => range),
        );
      }
      while (runs[0]?.ranges.length === 0) {
        runs.shift();
      }
    }
    return before - this.#count;
  }

  clear(): void {
    this.#runs.clear();
    this.#count = 0;
  }

  #replace(run: Run, ranges: SequenceRange[]): void {
    this.#count += countSequences(ranges) - countSequences(run.ranges);
    run.ranges = ranges;
  }
}

interface Run {
  readonly place: ChainSlot;
  ranges: SequenceRange[];
  readonly at: number;
}

const RUN_MS = 1000;

function rangesOf({ place, ranges }: Run): ChainRange[] {
  return ranges.map((range) => ({ class: place.class, store: place.store, range }));
}
