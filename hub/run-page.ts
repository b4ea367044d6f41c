import { AccountSheet } from "./account-sheet.ts";
import { ClockSets } from "./clock-sets.ts";
import { type ExplainedTakes, explainHoles, type Holes, countOf } from "./ledger.ts";
import { packPage, readRanges, readText, unpackPage, writeRanges, writeText } from "./page-form.ts";
import { Ranges } from "./ranges.ts";

/** A take gap as the books keep it. */
export interface BookedGap extends ExplainedTakes {
  /** By which the gateway names it. */
  readonly id: string;
}

/** What the books say of one run of bedside of one device. */
export class RunPage {
  /** All takes that have a row. */
  readonly sheet: AccountSheet;
  /** Takes that have a row. */
  readonly present: Ranges;
  /** Of these, takes with items that are neither here nor accounted for. */
  readonly open: Ranges;
  readonly clock: ClockSets;
  readonly #gaps: BookedGap[];
  readonly #ids: Set<string>;
  #holes: Holes | null = null;

  private constructor(
    sheet: AccountSheet,
    present: Ranges,
    open: Ranges,
    gaps: BookedGap[],
    clock: ClockSets,
  ) {
    this.sheet = sheet;
    this.clock = clock;
    this.present = present;
    this.open = open;
    this.#gaps = gaps;
    this.#ids = new Set(gaps.map(({ id }) => id));
  }

  static empty(): RunPage {
    return new RunPage(new AccountSheet(), new Ranges(), new Ranges(), [], new ClockSets());
  }

  /** Notes that a take has a row now, and whether that leaves something open. */
  note(take: number, isOpen: boolean): void {
    this.present.add(take, take);
    if (isOpen) {
      this.open.add(take, take);
    } else if (!this.open.isEmpty) {
      this.open.remove(take);
    }
    this.#holes = null;
  }

  /** Adds a gap; false when it was here. */
  addGap(gap: BookedGap): boolean {
    if (this.#ids.has(gap.id)) {
      return false;
    }
    this.#ids.add(gap.id);
    this.#gaps.push(gap);
    this.#holes = null;
    return true;
  }

  get gaps(): readonly BookedGap[] {
    return this.#gaps;
  }

  /** Take numbers without a row, and what explains them. */
  holes(): Holes {
    this.#holes ??= explainHoles(this.present.list(), this.#gaps);
    return this.#holes;
  }

  /** Items, and takes without a row, that nothing accounts for. */
  unaccounted(): number {
    return this.sheet.total().unaccounted + countOf(this.holes().unexplained);
  }

  encode(): Uint8Array {
    return packPage((writer) => {
      this.sheet.write(writer);
      writeRanges(writer, this.present.list());
      writeRanges(writer, this.open.list());
      writer.uint(this.#gaps.length);
      for (const gap of this.#gaps) {
        writeText(writer, gap.id);
        writer.uint(gap.first);
        writer.sint(gap.last - gap.first);
        writeText(writer, gap.reason);
        writer.byte(gap.atMost ? 1 : 0);
        writer.uint(gap.start);
      }
      this.clock.write(writer);
    });
  }

  static decode(bytes: Uint8Array): RunPage {
    const reader = unpackPage(bytes);
    const sheet = AccountSheet.read(reader);
    const present = new Ranges(readRanges(reader));
    const open = new Ranges(readRanges(reader));
    const count = reader.count("gaps", Number.MAX_SAFE_INTEGER);
    const gaps = Array.from({ length: count }, (): BookedGap => {
      const id = readText(reader);
      const first = reader.uint("take", Number.MAX_SAFE_INTEGER);
      return {
        id,
        first,
        last: first + reader.sint("take", Number.MAX_SAFE_INTEGER),
        reason: readText(reader),
        atMost: reader.byte("at most", 1) === 1,
        start: reader.uint("time", Number.MAX_SAFE_INTEGER),
      };
    });
    return new RunPage(sheet, present, open, gaps, ClockSets.read(reader));
  }
}
