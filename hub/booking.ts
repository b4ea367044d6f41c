import { CLASSES } from "../gateway/reading.ts";
import { fromHex } from "../gateway/sealing/envelope.ts";
import type { BatchGap } from "../gateway/sealing/gap.ts";
import { type Book, type BookedRecord, reasonWord } from "./book.ts";
import type { Opened } from "./opened.ts";
import type { SealedStore } from "./sealed.ts";

/**
 * What booking a record found, as it is kept beside the record so that its lines can be written again. All lists are
 * places in the record's items, takes or gaps.
 */
export interface Marks {
  /** Items the hub had before. */
  readonly duplicates: readonly number[];
  /** Items of takes that a flow changed. */
  readonly derived: readonly number[];
  /** Items or takes naming takes whose earlier lines turned out to be changed. */
  readonly revealed: readonly number[];
  /** Gaps the hub had before. */
  readonly knownGaps: readonly number[];
}

const NO_MARKS: Marks = { duplicates: [], derived: [], revealed: [], knownGaps: [] };

/** Enters an opened record into the ledger. Call it in a transaction, once per record, in the order of commits. */
export function bookRecord(
  parts: { readonly book: Book; readonly sealed: SealedStore },
  record: BookedRecord & { readonly salt: string },
  opened: Opened,
): Marks {
  const { book, sealed } = parts;
  switch (opened.kind) {
    case "items":
      return {
        ...NO_MARKS,
        ...book.addItems(record, opened.class, fromHex(record.salt), opened.items),
      };
    case "tally": {
      const { salts, takes, gaps } = opened.tally;
      return { ...NO_MARKS, ...book.addTally(record, salts.map(fromHex), takes, gaps) };
    }
    case "gap":
      bookGap(book, sealed, record.gateway, opened.gap);
      return NO_MARKS;
  }
}

/** The marks as text for the database; null when there is nothing to say. */
export function marksText(marks: Marks): string | null {
  const { duplicates, derived, revealed, knownGaps } = marks;
  const lists = [duplicates, derived, revealed, knownGaps];
  return lists.every((list) => list.length === 0) ? null : JSON.stringify(lists);
}

/** Reads `marksText` back. Throws TypeError when it is something else. */
export function marksOf(text: string | null): Marks {
  if (text === null) {
    return NO_MARKS;
  }
  const lists: unknown = JSON.parse(text);
  const [duplicates, derived, revealed, knownGaps] = Array.isArray(lists)
    ? lists.map(placesOf)
    : [];
  if (!duplicates || !derived || !revealed || !knownGaps) {
    throw new TypeError("marks cannot be read");
  }
  return { duplicates, derived, revealed, knownGaps };
}

function placesOf(list: unknown): number[] {
  return Array.isArray(list) ? list.map(Number) : [];
}

function bookGap(book: Book, sealed: SealedStore, gateway: string, gap: BatchGap): void {
  const { store, class: name, from, to } = gap;
  const reason = reasonWord(gap.reason);
  const chain = sealed.chainOf({ gateway, store, class: name });
  const places = gap.records.map((record) => ({
    chain,
    sequence: record.sequence,
    hash: fromHex(record.hash),
    salt: fromHex(record.salt),
    reason,
  }));
  sealed.addGone(chain, from, to, places);
  const dataClass = CLASSES.find((known) => known === name);
  if (dataClass !== undefined) {
    for (const { salt } of places) {
      book.addGone({ gateway, class: dataClass, salt, reason });
    }
  }
}
