import { randomBytes } from "node:crypto";

import { Chain } from "./chain.ts";
import {
  allOf,
  chainOf,
  epochOf,
  recordKey,
  SEND_ORDER,
  storeKey,
  storeNumberOf,
  type ChainSlot,
  type RecordSlot,
} from "./keys.ts";
import type { Store } from "./commits.ts";
import { readRows, recordsOf } from "./salvage.ts";
import type { StoreEntry } from "./store.ts";
import {
  openRow,
  readGone,
  readHead,
  readStoreRow,
  readUse,
  sealRow,
  writeStoreRow,
  type EpochUse,
  type Head,
  type StoreRow,
} from "./values.ts";
import type { SequenceRange } from "../sealing/sequence-ranges.ts";

/** What an outbox knows after opening. */
export interface Loaded {
  readonly stores: Map<number, StoreRow>;
  /** The store that new records go to. */
  readonly current: number;
  readonly chains: readonly Chain[];
  readonly uses: ReadonlyMap<string, EpochUse>;
  /** True when the old sequence numbers could not be trusted and a new store was begun. */
  readonly renewed: boolean;
}

/**
 * Reads the small rows of a store; records are not touched, so opening is quick at any backlog. When the database lost
 * something, the numbers given last may be unknown: then all records are counted and a new store is begun, so that no
 * sequence number is ever given twice.
 */
export async function loadOutbox(store: Store, now: number): Promise<Loaded> {
  const rows = await loadRows(store);
  const suspect = store.suspect || rows.broken || (await hasRecordsBeyond(store, rows.heads));
  const chains = suspect
    ? await countChains(store, rows)
    : rows.heads.map(({ place, head }) => new Chain(place, head, goneOf(rows, place)));
  const uses = suspect ? await withLostUses(store, rows.uses, chains) : rows.uses;
  const last = Math.max(0, ...rows.stores.keys(), ...chains.map(({ place }) => place.store));
  const renewed = suspect && last > 0;
  const current = renewed || last === 0 ? last + 1 : last;
  if (current !== last) {
    const row = { id: randomBytes(8).toString("hex"), createdAt: now };
    await store.write([sealRow(storeKey(current), writeStoreRow(row))]);
    rows.stores.set(current, row);
  }
  return { stores: rows.stores, current, chains, uses, renewed };
}

interface Rows {
  readonly stores: Map<number, StoreRow>;
  readonly heads: readonly { readonly place: ChainSlot; readonly head: Head }[];
  readonly gone: ReadonlyMap<string, readonly SequenceRange[]>;
  readonly uses: ReadonlyMap<string, EpochUse>;
  /** True when some row could not be read. */
  readonly broken: boolean;
}

async function loadRows(store: Store): Promise<Rows> {
  let broken = false;
  const read = async <T>(
    kind: "store" | "head" | "gone" | "use",
    parse: (entry: StoreEntry) => T | null,
  ): Promise<T[]> => {
    const { entries, whole } = await readRows(store, allOf(kind));
    const parsed = entries.map(([key, value]) => {
      const content = openRow(key, value);
      return content === null ? null : parse([key, content]);
    });
    broken ||= !whole || parsed.includes(null);
    return parsed.filter((row): row is Awaited<T> & T => row !== null);
  };
  const stores = await read("store", ([key, value]) =>
    pair(storeNumberOf(key), readStoreRow(value)),
  );
  const heads = await read("head", ([key, value]) => {
    const [place, head] = [chainOf(key), readHead(value)];
    return place === null || head === null ? null : { place, head };
  });
  const gone = await read("gone", ([key, value]) => {
    const place = chainOf(key);
    return place === null ? null : pair(chainName(place), readGone(value));
  });
  const uses = await read("use", ([key, value]) => pair(epochOf(key), readUse(value)));
  return { stores: new Map(stores), heads, gone: new Map(gone), uses: new Map(uses), broken };
}

/** True when some chain holds a record that its head says was never made. Seeks forward only, into fresh ground. */
async function hasRecordsBeyond(store: Store, heads: Rows["heads"]): Promise<boolean> {
  for (const { place, head } of heads) {
    const { gte, lt } = chainRange({ ...place, sequence: head.next });
    const { entries, whole } = await readRows(store, { gte, lt }, 1);
    if (entries.length > 0 || !whole) {
      return true;
    }
  }
  return false;
}

/** Makes the chains from the records that are there, helped by what heads there are. */
async function countChains(store: Store, rows: Rows): Promise<Chain[]> {
  const numbers = [...rows.stores.keys(), ...rows.heads.map(({ place }) => place.store)];
  const last = Math.max(1, ...numbers);
  const chains: Chain[] = [];
  for (let number = 1; number <= last; number += 1) {
    for (const name of SEND_ORDER) {
      const place = { class: name, store: number };
      const head = await countRecords(store, place, rows);
      if (head !== null) {
        chains.push(new Chain(place, head, goneOf(rows, place)));
      }
    }
  }
  return chains;
}

async function countRecords(store: Store, place: ChainSlot, rows: Rows): Promise<Head | null> {
  const known = rows.heads.find((row) => chainName(row.place) === chainName(place))?.head;
  let head: Head | null = known === undefined ? null : { ...known, batches: 0, bytes: 0 };
  for await (const [sequence, value] of recordsOf(store, place, known?.low ?? 1)) {
    const before: Head = head ?? { next: 1, low: sequence, hash: null, batches: 0, bytes: 0 };
    const next = Math.max(before.next, sequence + 1);
    const { low, hash, batches, bytes } = before;
    head = { next, low, hash, batches: batches + 1, bytes: bytes + value.length };
  }
  return head;
}

/** Epoch keys whose row of uses was lost count as needed by every record that is there. */
async function withLostUses(
  store: Store,
  uses: ReadonlyMap<string, EpochUse>,
  chains: readonly Chain[],
): Promise<Map<string, EpochUse>> {
  const last = chains.map(({ place, next }) => ({
    class: place.class,
    store: place.store,
    sequence: next - 1,
  }));
  const all = new Map(uses);
  for (const kind of ["epoch", "spare"] as const) {
    for (const [key] of (await readRows(store, allOf(kind))).entries) {
      const epoch = epochOf(key);
      all.set(epoch, all.get(epoch) ?? { order: 0, last });
    }
  }
  return all;
}

/** All records of one chain from one place on. */
export function chainRange(from: RecordSlot): { gte: Uint8Array; lt: Uint8Array } {
  return {
    gte: recordKey(from),
    lt: recordKey({ ...from, sequence: Number.MAX_SAFE_INTEGER }),
  };
}

function goneOf(rows: Rows, place: ChainSlot): readonly SequenceRange[] {
  return rows.gone.get(chainName(place)) ?? [];
}

function chainName(place: ChainSlot): string {
  return `${place.class}/${place.store}`;
}

function pair<K, V>(key: K, value: V | null): [K, V] | null {
  return value === null ? null : [key, value];
}
