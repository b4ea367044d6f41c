import { itemDigest } from "../digest.ts";
import { countIndices, differenceOf, firstIndices, hasIndex, unionOf } from "../indices.ts";
import type { Item } from "../reading.ts";
import type { Outcome, TakeRef, WardTake } from "../rooms.ts";
import type { Tally, TallyTake } from "../sealing/tally.ts";

/** What is known of a take when it arrives. */
export type TakeFacts = Omit<WardTake, "indices">;

/** How far the items of one take have come; sets are index sets (indices.ts) and may overlap until the row is made. */
export interface TakeState {
  readonly key: string;
  readonly facts: TakeFacts;
  readonly all: number;
  readonly admittedAt: number;
  tab: string;
  /** The run of flows it was last handed to. */
  run: number;
  since: number;
  stored: number;
  /** In a batch of the put under way. */
  putting: number;
  /** In a batch that waits for a put. */
  pending: number;
  withheld: number;
  refused: number;
  dropped: number;
  /** Digests of withheld and refused items as the flow saw them. */
  digests: Map<number, number> | null;
  /** Its row is in the account of the put under way. */
  accounted: boolean;
}

/** Names a take. */
export function keyOf(ref: TakeRef): string {
  return `${ref.device} ${ref.boot} ${ref.take}`;
}

/** A take that has just arrived; `key` names it. */
export function newState(
  key: string,
  facts: TakeFacts,
  { tab, run, now }: { readonly tab: string; readonly run: number; readonly now: number },
): TakeState {
  return {
    key,
    facts,
    all: firstIndices(facts.count),
    admittedAt: now,
    tab,
    run,
    since: now,
    stored: 0,
    putting: 0,
    pending: 0,
    withheld: 0,
    refused: 0,
    dropped: 0,
    digests: null,
    accounted: false,
  };
}

/** A take that has ended, and what the account says of it. */
export interface Row {
  readonly state: TakeState;
  readonly row: TallyTake;
}

function endsOf({ stored, putting, withheld, refused, dropped }: TakeState): number {
  return unionOf(unionOf(stored, putting), unionOf(unionOf(withheld, refused), dropped));
}

/** Items that have no end and are in no batch. */
export function missingOf(state: TakeState): number {
  return differenceOf(state.all, unionOf(endsOf(state), state.pending));
}

/** All items have an end, and none of them may still become stored by a batch that waits. */
export function isEnded(state: TakeState): boolean {
  return state.pending === 0 && endsOf(state) === state.all;
}

/** Remembers the digests of items that are withheld or refused now; a refused one is not overwritten by a withheld one. */
export function noteDigests(
  state: TakeState,
  {
    outcome,
    indices,
    items,
  }: {
    readonly outcome: "withheld" | "refused";
    readonly indices: number;
    readonly items: readonly Item[];
  },
): void {
  state.digests ??= new Map();
  const decided = outcome === "refused" ? state.refused : unionOf(state.refused, state.withheld);
  for (const item of items) {
    if (hasIndex(indices, item.index) && !hasIndex(decided, item.index)) {
      state.digests.set(item.index, itemDigest(item));
    }
  }
}

/** The row of the tally, counting what is in the put under way as kept. */
export function rowOf(state: TakeState): TallyTake {
  const kept = unionOf(state.stored, state.putting);
  const refused = differenceOf(state.refused, kept);
  const withheld = differenceOf(state.withheld, unionOf(kept, refused));
  const dropped = differenceOf(state.all, unionOf(unionOf(kept, refused), withheld));
  let rest = 0;
  for (const [index, digest] of state.digests ?? []) {
    if (hasIndex(refused, index) || hasIndex(withheld, index)) {
      rest ^= digest;
    }
  }
  return { ...state.facts, kept, withheld, refused, dropped, rest: rest >>> 0 };
}

/** The same in numbers, for bedside. */
export function outcomeOf(row: TallyTake): Outcome {
  const { device, boot, take, kept, withheld, refused, dropped } = row;
  return {
    device,
    boot,
    take,
    class: row.class,
    stored: countIndices(kept),
    withheld: countIndices(withheld),
    refused: countIndices(refused),
    dropped: countIndices(dropped),
  };
}

/** Names the tabs of takes of which something was dropped. */
export function tabsOf(rows: readonly Row[]): Tally["droppedTabs"] {
  return rows
    .filter(({ row }) => row.dropped !== 0)
    .map(({ row: { device, boot, take }, state: { tab } }) => ({ device, boot, take, tab }));
}
