import { errorCode, errorText, WardError } from "../errors.ts";
import type { Store } from "./commits.ts";
import { recordKey, slotOf, type ChainSlot } from "./keys.ts";
import type { StoreEntry } from "./store.ts";

/** Reading past damage: LevelDB ends an iteration at the first key or block that it cannot read. */

/**
 * True when a part of the data is unreadable for good, as against a disk that cannot be read now. A damaged index may send
 * LevelDB to a place beyond the end of a table: it calls that an invalid argument.
 */
export function isUnreadable(error: unknown): boolean {
  if (!(error instanceof WardError)) {
    return false;
  }
  const { cause } = error;
  return (
    errorCode(cause) === "LEVEL_CORRUPTION" ||
    (errorCode(cause) === "LEVEL_IO_ERROR" && /invalid argument/i.test(errorText(cause)))
  );
}

/** A value, or undefined when it is not there or unreadable for good. */
export async function getIfReadable(
  store: Store,
  key: Uint8Array,
): Promise<Uint8Array | undefined> {
  try {
    return await store.get(key);
  } catch (error) {
    if (isUnreadable(error)) {
      return undefined;
    }
    throw error;
  }
}

/** The first rows of a range, or all of a small one; around damage, those before and those behind it. `whole` is false when there was any. */
export async function readRows(
  store: Store,
  { gte, lt }: { readonly gte: Uint8Array; readonly lt: Uint8Array },
  limit?: number,
): Promise<{ readonly entries: readonly StoreEntry[]; readonly whole: boolean }> {
  try {
    const range = limit === undefined ? { gte, lt } : { gte, lt, limit };
    return { entries: await store.range(range), whole: true };
  } catch (error) {
    if (!isUnreadable(error)) {
      throw error;
    }
  }
  const before: StoreEntry[] = [];
  for (let from = gte; ;) {
    const next = await oneOf(store, { gte: from, lt });
    if (next === null) {
      break;
    }
    before.push(next);
    from = Buffer.concat([next[0], Buffer.alloc(1)]);
  }
  const behind: StoreEntry[] = [];
  const end = before.at(-1)?.[0];
  for (let to = lt; ;) {
    const previous = await oneOf(store, { gte, lt: to, reverse: true });
    if (previous === null || (end !== undefined && Buffer.compare(previous[0], end) <= 0)) {
      break;
    }
    behind.unshift(previous);
    to = previous[0];
  }
  return { entries: [...before, ...behind], whole: false };
}

/** The records of one chain from a sequence number on, without those that are unreadable. */
export async function* recordsOf(
  store: Store,
  chain: ChainSlot,
  from: number,
): AsyncGenerator<[sequence: number, value: Uint8Array]> {
  let sequence = from;
  for (let skip = 1; sequence < Number.MAX_SAFE_INTEGER;) {
    const entries = await someOf(store, chain, sequence);
    if (entries === null) {
      // Damage lies between here and the next readable record: look ever further on.
      sequence += skip;
      skip *= 2;
      continue;
    }
    for (const [key, value] of entries) {
      const found = slotOf(key)?.sequence ?? sequence;
      yield [found, value];
      sequence = found + 1;
    }
    if (entries.length === 0) {
      return;
    }
    skip = 1;
  }
}

const WALK_RECORDS = 128;

/** Up to WALK_RECORDS records, fewer before damage; null when damage comes first. */
async function someOf(store: Store, chain: ChainSlot, from: number): Promise<StoreEntry[] | null> {
  const gte = recordKey({ ...chain, sequence: from });
  const lt = recordKey({ ...chain, sequence: Number.MAX_SAFE_INTEGER });
  for (const limit of [WALK_RECORDS, 1]) {
    try {
      return await store.range({ gte, lt, limit });
    } catch (error) {
      if (!isUnreadable(error)) {
        throw error;
      }
    }
  }
  return null;
}

async function oneOf(
  store: Store,
  range: { readonly gte: Uint8Array; readonly lt: Uint8Array; readonly reverse?: boolean },
): Promise<StoreEntry | null> {
  try {
    return (await store.range({ ...range, limit: 1 }))[0] ?? null;
  } catch (error) {
    if (isUnreadable(error)) {
      return null;
    }
    throw error;
  }
}
