import { errorText, WardError } from "../gateway/errors.ts";
import type { AccountSheet } from "./account-sheet.ts";
import { Books, type BooksParts, type Entered, savedTotals, UnbookableRecord } from "./books.ts";
import { LineBuffer } from "./line-buffer.ts";
import { NdjsonFile } from "./ndjson.ts";
import type { OpenedRecord } from "./opened.ts";
import { addStoredLines } from "./stored-lines.ts";
import { addLines } from "./views.ts";

/** What keeping the views needs. */
export interface BookkeeperOptions extends BooksParts {
  /** `readings.ndjson`, or null for none. */
  readonly file: string | null;
  /** Hears of trouble that was survived: one plain sentence. */
  readonly onTrouble: (text: string) => void;
  /** Hears what nothing accounts for: one plain sentence. */
  readonly onUnaccounted: (text: string) => void;
}

/** Items and duplicates of one class in the books. */
export interface ClassTotals {
  readonly items: number;
  readonly duplicates: number;
}

/**
 * Keeps the views up with the sealed store. Of several hubs on one store one keeps the books at a time; every hub writes its
 * own `readings.ndjson`, if it writes one. Nothing here has to be on disk at once: after a crash it continues from what was
 * saved last, and comes to the same.
 */
export class Bookkeeper {
  readonly #options: BookkeeperOptions;
  /** Null while another hub keeps the books. */
  #books: Books | null = null;
  #file: NdjsonFile | null = null;
  readonly #lines = new LineBuffer();
  readonly #skipped = new Set<number>();
  #queue: Promise<void> = Promise.resolve();
  #savedAt = performance.now();
  #unreadable = 0;
  #totals: ReadonlyMap<string, ClassTotals> = new Map();

  private constructor(options: BookkeeperOptions) {
    this.#options = options;
  }

  /** Opens the views where they were saved last; they are brought up to the store by `catchUp`. */
  static async open(options: BookkeeperOptions): Promise<Bookkeeper> {
    const keeper = new Bookkeeper(options);
    await keeper.#take();
    if (options.file !== null) {
      const { generation } = await options.store.views();
      keeper.#file = NdjsonFile.open(options.file, generation);
    }
    return keeper;
  }

  /** True when this process keeps the books. */
  get isKeeping(): boolean {
    return this.#books !== null;
  }

  /** Records that today's keys could not open, since the start. */
  get unreadable(): number {
    return this.#unreadable + (this.#books?.unreadable ?? 0);
  }

  /** Takes in what was just committed by this process. */
  async add(records: readonly OpenedRecord[]): Promise<void> {
    await this.#inTurn(async () => {
      if (records[0]?.id === (this.#books?.booked ?? Number.NaN) + 1) {
        this.#write((await this.#books?.enter(records)) ?? []);
        await this.#saveWhenDue();
      }
    });
  }

  /** Brings the views up to the store as it is now. */
  async catchUp(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#books !== null) {
        const end = await this.#options.store.lastId();
        while (this.#books !== null && this.#books.booked < end) {
          const entered = await this.#books.enterNext(end);
          this.#write(entered);
          if (entered.length === 0) {
            throw new TypeError(`the store does not have record ${this.#books.booked + 1}`);
          }
          await this.#saveWhenDue();
        }
      }
      await this.#followFile();
    });
  }

  /** Call it about once a second: takes over the books when they are free, catches up with other hubs, saves. */
  async tick(): Promise<void> {
    await this.#inTurn(async () => {
      const mayBook = await this.#options.store.mayBook();
      if (mayBook && this.#books === null) {
        await this.#take();
      } else if (!mayBook) {
        this.#drop();
        this.#totals = totalsOf(await savedTotals(this.#options));
      }
      await this.#saveWhenDue();
    });
    await this.catchUp();
  }

  /** Items and duplicates per class as far as they are in the books; those of another hub as they were a moment ago. */
  totals(): ReadonlyMap<string, ClassTotals> {
    const sheet = this.#books?.pages.totals.find("") ?? null;
    return sheet === null ? this.#totals : totalsOf(sheet);
  }

  /** Saves everything and closes. */
  async close(): Promise<void> {
    await this.catchUp();
    await this.#inTurn(async () => await this.#save());
    this.#file?.cut();
    this.#file?.sync();
    this.#file?.close();
    this.#file = null;
  }

  /** One thing after the other; what fails is told and made up for later. */
  async #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#queue.then(act).catch((error: unknown) => {
      if (error instanceof UnbookableRecord) {
        this.#skipped.add(error.id);
      }
      this.#drop();
      this.#options.onTrouble(errorText(error));
    });
    this.#queue = done;
    await done;
  }

  async #take(): Promise<void> {
    if (await this.#options.store.mayBook()) {
      this.#books = await Books.open(this.#options, this.#skipped);
    }
  }

  #drop(): void {
    this.#totals = this.totals();
    this.#unreadable += this.#books?.unreadable ?? 0;
    this.#books = null;
  }

  async #saveWhenDue(): Promise<void> {
    const dueAt = this.#savedAt + SAVE_MS;
    if (performance.now() > dueAt || (this.#books?.unsavedPages ?? 0) > UNSAVED_PAGES_MAX) {
      await this.#save();
    }
  }

  async #save(): Promise<void> {
    this.#savedAt = performance.now();
    this.#file?.sync();
    if (this.#books !== null && !(await this.#books.save())) {
      // Made anew, or another hub took over: what we have in memory is not what is there.
      this.#drop();
      await this.#take();
    }
  }

  /** Writes the lines of records just entered, if the file is just there; otherwise it follows later. */
  #write(entered: readonly Entered[]): void {
    const lines = this.#lines;
    lines.clear();
    let last = this.#file?.cursor.upto ?? 0;
    const isNext = (entered[0]?.id ?? 0) <= last + 1;
    for (const { id, source, opened, marks } of entered) {
      if (opened !== null && marks !== null) {
        this.#tell(source.gateway, marks.unaccounted);
        if (this.#file !== null && isNext && id > last) {
          addLines(lines, source, { opened, marks });
        }
      }
      last = Math.max(last, id);
    }
    if (this.#file !== null && isNext && last > this.#file.cursor.upto) {
      this.#file.write(last, lines.bytes);
    }
  }

  #tell(
    gateway: string,
    unaccounted: readonly {
      readonly device: string;
      readonly items: number;
      readonly since: number;
    }[],
  ): void {
    for (const { device, items, since } of unaccounted) {
      const time = new Date(since).toISOString();
      this.#options.onUnaccounted(
        items === 0
          ? `All of ${device} on ${gateway} is accounted for again.`
          : `${items} readings of ${device} on ${gateway} are unaccounted for since ${time}. See: wardgate hub ledger.`,
      );
    }
  }

  /** Writes lines of records that are in the saved views and not in the file. */
  async #followFile(): Promise<void> {
    const file = this.#file;
    if (file === null || file.cursor.upto === this.#books?.booked) {
      return;
    }
    await this.#books?.save();
    const { booked, generation } = await this.#options.store.views();
    if (generation !== file.cursor.generation) {
      file.restart(generation);
    }
    const { store } = this.#options;
    while (file.cursor.upto < booked) {
      const stored = await store.records(file.cursor.upto, booked);
      const lines = this.#lines;
      lines.clear();
      await addStoredLines(lines, this.#options, stored);
      const last = stored.at(-1);
      if (last === undefined) {
        throw new WardError("WARD_HUB_STORE", "Cannot read records that are in the books.");
      }
      file.write(last.id, lines.bytes);
    }
  }
}

function totalsOf(sheet: AccountSheet): ReadonlyMap<string, ClassTotals> {
  return new Map(
    sheet.lines().map(([name, { kept, duplicates }]) => [name, { items: kept, duplicates }]),
  );
}

/** The views are saved this often while something changes (milliseconds): what a restart has to make again. */
const SAVE_MS = 10_000;
/** Changed pages in memory, about. */
const UNSAVED_PAGES_MAX = 5000;
