import { setTimeout as sleep } from "node:timers/promises";

import { WardError } from "../gateway/errors.ts";
import { Books, type BooksParts, openAgain } from "./books.ts";

/** What a rebuild did. */
export interface Rebuilt {
  readonly records: number;
  /** Records that today's keys cannot open. */
  readonly unreadable: number;
}

/**
 * Takes the views away, so that they are made again from the first record.
 * @throws WardError `WARD_HUB_KEYS` when none of the first records can be opened: a rebuild would lose all the views
 */
export async function emptyViews({ store, keyring }: Omit<BooksParts, "names">): Promise<void> {
  const end = await store.lastId();
  const first = await store.records(0, Math.min(end, PROBE_RECORDS));
  const opened = await openAgain(keyring, first);
  if (first.length > 0 && opened.every((record) => record === null)) {
    throw new WardError(
      "WARD_HUB_KEYS",
      "Cannot rebuild: the stored records cannot be opened with these keys. Check recipient.key.pem and the gateways root.",
    );
  }
  await store.emptyViews();
}

/**
 * Makes the views of a shared store again, also while hubs are running: the one that keeps the books does it, or we do when there
 * is none. Resolves when they have all records that are there now.
 */
export async function rebuildShared(parts: BooksParts): Promise<Rebuilt> {
  const { store } = parts;
  await emptyViews(parts);
  const end = await store.lastId();
  while ((await store.views()).booked < end) {
    if (await store.mayBook()) {
      const books = await Books.open(parts);
      while (books.booked < end) {
        await books.enterNext(end);
        await books.save();
      }
      return { records: end, unreadable: books.unreadable };
    }
    await sleep(POLL_MS);
  }
  return { records: end, unreadable: 0 };
}

const PROBE_RECORDS = 16;
const POLL_MS = 200;
