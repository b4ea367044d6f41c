import { chainKey, type ChainName } from "./chain-name.ts";
import { LinkedRuns } from "./linked-runs.ts";
import type { HubStore } from "./store.ts";

/** A record that is committed, and what it names. Hashes in hex. */
export interface CommittedLink extends ChainName {
  readonly sequence: number;
  readonly hash: string;
  readonly previous: string | null;
}

/**
 * How far back a receipt may reach: which records are committed before one without a hole, each naming the hash of the one
 * before. Other hubs may have committed some of them, so what lies between is looked up in the store.
 */
export class ProvenChains {
  readonly #store: HubStore;
  readonly #chains = new Map<string, LinkedRuns>();

  constructor(store: HubStore) {
    this.#store = store;
  }

  /** Takes in records that are committed. Gives back the keys of those that do not fit their neighbours. */
  async add(links: readonly CommittedLink[]): Promise<Set<string>> {
    const chains = new Map<string, CommittedLink[]>();
    for (const link of links) {
      const key = chainKey(link);
      chains.set(key, [...(chains.get(key) ?? []), link]);
    }
    const unfit = new Set<string>();
    for (const [key, added] of chains) {
      const runs = this.#runs(key);
      await this.#lookBelow(runs, added);
      for (const link of added) {
        if (!runs.add(link)) {
          unfit.add(placeKey(link));
        }
      }
      runs.trim(RUNS_MAX);
    }
    return unfit;
  }

  /** From where on a receipt may name records up to this one. */
  provenFrom(place: ChainName & { readonly sequence: number }): number {
    const run = this.#chains.get(chainKey(place))?.holding(place.sequence);
    return run?.first ?? place.sequence;
  }

  #runs(key: string): LinkedRuns {
    const known = this.#chains.get(key);
    if (known !== undefined) {
      return known;
    }
    if (this.#chains.size >= CHAINS_MAX) {
      this.#chains.clear();
    }
    const made = new LinkedRuns();
    this.#chains.set(key, made);
    return made;
  }

  /** Looks up what lies just before the records, unless that is known. */
  async #lookBelow(runs: LinkedRuns, added: readonly CommittedLink[]): Promise<void> {
    const [some] = added;
    const sequences = added.map(({ sequence }) => sequence).sort((a, b) => a - b);
    const unlinked = sequences.find(
      (sequence, place) =>
        sequences[place - 1] !== sequence - 1 &&
        runs.holding(sequence - 1) === null &&
        runs.holding(sequence) === null,
    );
    if (some === undefined || unlinked === undefined) {
      return;
    }
    const highest = sequences.at(-1) ?? unlinked;
    const from = Math.max(runs.lastBelow(unlinked) ?? 0, unlinked - REACH, 0);
    const to = Math.min(highest + 1, unlinked + REACH);
    const mine = new Set(sequences);
    for (const link of await this.#store.links(some, from, to)) {
      if (!mine.has(link.sequence)) {
        runs.add(link);
      }
    }
  }
}

/** A text that stands for the place of a record. */
export function placeKey(place: ChainName & { readonly sequence: number }): string {
  return `${chainKey(place)}/${place.sequence}`;
}

/** How many records a receipt reaches back over what was committed before this process, or by others, at most. */
const REACH = 1000;
/** Runs remembered of one chain, and chains. */
const RUNS_MAX = 1000;
const CHAINS_MAX = 10_000;
