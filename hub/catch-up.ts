import { WardError } from "../gateway/errors.ts";
import { readRecord } from "../gateway/sealing/open.ts";
import type { Book } from "./book.ts";
import { bookRecord, marksOf, marksText } from "./booking.ts";
import type { Keyring } from "./keyring.ts";
import type { NdjsonFile } from "./ndjson.ts";
import { type Opened, openRecord } from "./opened.ts";
import { RANGE_KINDS } from "./range-table.ts";
import { VIEW_TABLES } from "./schema.ts";
import type { SealedStore, StoredRecord } from "./sealed.ts";
import type { HubStore } from "./store.ts";
import { linesOf } from "./views.ts";

/** What the views are made with. */
export interface CatchUpParts {
  readonly store: HubStore;
  readonly sealed: SealedStore;
  readonly book: Book;
  readonly keyring: Keyring;
}

/** Names in table `facts`: the last record booked, and how far `readings.ndjson` is durably written. */
export const FACTS = {
  booked: "booked",
  fileUpto: "ndjson upto",
  fileOffset: "ndjson offset",
} as const;

/** Throws WardError `WARD_HUB_KEYS` when none of the first records can be opened: a rebuild would lose all the views. */
export function demandKeys(parts: CatchUpParts): void {
  const records = parts.sealed.recordsAfter(0, PROBE_RECORDS);
  if (records.length > 0 && records.every((record) => readAgain(parts, record) === null)) {
    throw new WardError(
      "WARD_HUB_KEYS",
      "Cannot rebuild: the stored records cannot be opened with these keys. Check recipient.key.pem and the gateways root.",
    );
  }
}

/** Empties the ledger, so that `catchUpLedger` makes it again from the first record. */
export function emptyLedger({ store, sealed }: CatchUpParts): void {
  store.transaction(() => {
    for (const table of VIEW_TABLES) {
      const keep = table === "ranges" ? ` WHERE kind <> ${RANGE_KINDS.committed}` : "";
      store.statement(`DELETE FROM ${table}${keep}`).run();
    }
    store.statement("UPDATE records SET marks = NULL").run();
    sealed.setFact(FACTS.booked, 0);
    sealed.setFact(FACTS.fileUpto, 0);
    sealed.setFact(FACTS.fileOffset, 0);
  });
}

/**
 * Books records that are in the sealed store and not yet in the ledger. Returns how many of them could not be opened (with
 * the keys we have now); they stay in the store.
 */
export function catchUpLedger(parts: CatchUpParts): number {
  const { store, sealed, book } = parts;
  let unreadable = 0;
  for (;;) {
    const records = sealed.recordsAfter(sealed.fact(FACTS.booked), STEP_RECORDS);
    const last = records.at(-1);
    if (last === undefined) {
      return unreadable;
    }
    store.transaction(() => {
      for (const record of records) {
        const read = readAgain(parts, record);
        unreadable += read === null ? 1 : 0;
        if (read !== null) {
          const booked = { ...record, salt: read.salt };
          sealed.setMarks(record.id, marksText(bookRecord({ book, sealed }, booked, read.opened)));
        }
      }
      sealed.setFact(FACTS.booked, last.id);
    });
  }
}

/** Writes the lines of booked records that the file does not have yet; false when there are more for the next call. */
export function catchUpFile(parts: CatchUpParts, file: NdjsonFile): boolean {
  const records = parts.sealed.recordsAfter(file.cursor.upto, STEP_RECORDS);
  const last = records.at(-1);
  if (last === undefined) {
    return true;
  }
  const lines = records.map((record) => {
    const read = readAgain(parts, record);
    return read === null ? "" : linesOf(record, read.opened, marksOf(record.marks));
  });
  file.write(last.id, lines.join(""));
  return records.length < STEP_RECORDS;
}

/** Records looked at in one transaction, or written at once. */
const STEP_RECORDS = 256;
const PROBE_RECORDS = 16;

/** A record of the sealed store once more verified and opened; null when the keys for it are not here any more. */
function readAgain(
  { keyring }: CatchUpParts,
  { gateway, bytes }: StoredRecord,
): { readonly salt: string; readonly opened: Opened } | null {
  const record = readRecord(bytes);
  try {
    const key = keyring.signingKey(gateway, record.signer, record.place.storedAt);
    const epoch = keyring.epochKey(gateway, record.header.epoch);
    if (key === null || epoch === null || !record.verify(key)) {
      return null;
    }
    return { salt: record.header.salt, opened: openRecord(record, epoch) };
  } catch {
    return null;
  }
}
