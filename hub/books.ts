import { errorText } from "../gateway/errors.ts";
import { type ReadRecord, readRecord } from "../gateway/sealing/open.ts";
import { makeAuthentic } from "./authentic.ts";
import { AccountSheet } from "./account-sheet.ts";
import { Book } from "./book.ts";
import { BookPages } from "./book-pages.ts";
import { prepareRecords } from "./book-places.ts";
import type { Keyring } from "./keyring.ts";
import type { LineSource } from "./item-lines.ts";
import { type Marks, marksText } from "./marks.ts";
import type { DeviceNames } from "./names.ts";
import { type Opened, type OpenedRecord, openRecord } from "./opened.ts";
import type { HubStore, StoredRecord, ViewState } from "./store.ts";

/** What the books are made with. */
export interface BooksParts {
  readonly store: HubStore;
  readonly names: DeviceNames;
  /** Judges what is committed: it was judged by revocation lists when it came. */
  readonly keyring: Keyring;
}

/** A record that was entered; null when today's keys cannot open it. */
export interface Entered {
  readonly id: number;
  readonly source: LineSource;
  readonly opened: Opened | null;
  readonly marks: Marks | null;
}

/**
 * The ledger in memory, on top of what is saved of it: continues from there with the records that come after, in order of
 * commit. Whoever keeps the books saves it now and then; a report only looks.
 */
export class Books {
  readonly pages: BookPages;
  readonly #parts: BooksParts;
  readonly #book: Book;
  /** Marks that are not saved. */
  readonly #marks = new Map<number, string>();
  /** Records that could not be entered for a fault of ours. */
  readonly #skipped: ReadonlySet<number>;
  #saved: ViewState;
  #booked: number;
  #unreadable = 0;

  private constructor(parts: BooksParts, saved: ViewState, skipped: ReadonlySet<number>) {
    this.#parts = parts;
    this.#saved = saved;
    this.#booked = saved.booked;
    this.#skipped = skipped;
    this.pages = new BookPages(parts.names, async (keys) => await parts.store.pages(keys));
    this.#book = new Book(this.pages);
  }

  /**
   * Opens the books where they were saved last.
   * @param skipped records to leave out
   * @throws WardError `WARD_HUB_STORE`, `WARD_HUB_VIEWS` or `WARD_HUB_NAMES`
   */
  static async open(parts: BooksParts, skipped: ReadonlySet<number> = new Set()): Promise<Books> {
    const books = new Books(parts, await parts.store.views(), skipped);
    const { chains, totals, suspects } = books.pages;
    for await (const [key, bytes] of parts.store.pagesUnder(chains.prefix)) {
      chains.learn(key.slice(chains.prefix.length), bytes);
    }
    books.pages.want(totals, "");
    books.pages.want(suspects, "");
    await books.pages.fetch();
    return books;
  }

  /** The last record entered. */
  get booked(): number {
    return this.#booked;
  }

  /** Counts how often the views were made anew. */
  get generation(): number {
    return this.#saved.generation;
  }

  /** The last record that is saved. */
  get savedUpTo(): number {
    return this.#saved.booked;
  }

  /** Records that today's keys could not open. */
  get unreadable(): number {
    return this.#unreadable;
  }

  get unsavedPages(): number {
    return this.pages.changedCount;
  }

  /** Enters records that follow the last one without a hole. */
  async enter(records: readonly OpenedRecord[]): Promise<Entered[]> {
    const { names } = this.#parts;
    const entered: Entered[] = [];
    for (const entry of await prepareRecords(this.pages, names, records)) {
      const { id, backlog, place, opened } = entry.record;
      const source = { gateway: place.gateway, backlog };
      let marks: Marks;
      try {
        marks = this.#book.enter(entry);
      } catch (error) {
        throw new UnbookableRecord(id, error);
      }
      this.#booked = id;
      const text = marksText(marks, place.gateway, names);
      if (text !== null) {
        this.#marks.set(id, text);
      }
      entered.push({ id, source, opened, marks });
    }
    return entered;
  }

  /** Enters the next records of the store, up to `upTo`; an empty list when there are none. */
  async enterNext(upTo: number): Promise<Entered[]> {
    const stored = await this.#parts.store.records(this.#booked, upTo);
    const again = await openAgain(this.#parts.keyring, stored);
    const entered: Entered[] = [];
    let readable: OpenedRecord[] = [];
    for (const [number, record] of stored.entries()) {
      const opened = again[number] ?? null;
      if (opened === null || this.#skipped.has(record.id)) {
        entered.push(...(await this.enter(readable)));
        readable = [];
        this.#unreadable += 1;
        this.#booked = record.id;
        entered.push({ id: record.id, source: record, opened: null, marks: null });
      } else {
        readable.push(opened);
      }
    }
    entered.push(...(await this.enter(readable)));
    return entered;
  }

  /** Saves what was entered; false when someone else has written the books meanwhile: open them anew. */
  async save(): Promise<boolean> {
    if (this.#booked === this.#saved.booked) {
      return true;
    }
    const booked = this.#booked;
    const isOurs = await this.#parts.store.saveViews({
      from: this.#saved,
      booked,
      pages: this.pages.changes(),
      marks: this.#marks,
    });
    if (isOurs) {
      this.#saved = { ...this.#saved, booked };
      this.pages.settle();
      this.#marks.clear();
    }
    return isOurs;
  }
}

/** Items and duplicates of all devices as they were saved last. */
export async function savedTotals({
  store,
  names,
}: Omit<BooksParts, "keyring">): Promise<AccountSheet> {
  const pages = new BookPages(names, async (keys) => await store.pages(keys));
  pages.want(pages.totals, "");
  await pages.fetch();
  return pages.totals.find("") ?? new AccountSheet();
}

/** Entering a record failed for a fault of ours; what is in memory is not to be trusted any more. */
export class UnbookableRecord extends Error {
  readonly id: number;

  constructor(id: number, cause: unknown) {
    super(`Cannot enter record ${id} into the books: ${errorText(cause)}`, { cause });
    this.id = id;
  }
}

/** Records of the store once more verified and opened; null for each for which the keys are not here any more. */
export async function openAgain(
  keyring: Keyring,
  stored: readonly StoredRecord[],
): Promise<(OpenedRecord | null)[]> {
  const records = stored.map(({ bytes }) => readRecord(bytes));
  await keyring.load(
    records.map(({ place, header, signer }) => ({
      gateway: place.gateway,
      epoch: header.epoch,
      signer,
      at: place.storedAt,
    })),
  );
  const isAuthentic = makeAuthentic(records, keyring);
  return records.map((record, number) => {
    const lying = stored[number];
    return lying === undefined ? null : openStored(lying, record, { keyring, isAuthentic });
  });
}

function openStored(
  { id, committedAt, backlog }: StoredRecord,
  record: ReadRecord,
  by: { readonly keyring: Keyring; readonly isAuthentic: (record: ReadRecord) => boolean },
): OpenedRecord | null {
  const { place, header, hash } = record;
  try {
    const epoch = by.keyring.epochKey(place.gateway, header.epoch);
    if (epoch === null || !by.isAuthentic(record)) {
      return null;
    }
    return { id, committedAt, backlog, place, header, hash, opened: openRecord(record, epoch) };
  } catch {
    return null;
  }
}
