import { allOf, chainOf, epochOf, storeNumberOf, type ChainSlot } from "./keys.ts";
import type { Store } from "./commits.ts";
import { readRows } from "./salvage.ts";
import type { StoreEntry } from "./store.ts";
import {
  openRow,
  readGone,
  readHead,
  readMarks,
  readStoreRow,
  readUse,
  type AgeMark,
  type EpochUse,
  type Head,
  type StoreRow,
} from "./values.ts";
import type { SequenceRange } from "../sealing/sequence-ranges.ts";

/** The small rows of a store. */
export interface Rows {
  readonly stores: Map<number, StoreRow>;
  readonly heads: readonly { readonly place: ChainSlot; readonly head: Head }[];
  readonly uses: ReadonlyMap<string, EpochUse>;
  readonly marks: readonly { readonly place: ChainSlot; readonly marks: readonly AgeMark[] }[];
  /** Keys of rows that are not what was written. */
  readonly broken: readonly Uint8Array[];
  /** True when there was something that LevelDB could not read. */
  readonly unreadable: boolean;
  goneOf(place: ChainSlot): readonly SequenceRange[];
}

/** Reads all rows; what is broken is left out and named. */
export async function loadRows(store: Store): Promise<Rows> {
  const broken: Uint8Array[] = [];
  let unreadable = false;
  const read = async <T>(
    kind: "store" | "head" | "gone" | "use" | "age",
    parse: (entry: StoreEntry) => T | null,
  ): Promise<T[]> => {
    const { entries, whole } = await readRows(store, allOf(kind));
    unreadable ||= !whole;
    return entries.flatMap(([key, value]) => {
      const content = openRow(key, value);
      const row = content === null ? null : parse([key, content]);
      if (row === null) {
        broken.push(key);
        return [];
      }
      return [row];
    });
  };
  const [stores, heads, gone, uses, marks] = await Promise.all([
    read("store", ([key, value]) => pair(storeNumberOf(key), readStoreRow(value))),
    read("head", ([key, value]) => {
      const [place, head] = [chainOf(key), readHead(value)];
      return place === null || head === null ? null : { place, head };
    }),
    read("gone", ([key, value]) => {
      const place = chainOf(key);
      return place === null ? null : pair(chainName(place), readGone(value));
    }),
    read("use", ([key, value]) => pair(epochOf(key), readUse(value))),
    read("age", ([key, value]) => {
      const [place, list] = [chainOf(key), readMarks(value)];
      return place === null || list === null ? null : { place, marks: list };
    }),
  ]);
  const goneRows = new Map(gone);
  return {
    stores: new Map(stores),
    heads,
    uses: new Map(uses),
    marks,
    broken,
    unreadable,
    goneOf: (place) => goneRows.get(chainName(place)) ?? [],
  };
}

function chainName(place: ChainSlot): string {
  return `${place.class}/${place.store}`;
}

function pair<K, V>(key: K, value: V | null): [K, V] | null {
  return value === null ? null : [key, value];
}
