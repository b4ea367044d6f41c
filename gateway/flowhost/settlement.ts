import { differenceOf, intersectionOf, unionOf } from "../indices.ts";
import type { Item } from "../reading.ts";
import type { Outcome, TakeGap, TakeRef, WardTake } from "../rooms.ts";
import type { Tally } from "../sealing/tally.ts";
import { Recent } from "./recent.ts";
import {
  isEnded,
  keyOf,
  missingOf,
  newState,
  noteDigests,
  outcomeOf,
  type Row,
  rowOf,
  tabsOf,
  type TakeFacts,
  type TakeState,
} from "./take-state.ts";

/**
 * Who ended how. Every item of a take ends as stored, withheld, refused or dropped; of several ends of one item stored wins
 * over refused, refused over withheld, withheld over dropped. A take's row goes into the account of the first put with which
 * all its items have an end; the take is settled when that put is on disk.
 *
 * Pure: times are given, in milliseconds of any clock that does not run backwards.
 */
export interface SettlementOptions {
  /** Unsettled takes, at most. */
  readonly countMax: number;
  /** Items without any end this long after their take was handed to the flow count as dropped (milliseconds). */
  readonly droppedAfterMs: number;
  /** Rows in one account, at most. */
  readonly rowsMax?: number;
  /** Settled takes and gaps that are remembered, so that one that is handed over again is settled again at once. */
  readonly recentMax?: number;
}

/** Items of one take that a sealed batch holds. */
export interface KeptItems {
  /** Names the take (`keyOf`). */
  readonly key: string;
  readonly indices: number;
}

/**
 * new: hand it to the flow. repeat: it is in the flow or on its way to the disk. settled: it is on disk already.
 * full: there is no room, bedside must hand it over again.
 */
export type Admission = "new" | "repeat" | "settled" | "full";

/** What goes into the sealed tally of one put. */
export type Account = Pick<Tally, "takes" | "gaps" | "droppedTabs">;

/** What bedside may forget. */
export interface Settled {
  readonly outcomes: readonly Outcome[];
  readonly gaps: readonly string[];
}

export class Settlement {
  readonly #countMax: number;
  readonly #droppedAfterMs: number;
  readonly #rowsMax: number;
  readonly #takes = new Map<string, TakeState>();
  /** Takes whose items all have an end, waiting for a put. */
  readonly #ready = new Set<string>();
  readonly #recent: Recent<Outcome>;
  readonly #recentGaps: Recent<true>;
  readonly #gaps = new Map<string, TakeGap>();
  #put: Put | null = null;
  #run = 0;

  constructor(options: SettlementOptions) {
    this.#countMax = options.countMax;
    this.#droppedAfterMs = options.droppedAfterMs;
    this.#rowsMax = options.rowsMax ?? ROWS_MAX;
    this.#recent = new Recent(options.recentMax ?? RECENT_MAX);
    this.#recentGaps = new Recent(options.recentMax ?? RECENT_MAX);
  }

  /** Takes that are not settled. */
  get unsettled(): number {
    return this.#takes.size;
  }

  /** True when there is something to account for that no put under way accounts for. */
  get accountsWaiting(): boolean {
    return this.#ready.size > 0 || this.#gaps.size > (this.#put?.gaps.length ?? 0);
  }

  /** When the oldest unsettled take was admitted, or null. */
  get oldestAt(): number | null {
    for (const state of this.#takes.values()) {
      return state.admittedAt;
    }
    return null;
  }

  /** A take has arrived; `tab` names where it goes, should it be lost there. */
  admit(facts: TakeFacts, tab: string, now: number): Admission {
    const key = keyOf(facts);
    if (this.#recent.get(key) !== undefined) {
      return "settled";
    }
    const state = this.#takes.get(key);
    if (state === undefined) {
      if (this.#takes.size >= this.#countMax) {
        return "full";
      }
      this.#takes.set(key, newState(key, facts, { tab, run: this.#run, now }));
      return "new";
    }
    if (state.run === this.#run || state.accounted || missingOf(state) === 0) {
      return "repeat";
    }
    state.run = this.#run;
    state.tab = tab;
    state.since = now;
    return "new";
  }

  /** How a take that was settled lately has ended. */
  outcomeOf(ref: TakeRef): Outcome | undefined {
    return this.#recent.get(keyOf(ref));
  }

  /** Items that end in the flow without being stored. */
  end(outcome: "withheld" | "refused", takes: readonly WardTake[], items: readonly Item[]): void {
    const digests = Map.groupBy(items, keyOf);
    for (const take of takes) {
      const state = this.#open(keyOf(take));
      if (state !== undefined) {
        const indices = intersectionOf(take.indices, state.all);
        noteDigests(state, { outcome, indices, items: digests.get(keyOf(take)) ?? [] });
        state[outcome] = unionOf(state[outcome], indices);
        this.#look(state);
      }
    }
  }

  /** What has no end yet of this take ends as dropped, on `tab`. */
  drop(ref: TakeRef, tab: string): void {
    const state = this.#open(keyOf(ref));
    if (state !== undefined) {
      state.tab = tab;
      this.#dropRest(state);
    }
  }

  /** Ends as dropped what has no end since `droppedAfterMs`; returns how many takes that were. */
  expire(now: number): number {
    let count = 0;
    for (const state of this.#takes.values()) {
      if (!state.accounted && now - state.since >= this.#droppedAfterMs) {
        count += this.#dropRest(state) ? 1 : 0;
      }
    }
    return count;
  }

  /** These items are in a sealed batch that waits for a put. */
  pend(kept: readonly KeptItems[]): void {
    this.#forEachKept(kept, (state, indices) => {
      state.pending = unionOf(state.pending, indices);
    });
  }

  /** The batch with these items will never be put. */
  unpend(kept: readonly KeptItems[]): void {
    this.#forEachKept(kept, (state, indices) => {
      state.pending = differenceOf(state.pending, indices);
    });
  }

  /** Takes in gaps for the next accounts; returns the ids of those that are on disk already. */
  addGaps(gaps: readonly TakeGap[]): string[] {
    const known: string[] = [];
    for (const gap of gaps) {
      if (this.#recentGaps.get(gap.id) !== undefined) {
        known.push(gap.id);
      } else if (this.#gaps.size < this.#countMax && !this.#gaps.has(gap.id)) {
        this.#gaps.set(gap.id, gap);
      }
    }
    return known;
  }

  /** Begins a put with batches of these items; returns its account. One put at a time. */
  beginPut(kept: readonly KeptItems[]): Account {
    if (this.#put !== null) {
      throw new TypeError("Cannot begin a put: one is under way.");
    }
    const keys = new Set(this.#ready);
    const states = new Set<TakeState>();
    this.#forEachKept(kept, (state, indices) => {
      state.putting = unionOf(state.putting, indices);
      state.pending = differenceOf(state.pending, indices);
      states.add(state);
      keys.add(state.key);
    });
    const rows: Row[] = [];
    for (const key of keys) {
      const state = this.#takes.get(key);
      if (rows.length < this.#rowsMax && state !== undefined && isEnded(state)) {
        state.accounted = true;
        this.#ready.delete(key);
        rows.push({ state, row: rowOf(state) });
      }
    }
    const gaps = [...this.#gaps.values()].slice(0, GAPS_MAX);
    this.#put = { states: [...states], rows, gaps };
    return { takes: rows.map(({ row }) => row), gaps, droppedTabs: tabsOf(rows) };
  }

  /** The put is on disk: what bedside may forget. */
  commitPut(): Settled {
    const { states, rows, gaps } = this.#endPut();
    for (const state of states) {
      state.stored = unionOf(state.stored, state.putting);
      state.putting = 0;
      this.#look(state);
    }
    const outcomes = rows.map(({ state: { key }, row }) => {
      const outcome = outcomeOf(row);
      this.#takes.delete(key);
      this.#recent.set(key, outcome);
      return outcome;
    });
    for (const gap of gaps) {
      this.#gaps.delete(gap.id);
      this.#recentGaps.set(gap.id, true);
    }
    return { outcomes, gaps: gaps.map((gap) => gap.id) };
  }

  /** The put will not be made like this: its batches wait again. */
  abandonPut(): void {
    const { states, rows } = this.#endPut();
    for (const { state } of rows) {
      state.accounted = false;
      this.#look(state);
    }
    for (const state of states) {
      state.pending = unionOf(state.pending, state.putting);
      state.putting = 0;
      this.#look(state);
    }
  }

  /**
   * Flows were started anew: what was in them is gone and will be handed over again, so it is forgotten. What already
   * reached a sealed batch, or has ended altogether, stays.
   */
  newRun(now: number): void {
    this.#run += 1;
    for (const state of this.#takes.values()) {
      if (state.accounted || isEnded(state)) {
        continue;
      }
      if (unionOf(unionOf(state.stored, state.putting), state.pending) === 0) {
        this.#takes.delete(state.key);
      } else {
        state.since = now;
      }
    }
  }

  #open(key: string): TakeState | undefined {
    const state = this.#takes.get(key);
    return state?.accounted === false ? state : undefined;
  }

  #forEachKept(kept: readonly KeptItems[], act: (state: TakeState, indices: number) => void): void {
    for (const { key, indices } of kept) {
      const state = this.#open(key);
      if (state !== undefined) {
        act(state, intersectionOf(indices, state.all));
        this.#look(state);
      }
    }
  }

  #dropRest(state: TakeState): boolean {
    const missing = missingOf(state);
    state.dropped = unionOf(state.dropped, missing);
    this.#look(state);
    return missing !== 0;
  }

  #look(state: TakeState): void {
    if (!state.accounted && isEnded(state)) {
      this.#ready.add(state.key);
    } else {
      this.#ready.delete(state.key);
    }
  }

  #endPut(): Put {
    const put = this.#put;
    if (put === null) {
      throw new TypeError("Cannot end a put: none is under way.");
    }
    this.#put = null;
    return put;
  }
}

const ROWS_MAX = 8000;
/** Gaps in one account, at most; together with the rows they must fit one sealed record. */
const GAPS_MAX = 500;
const RECENT_MAX = 8192;

interface Put {
  readonly states: readonly TakeState[];
  readonly rows: readonly Row[];
  readonly gaps: readonly TakeGap[];
}
