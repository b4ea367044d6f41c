import { Chain } from "./chain.ts";
import type { Store } from "./commits.ts";
import { allOf, epochOf, recordKey, SEND_ORDER, slotOf, type ChainSlot } from "./keys.ts";
import type { Rows } from "./load-rows.ts";
import { isUnreadable, readRows, recordsOf } from "./salvage.ts";
import type { StoreEntry } from "./store.ts";
import type { RecordCodec } from "./records.ts";
import { readRecord, type EpochUse, type Head, type StoreRow } from "./values.ts";

/**
 * Finds out what a store holds when its heads cannot be believed. A backlog of any size must be open soon after a damage, so
 * only the ends of a large chain are looked up, and its bytes are estimated.
 */

/** The chains, from the records that are there and what heads there are. */
export async function countChains(store: Store, rows: Rows): Promise<Chain[]> {
  const numbers = [...rows.stores.keys(), ...rows.heads.map(({ place }) => place.store)];
  const last = Math.max(1, ...numbers);
  const chains: Chain[] = [];
  for (let number = 1; number <= last; number += 1) {
    for (const name of SEND_ORDER) {
      const place = { class: name, store: number };
      const head = await countRecords(store, place, headOf(rows, place));
      if (head !== null) {
        chains.push(new Chain(place, head, rows.goneOf(place)));
      }
    }
  }
  return chains;
}

/** Stores whose row was lost, by the id that a record of theirs names. */
export async function lostStores(
  store: Store,
  known: ReadonlyMap<number, StoreRow>,
  chains: readonly Chain[],
  storeOf: RecordCodec["storeOf"],
): Promise<Map<number, StoreRow>> {
  const found = new Map<number, StoreRow>();
  for (const { place, low } of chains) {
    if (known.has(place.store) || found.has(place.store)) {
      continue;
    }
    for await (const [sequence, value] of recordsOf(store, place, low)) {
      const id = storeIn(recordKey({ ...place, sequence }), value, storeOf);
      if (id !== null) {
        found.set(place.store, { id, createdAt: 0 });
        break;
      }
    }
  }
  return found;
}

function storeIn(
  key: Uint8Array,
  value: Uint8Array,
  storeOf: RecordCodec["storeOf"],
): string | null {
  const record = readRecord(key, value);
  try {
    return record === null ? null : storeOf(record.bytes);
  } catch {
    // A damaged record: the next one may say it.
    return null;
  }
}

/** Epoch keys whose row of uses was lost count as needed by every record that is there. */
export async function withLostUses(
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

/** Bytes that a chain takes on the disk up to which its records are counted one by one. */
const COUNT_BYTES = 16 * 2 ** 20;

function headOf(rows: Rows, place: ChainSlot): Head | undefined {
  return rows.heads.find(
    (row) => row.place.class === place.class && row.place.store === place.store,
  )?.head;
}

async function countRecords(
  store: Store,
  place: ChainSlot,
  known: Head | undefined,
): Promise<Head | null> {
  const from = known?.low ?? 1;
  const range = {
    gte: recordKey({ ...place, sequence: from }),
    lt: recordKey({ ...place, sequence: Number.MAX_SAFE_INTEGER }),
  };
  const size = await store.size(range.gte, range.lt);
  const ends = size > COUNT_BYTES ? await endsOf(store, range) : null;
  if (ends !== null) {
    const [first, last] = ends;
    const next = Math.max(known?.next ?? 1, last + 1);
    const low = known?.low ?? first;
    return { next, low, hash: known?.hash ?? null, batches: 0, bytes: size };
  }
  let head: Head | null = known === undefined ? null : { ...known, bytes: 0 };
  for await (const [sequence, value] of recordsOf(store, place, from)) {
    const before: Head = head ?? { next: 1, low: sequence, hash: null, batches: 0, bytes: 0 };
    const next = Math.max(before.next, sequence + 1);
    head = { ...before, next, bytes: before.bytes + value.length };
  }
  return head;
}

/** The first and the last record's number; null when there is none, or damage lies there. */
async function endsOf(
  store: Store,
  range: { readonly gte: Uint8Array; readonly lt: Uint8Array },
): Promise<readonly [number, number] | null> {
  try {
    const first = numberOf(await store.range({ ...range, limit: 1 }));
    const last = numberOf(await store.range({ ...range, limit: 1, reverse: true }));
    return first === null || last === null ? null : [first, last];
  } catch (error) {
    if (isUnreadable(error)) {
      return null;
    }
    throw error;
  }
}

function numberOf(entries: readonly StoreEntry[]): number | null {
  const key = entries[0]?.[0];
  return (key === undefined ? null : slotOf(key)?.sequence) ?? null;
}
