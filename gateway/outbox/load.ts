import { randomBytes } from "node:crypto";

import type { LoadedAges } from "./ages.ts";
import { Chain } from "./chain.ts";
import type { Store } from "./commits.ts";
import { FORMAT, formatWrite, readFormat } from "./format.ts";
import { livedKey, recordKey, storeKey, useKey, type ChainSlot } from "./keys.ts";
import { loadRows, type Rows } from "./load-rows.ts";
import type { RecordCodec } from "./records.ts";
import { countChains, lostStores, withLostUses } from "./recount.ts";
import { getIfReadable, readRows } from "./salvage.ts";
import type { StoreWrite } from "./store.ts";
import {
  openRow,
  readLived,
  sealRow,
  writeStoreRow,
  writeUse,
  type EpochUse,
  type StoreRow,
} from "./values.ts";

/** What an outbox knows after opening. */
export interface Loaded {
  readonly stores: Map<number, StoreRow>;
  /** The store that new records go to. */
  readonly current: number;
  readonly chains: readonly Chain[];
  readonly uses: ReadonlyMap<string, EpochUse>;
  readonly ages: LoadedAges;
  /** True when the old sequence numbers could not be trusted and a new store was begun. */
  readonly renewed: boolean;
}

/**
 * Reads the small rows of a store; records are not touched, so opening is quick at any backlog. When the database lost
 * something, the numbers given last may be unknown: then a new store is begun, so that no sequence number is ever given
 * twice. When what it lost may be anything, the old chains are looked up among the records. Throws WardError
 * `WARD_OUTBOX_FORMAT` for a store of a newer program.
 */
export async function loadOutbox(
  store: Store,
  now: number,
  storeOf: RecordCodec["storeOf"],
): Promise<Loaded> {
  const format = await readFormat(store);
  const rows = await loadRows(store);
  const isBroken =
    store.lost === "tables" ||
    rows.unreadable ||
    rows.broken.length > 0 ||
    (await hasRecordsBeyond(store, rows.heads));
  const chains = isBroken
    ? await countChains(store, rows)
    : rows.heads.map(({ place, head }) => new Chain(place, head, rows.goneOf(place)));
  const uses = isBroken ? await withLostUses(store, rows.uses, chains) : rows.uses;
  const lost = isBroken ? await lostStores(store, rows.stores, chains, storeOf) : NONE_LOST;
  const last = Math.max(0, ...rows.stores.keys(), ...chains.map(({ place }) => place.store));
  const renewed = (isBroken || store.lost !== "nothing") && last > 0;
  const current = renewed || last === 0 ? last + 1 : last;
  const writes: StoreWrite[] = isBroken ? repairWrites(rows, chains, uses) : [];
  const fresh = { id: randomBytes(8).toString("hex"), createdAt: now };
  for (const [number, row] of [...lost, ...(current === last ? [] : [[current, fresh] as const])]) {
    writes.push(sealRow(storeKey(number), writeStoreRow(row)));
    rows.stores.set(number, row);
  }
  if (format < FORMAT || isBroken) {
    writes.push(...chains.map((chain) => chain.fenceWrite()), formatWrite());
  }
  if (rows.unreadable) {
    store.distrust();
  }
  if (writes.length > 0) {
    await store.write(writes);
  }
  const ages = { livedMs: await readLivedMs(store), marks: rows.marks };
  return { stores: rows.stores, current, chains, uses, ages, renewed };
}

const NONE_LOST: ReadonlyMap<number, StoreRow> = new Map();

/** What was found is written down, and what cannot be read is taken away: else the next start would find it broken again. */
function repairWrites(
  rows: Rows,
  chains: readonly Chain[],
  uses: ReadonlyMap<string, EpochUse>,
): StoreWrite[] {
  return [
    ...rows.broken.map((key): StoreWrite => [key, null]),
    ...chains.flatMap((chain) => [chain.headWrite(), chain.goneWrite()]),
    ...[...uses].map(([epoch, use]) => sealRow(useKey(epoch), writeUse(use))),
  ];
}

/** True when some chain holds a record that its head says was never made. What follows is fresh ground, or a fence. */
async function hasRecordsBeyond(store: Store, heads: Rows["heads"]): Promise<boolean> {
  for (const { place, head } of heads) {
    const { entries, whole } = await readRows(store, chainRange(place, head.next), 1);
    if (entries.length > 0 || !whole) {
      return true;
    }
  }
  return false;
}

/** The keys of a chain's records from a number on. */
export function chainRange(place: ChainSlot, from: number): { gte: Uint8Array; lt: Uint8Array } {
  return {
    gte: recordKey({ ...place, sequence: from }),
    lt: recordKey({ ...place, sequence: Number.MAX_SAFE_INTEGER }),
  };
}

async function readLivedMs(store: Store): Promise<number> {
  const value = await getIfReadable(store, livedKey());
  const content = value === undefined ? null : openRow(livedKey(), value);
  return (content === null ? null : readLived(content)) ?? 0;
}
