/** One record as its chain sees it; hashes in hex. */
export interface Link {
  readonly sequence: number;
  readonly hash: string;
  /** Hash of the record before it as the gateway says; null for the first of a chain. */
  readonly previous: string | null;
}

/** Records that follow each other without a hole, each naming the hash of the one before. */
export interface LinkedRun {
  readonly first: number;
  readonly last: number;
  /** What the first names as the one before it. */
  readonly previous: string | null;
  /** Hash of the last. */
  readonly hash: string;
}

/**
 * The records of one chain that are here, as runs whose hashes link: what is in one run with a record, and before it, is
 * proven to be the gateway's own. Two runs that touch and do not link stay two: a store was set back.
 */
export class LinkedRuns {
  readonly #runs: LinkedRun[];

  /** @param runs in order: what `list` gave */
  constructor(runs: readonly LinkedRun[] = []) {
    this.#runs = [...runs];
  }

  /** Adds a record; false when it touches a neighbour that it does not link to. One that is here already changes nothing. */
  add(link: Link): boolean {
    const place = this.#placeAfter(link.sequence);
    const before = this.#runs[place - 1];
    if (before !== undefined && before.last >= link.sequence) {
      return true;
    }
    const after = this.#runs[place];
    let run: LinkedRun = {
      first: link.sequence,
      last: link.sequence,
      previous: link.previous,
      hash: link.hash,
    };
    let fits = true;
    let [from, count] = [place, 0];
    if (before?.last === link.sequence - 1) {
      if (before.hash === link.previous) {
        run = { ...run, first: before.first, previous: before.previous };
        [from, count] = [place - 1, 1];
      } else {
        fits = false;
      }
    }
    if (after?.first === link.sequence + 1) {
      if (after.previous === link.hash) {
        run = { ...run, last: after.last, hash: after.hash };
        count += 1;
      } else {
        fits = false;
      }
    }
    this.#runs.splice(from, count, run);
    return fits;
  }

  /** The run that holds the record, or null. */
  holding(sequence: number): LinkedRun | null {
    const run = this.#runs[this.#placeAfter(sequence) - 1];
    return run !== undefined && run.last >= sequence ? run : null;
  }

  /** The last number below `sequence` that is here, or null. */
  lastBelow(sequence: number): number | null {
    const run = this.#runs[this.#placeAfter(sequence - 1) - 1];
    return run === undefined ? null : Math.min(run.last, sequence - 1);
  }

  list(): readonly LinkedRun[] {
    return this.#runs;
  }

  /** Keeps the newest `countMax` runs. */
  trim(countMax: number): void {
    this.#runs.splice(0, Math.max(0, this.#runs.length - countMax));
  }

  /** The place of the first run that begins after `sequence`. */
  #placeAfter(sequence: number): number {
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle]?.first ?? 0) <= sequence) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
