import { hasIndex, oneIndex } from "../gateway/indices.ts";
import { CLASSES, type ClassName } from "../gateway/reading.ts";
import type { BatchGap } from "../gateway/sealing/gap.ts";
import type { ItemColumns } from "../gateway/sealing/item-columns.ts";
import type { Tally } from "../gateway/sealing/tally.ts";
import type { BookPages } from "./book-pages.ts";
import {
  blockName,
  goneChain,
  hourOf,
  type PreparedRecord,
  saltName,
  tagIn,
  type TakePlace,
  type TakeUnit,
} from "./book-places.ts";
import { BookRows } from "./book-rows.ts";
import { chainKey } from "./chain-name.ts";
import { ChainPage } from "./chain-page.ts";
import { ItemDigests } from "./item-digests.ts";
import { emptyRow, verdictOf, withItems, withTally } from "./ledger.ts";
import type { Marks, Unaccounted } from "./marks.ts";
import type { OpenedRecord } from "./opened.ts";
import { Ranges } from "./ranges.ts";
import { Suspects } from "./suspects.ts";

/** Lists of a record's marks while it is entered. */
interface OpenMarks {
  readonly duplicates: number[];
  readonly derived: number[];
  readonly revealed: number[];
  readonly knownGaps: number[];
  readonly corrected: number[];
  readonly unaccounted: Unaccounted[];
}

/**
 * Enters records into the ledger. What it makes is a function of the records in order of commit and of nothing else, so it
 * can be made again at will; it lies in pages (book-pages.ts) that are saved now and then.
 */
export class Book {
  readonly #pages: BookPages;
  readonly #rows: BookRows;

  constructor(pages: BookPages) {
    this.#pages = pages;
    this.#rows = new BookRows(pages);
  }

  /** Enters one record, in the order of commits, and says what it found. */
  enter(entry: PreparedRecord): Marks {
    const { record } = entry;
    const { opened, place } = record;
    const marks: OpenMarks = {
      duplicates: [],
      derived: [],
      revealed: [],
      knownGaps: [],
      corrected: [],
      unaccounted: [],
    };
    this.#chain(chainKey(place)).add({ ...place, hash: record.hash });
    switch (opened.kind) {
      case "items":
        this.#items(entry, opened.class, opened.items, marks);
        break;
      case "tally":
        this.#tally(entry, opened.tally, marks);
        break;
      case "gap":
        this.#gone(record, opened.gap);
        break;
    }
    this.#suspect(entry);
    marks.unaccounted.push(...this.#tellSuspects(record));
    return marks;
  }

  #items(entry: PreparedRecord, name: ClassName, items: ItemColumns, marks: OpenMarks): void {
    const { place, header } = entry.record;
    const digests = new ItemDigests(items);
    for (const unit of entry.units) {
      this.#device(place.gateway, unit.place);
      this.#unit(unit, { name, items, digests, marks });
    }
    const salt = saltName(place.gateway, header.salt);
    const known = this.#pages.salts.find(salt);
    if (known === null || known.kind === "awaited") {
      this.#pages.salts.put(salt, known === null ? { kind: "here" } : null);
    }
  }

  /** Items of one take: those that are news go into its row. */
  #unit(unit: TakeUnit, batch: Batch): void {
    const { place, hour } = unit;
    const { name, items, digests, marks } = batch;
    const known = this.#rows.get(place);
    const before = known ?? emptyRow(name, hour);
    let [set, digest, count] = [0, 0, 0];
    let item = unit.first;
    const duplicatesBefore = marks.duplicates.length;
    for (const group of unit.groups) {
      for (const end = item + group.count; item < end; item += 1) {
        const index = items.series[items.places[item] ?? 0]?.index ?? 0;
        if (hasIndex(before.items, index) || hasIndex(set, index)) {
          marks.duplicates.push(item);
        } else {
          set += oneIndex(index);
          digest ^= digests.at(group, item);
          count = Math.max(count, index + 1);
        }
      }
    }
    const after = set === 0 ? before : withItems(before, { set, digest, count, hour });
    const derived = after.derived || verdictOf(after) === "derived";
    if (derived && set !== 0) {
      const duplicates = new Set(marks.duplicates.slice(duplicatesBefore));
      for (let fresh = unit.first; fresh < item; fresh += 1) {
        if (!duplicates.has(fresh)) {
          marks.derived.push(fresh);
        }
      }
      if (!before.derived && before.items !== 0) {
        marks.revealed.push(unit.first);
      }
    }
    if (set !== 0) {
      this.#rows.set(place, known, derived === after.derived ? after : { ...after, derived });
    }
    this.#clock(unit, batch);
    const duplicates = marks.duplicates.length - duplicatesBefore;
    this.#rows.count(place, after, {
      items: item - unit.first - duplicates,
      duplicates,
      derived: derived && !before.derived ? 1 : 0,
    });
  }

  /** Notes a clock that was set, and which times are known better since. */
  #clock({ place, groups, first }: TakeUnit, { name, items, marks }: Batch): void {
    const run = this.#rows.run(place.run);
    if (name === "notice" && run.clock.learn(items, groups, first)) {
      this.#pages.runs.put(place.run, run);
    }
    const ms = run.clock.correctionOf(place.take);
    if (ms !== 0) {
      marks.corrected.push(first, ms);
    }
  }

  #tally({ record, takes }: PreparedRecord, tally: Tally, marks: OpenMarks): void {
    const { gateway } = record.place;
    const excuses = this.#awaitBatches(record, tally, takes);
    for (const [number, said] of tally.takes.entries()) {
      const place = takes[number];
      if (place !== undefined) {
        this.#device(gateway, place);
        const known = this.#rows.get(place);
        const before = known ?? emptyRow(said.class, hourOf(record.header.firstAt));
        const row = withTally(before, said);
        const excuse = row.excuse ?? excuses.get(row.class) ?? null;
        const derived = before.derived || verdictOf(row) === "derived";
        const after = { ...row, excuse, derived };
        this.#rows.set(place, known, after);
        if (derived && !before.derived) {
          this.#rows.count(place, after, { items: 0, duplicates: 0, derived: 1 });
          if (row.items !== 0) {
            marks.revealed.push(number);
          }
        }
      }
    }
    for (const [number, gap] of tally.gaps.entries()) {
      const place = takes[tally.takes.length + number];
      if (place !== undefined) {
        this.#device(gateway, place);
        const { id, from: first, to: last, atMost, start } = gap;
        const run = this.#rows.run(place.run);
        if (!run.addGap({ id, first, last, reason: reasonWord(gap.reason), atMost, start })) {
          marks.knownGaps.push(number);
        }
        this.#pages.runs.put(place.run, run);
      }
    }
  }

  /**
   * Notes which batches of a tally are not here yet. Gives back why, by class, for those that never will be.
   */
  #awaitBatches(
    { place: { gateway } }: OpenedRecord,
    { salts, takes: said }: Tally,
    places: readonly TakePlace[],
  ): Map<ClassName, string> {
    const excuses = new Map<ClassName, string>();
    for (const salt of salts) {
      const name = saltName(gateway, salt);
      const known = this.#pages.salts.find(name);
      if (known === null) {
        const takes = takesByRun(places.slice(0, said.length));
        this.#pages.salts.put(name, { kind: "awaited", takes });
      } else if (known.kind === "gone") {
        excuses.set(known.class, known.reason);
        this.#pages.salts.put(name, null);
      } else if (known.kind === "here") {
        this.#pages.salts.put(name, null);
      }
    }
    return excuses;
  }

  /** Records that will never come: what tallies say was stored in them counts as a gap. */
  #gone(record: OpenedRecord, gap: BatchGap): void {
    const { gateway } = record.place;
    const reason = reasonWord(gap.reason);
    const last = gap.records.find(({ sequence }) => sequence === gap.to);
    const name = goneChain(record, gap);
    const chain = this.#chain(name);
    chain.addGone(gap.from, gap.to, last?.hash ?? null);
    this.#pages.chains.put(name, chain);
    const dataClass = CLASSES.find((known) => known === gap.class);
    if (dataClass === undefined) {
      return;
    }
    for (const { salt } of gap.records) {
      const saltKey = saltName(gateway, salt);
      const known = this.#pages.salts.find(saltKey);
      if (known === null) {
        this.#pages.salts.put(saltKey, { kind: "gone", class: dataClass, reason });
      } else if (known.kind === "awaited") {
        for (const [run, takes] of known.takes) {
          takes.numbers().forEach((take) => this.#excuse(run, take, dataClass, reason));
        }
        this.#pages.salts.put(saltKey, null);
      }
    }
  }

  #excuse(run: string, take: number, name: ClassName, reason: string): void {
    const place = { tag: tagIn(run), run, block: blockName(run, take), take };
    const row = this.#rows.get(place);
    if (row?.class === name && row.excuse === null) {
      this.#rows.set(place, row, { ...row, excuse: reason });
    }
  }

  #suspect({ record, units, takes }: PreparedRecord): void {
    const suspects = this.#pages.suspects.find("") ?? Suspects.none();
    const { gateway } = record.place;
    const named = new Map(
      [...units.map(({ place }) => place), ...takes].map((place) => [place.run, place]),
    );
    for (const run of new Set([...named.keys(), ...this.#rows.takeTouched()])) {
      const items = this.#rows.run(run).unaccounted();
      const place = named.get(run);
      const who = place === undefined ? null : { gateway, device: place.device, boot: place.boot };
      if (suspects.note(run, who, { items, at: record.committedAt })) {
        this.#pages.suspects.put("", suspects);
      }
    }
  }

  #tellSuspects({ committedAt, place }: OpenedRecord): Unaccounted[] {
    const suspects = this.#pages.suspects.find("");
    const { gateway } = place;
    const news = suspects?.look(committedAt, gateway, () => this.#isWhole(gateway)) ?? null;
    if (news !== null) {
      this.#pages.suspects.put("", suspects);
    }
    return news ?? [];
  }

  /** True when no record of the gateway is missing: what it stored is here or declared gone. */
  #isWhole(gateway: string): boolean {
    for (const [name, chain] of this.#pages.chains.entries()) {
      if (name.startsWith(`${gateway}/`) && chain.missing > 0) {
        return false;
      }
    }
    return true;
  }

  #device(gateway: string, { tag, device }: TakePlace): void {
    if (this.#pages.devices.find(tag) === null) {
      this.#pages.devices.put(tag, { gateway, device });
    }
  }

  #chain(name: string): ChainPage {
    const chain = this.#pages.chains.find(name) ?? ChainPage.empty();
    this.#pages.chains.put(name, chain);
    return chain;
  }
}

interface Batch {
  readonly name: ClassName;
  readonly items: ItemColumns;
  readonly digests: ItemDigests;
  readonly marks: OpenMarks;
}

/** A reason as a word that says nothing about a device or a person; `other` when it is no word. */
function reasonWord(reason: string): string {
  return REASON.test(reason) ? reason : "other";
}

const REASON = /^[a-z][a-z0-9-]{0,31}$/;

function takesByRun(places: readonly TakePlace[]): Map<string, Ranges> {
  const runs = new Map<string, Ranges>();
  for (const { run, take } of places) {
    const takes = runs.get(run) ?? new Ranges();
    takes.add(take, take);
    runs.set(run, takes);
  }
  return runs;
}
