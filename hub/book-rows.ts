import { AccountSheet } from "./account-sheet.ts";
import type { BookPages } from "./book-pages.ts";
import { hourName, type TakePlace } from "./book-places.ts";
import { isSameSums, isWhole, sumsOf, type TakeRow } from "./ledger.ts";
import { RunPage } from "./run-page.ts";
import { TakeBlock } from "./take-block.ts";

/** What a take's row is found by. */
type RowPlace = Pick<TakePlace, "tag" | "run" | "block" | "take">;

/** The rows of takes, with the accounts of their runs, devices and hours kept in step. */
export class BookRows {
  readonly #pages: BookPages;
  readonly #touched = new Set<string>();

  constructor(pages: BookPages) {
    this.#pages = pages;
  }

  /** What is known of a take, or null. */
  get({ block, take }: Pick<TakePlace, "block" | "take">): TakeRow | null {
    return this.#pages.blocks.find(block)?.get(take) ?? null;
  }

  /** Sets a row, and moves its line of the account from what it was. */
  set(place: RowPlace, before: TakeRow | null, after: TakeRow): void {
    const block = this.#pages.blocks.find(place.block) ?? new TakeBlock();
    block.set(place.take, after);
    this.#pages.blocks.put(place.block, block);
    const isMoved = before?.class !== after.class || before.hour !== after.hour;
    if (
      before !== null &&
      !isMoved &&
      before.count === after.count &&
      isWhole(before) &&
      isWhole(after)
    ) {
      return;
    }
    const sums = sumsOf(after);
    this.#touched.add(place.run);
    const run = this.run(place.run);
    run.note(place.take, sums.unaccounted > 0);
    this.#pages.runs.put(place.run, run);
    if (before !== null) {
      const old = sumsOf(before);
      if (!isMoved && isSameSums(old, sums) && before.excuse === after.excuse) {
        return;
      }
      run.sheet.add(before.class, old, before.excuse, -1);
      this.#hour(place.tag, before.hour).add(before.class, old, before.excuse, -1);
    }
    run.sheet.add(after.class, sums, after.excuse, 1);
    this.#hour(place.tag, after.hour).add(after.class, sums, after.excuse, 1);
  }

  /** Counts what only goes up. */
  count(
    place: RowPlace,
    row: Pick<TakeRow, "class" | "hour">,
    news: { readonly items: number; readonly duplicates: number; readonly derived: number },
  ): void {
    const totals = this.#pages.totals.find("") ?? new AccountSheet();
    const total = totals.line(row.class);
    total.kept += news.items;
    total.duplicates += news.duplicates;
    this.#pages.totals.put("", totals);
    if (news.duplicates + news.derived > 0) {
      const run = this.run(place.run);
      for (const line of [
        run.sheet.line(row.class),
        this.#hour(place.tag, row.hour).line(row.class),
      ]) {
        line.duplicates += news.duplicates;
        line.derived += news.derived;
      }
      this.#pages.runs.put(place.run, run);
    }
  }

  /** The runs whose account has changed since the last call. */
  takeTouched(): string[] {
    const touched = [...this.#touched];
    this.#touched.clear();
    return touched;
  }

  run(name: string): RunPage {
    return this.#pages.runs.find(name) ?? RunPage.empty();
  }

  #hour(tag: string, hour: number): AccountSheet {
    const name = hourName(tag, hour);
    const sheet = this.#pages.hours.find(name) ?? new AccountSheet();
    this.#pages.hours.put(name, sheet);
    return sheet;
  }
}
