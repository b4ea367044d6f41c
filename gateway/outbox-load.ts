import { randomBytes } from "node:crypto";

import { Chain } from "./outbox-chain.ts";
import {
  allOf,
  chainOf,
  epochOf,
  slotOf,
  recordKey,
  storeKey,
  storeNumberOf,
  type ChainSlot,
  type RecordSlot,
} from "./outbox-keys.ts";
import type { Store } from "./outbox-commits.ts";
import type { StoreEntry } from "./outbox-store.ts";
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
} from "./outbox-values.ts";
import type { SequenceRange } from "./sequence-ranges.ts";

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
  const last = Math.max(0, ...rows.stores.keys());
  const renewed = suspect && last > 0;
  const current = renewed || last === 0 ? last + 1 : last;
  if (current !== last) {
    const row = { id: randomBytes(8).toString("hex"), createdAt: now };
    await store.write([sealRow(storeKey(current), writeStoreRow(row))]);
    rows.stores.set(current, row);
  }
  return { stores: rows.stores, current, chains, uses: rows.uses, renewed };
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
    const parsed = (await store.range(allOf(kind))).map(([key, value]) => {
      const content = openRow(key, value);
      return content === null ? null : parse([key, content]);
    });
    broken ||= parsed.includes(null);
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
    const found = await store.range({ ...chainRange({ ...place, sequence: head.next }), limit: 1 });
    if (found.length > 0) {
      return true;
    }
  }
  return false;
}

/** Makes the chains from the records that are there, helped by what heads there are. */
async function countChains(store: Store, rows: Rows): Promise<Chain[]> {
  const heads = new Map(
    rows.heads.map(({ place, head }) => [
      chainName(place),
      { place, head: { ...head, batches: 0, bytes: 0 } },
    ]),
  );
  for await (const [place, bytes] of allRecords(store)) {
    const first = { next: 1, low: place.sequence, hash: null, batches: 0, bytes: 0 };
    const head = heads.get(chainName(place))?.head ?? first;
    if (place.sequence < head.low) {
      continue;
    }
    heads.set(chainName(place), {
      place: { class: place.class, store: place.store },
      head: {
        ...head,
        next: Math.max(head.next, place.sequence + 1),
        batches: head.batches + 1,
        bytes: head.bytes + bytes,
      },
    });
  }
  return [...heads.values()].map(({ place, head }) => new Chain(place, head, goneOf(rows, place)));
}

async function* allRecords(store: Store): AsyncGenerator<[RecordSlot, number]> {
  let { gte } = allOf("record");
  for (;;) {
    const entries = await store.range({ gte, lt: allOf("record").lt, limit: WALK_RECORDS });
    for (const [key, value] of entries) {
      const place = slotOf(key);
      if (place !== null) {
        yield [place, value.length];
      }
    }
    const last = entries.at(-1);
    if (last === undefined || entries.length < WALK_RECORDS) {
      return;
    }
    gte = Buffer.concat([last[0], Buffer.alloc(1)]);
  }
}

/** All records of one chain from one place on. */
export function chainRange(from: RecordSlot): { gte: Uint8Array; lt: Uint8Array } {
  return {
    gte: recordKey(from),
    lt: recordKey({ ...from, sequence: Number.MAX_SAFE_INTEGER }),
  };
}

const WALK_RECORDS = 256;

function goneOf(rows: Rows, place: ChainSlot): readonly SequenceRange[] {
  return rows.gone.get(chainName(place)) ?? [];
}

function chainName(place: ChainSlot): string {
  return `${place.class}/${place.store}`;
}

function pair<K, V>(key: K, value: V | null): [K, V] | null {
  return value === null ? null : [key, value];
}
