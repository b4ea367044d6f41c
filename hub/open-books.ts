import { Books } from "./books.ts";
import type { HubIdentity } from "./hub-identity.ts";
import { Keyring } from "./keyring.ts";
import { DeviceNames } from "./names.ts";
import type { HubStore } from "./store.ts";

/** What looking at a store needs. */
export interface LookOptions {
  readonly store: HubStore;
  readonly identity: HubIdentity;
  /** Hub time, epoch milliseconds. */
  readonly now: () => number;
}

/** The keyring that judges what is committed: a revocation since then does not undo it. */
export function storedKeyring({ store, identity, now }: LookOptions): Keyring {
  const { gatewaysRoot, recipientKey: key, kid } = identity;
  return new Keyring({ store, gatewaysRoot, recipient: { kid, key }, now });
}

/** The books as they were saved last, to look at. Writes nothing, so it may be beside the hub. */
export async function savedBooks(options: LookOptions): Promise<Books> {
  const { store, identity } = options;
  const names = new DeviceNames(identity.recipientKey);
  return await Books.open({ store, names, keyring: storedKeyring(options) });
}

/**
 * The books as they are at this moment, to look at: what is saved of them, and in memory what came after. When more came
 * after than `COMING_MAX` records, those stay behind.
 */
export async function openBooks(options: LookOptions): Promise<Books> {
  const books = await savedBooks(options);
  const end = await comingEnd(options.store, books);
  while (books.booked < end) {
    await books.enterNext(end);
  }
  return books;
}

/** Up to which record a look may take the books beyond what is saved. */
export async function comingEnd(store: HubStore, { booked }: Books): Promise<number> {
  return Math.min(await store.lastId(), booked + COMING_MAX);
}

/** Records that a look takes in beyond what is saved: they all stay in memory. */
const COMING_MAX = 20_000;
