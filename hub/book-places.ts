import { CLASSES } from "../gateway/reading.ts";
import type { ItemColumns, ItemGroup } from "../gateway/sealing/item-columns.ts";
import type { BookPages } from "./book-pages.ts";
import { chainKey } from "./chain-name.ts";
import type { DeviceNames } from "./names.ts";
import type { OpenedRecord } from "./opened.ts";
import { blockOf } from "./take-block.ts";

/** Where one take stands in the books. */
export interface TakePlace {
  readonly device: string;
  readonly boot: string;
  readonly take: number;
  readonly tag: string;
  /** Names of its pages. */
  readonly run: string;
  readonly block: string;
}

/** Items of one take that follow each other in a record. */
export interface TakeUnit {
  readonly place: TakePlace;
  readonly hour: number;
  readonly groups: ItemGroup[];
  /** Place of the first of them in the record. */
  readonly first: number;
}

/** A record with the places of all takes that it names, all their pages in memory. */
export interface PreparedRecord {
  readonly record: OpenedRecord;
  /** Of a batch. */
  readonly units: readonly TakeUnit[];
  /** Of a tally: one for each of its takes, then one for each of its gaps. */
  readonly takes: readonly TakePlace[];
}

/** Loads everything that entering the records will look at. */
export async function prepareRecords(
  pages: BookPages,
  names: DeviceNames,
  records: readonly OpenedRecord[],
): Promise<PreparedRecord[]> {
  const prepared = records.map((record) => placesOf(names, record));
  prepared.forEach((entry) => wantNamed(pages, entry));
  await pages.fetch();
  prepared.forEach((entry) => wantAwaited(pages, entry));
  await pages.fetch();
  prepared.forEach((entry) => wantHours(pages, entry));
  await pages.fetch();
  return prepared;
}

/** Hours since 1970 of a time (epoch milliseconds). */
export function hourOf(at: number): number {
  return Math.floor(at / HOUR_MS);
}

export function hourName(tag: string, hour: number): string {
  return `${tag}/${hour}`;
}

/** The hour that the name of an account per device and hour ends with. */
export function hourIn(name: string): number {
  return Number(name.slice(TAG_LENGTH + 1));
}

export function blockName(run: string, take: number): string {
  return `${run}/${blockOf(take)}`;
}

export function saltName(gateway: string, salt: string): string {
  return `${gateway}/${salt}`;
}

/** The device tag in the name of a run. */
export function tagIn(run: string): string {
  return run.slice(0, TAG_LENGTH);
}

/** The chain of the records that a gap record is about. */
export function goneChain(
  record: OpenedRecord,
  gap: { readonly store: string; readonly class: string },
): string {
  return chainKey({ gateway: record.place.gateway, store: gap.store, class: gap.class });
}

const HOUR_MS = 3_600_000;
const TAG_LENGTH = 16;

function placesOf(names: DeviceNames, record: OpenedRecord): PreparedRecord {
  const { opened } = record;
  const places = new Placer(names, record.place.gateway);
  switch (opened.kind) {
    case "items":
      return { record, units: unitsOf(places, opened.items), takes: [] };
    case "tally": {
      const { takes, gaps } = opened.tally;
      return {
        record,
        units: [],
        takes: [
          ...takes.map((take) => places.of(take, take.take)),
          ...gaps.map((gap) => places.of(gap, gap.from)),
        ],
      };
    }
    case "gap":
      return { record, units: [], takes: [] };
  }
}

interface RunNames {
  readonly device: string;
  readonly boot: string;
  readonly tag: string;
  readonly run: string;
  /** The block that was named last, and its name. */
  number: number;
  block: string;
}

/** Names the pages of takes. Takes of one run mostly lie in one block, so most names are there already. */
class Placer {
  readonly #names: DeviceNames;
  readonly #gateway: string;
  readonly #runs = new Map<string, RunNames>();
  #last: RunNames | null = null;

  constructor(names: DeviceNames, gateway: string) {
    this.#names = names;
    this.#gateway = gateway;
  }

  of(source: Pick<TakePlace, "device" | "boot">, take: number): TakePlace {
    const names = this.#runOf(source);
    const number = blockOf(take);
    if (names.number !== number) {
      names.number = number;
      names.block = blockName(names.run, take);
    }
    const { device, boot, tag, run, block } = names;
    return { device, boot, take, tag, run, block };
  }

  #runOf({ device, boot }: Pick<TakePlace, "device" | "boot">): RunNames {
    if (this.#last !== null && this.#last.device === device && this.#last.boot === boot) {
      return this.#last;
    }
    const key = `${device}\n${boot}`;
    let names = this.#runs.get(key);
    if (names === undefined) {
      const tag = this.#names.tag(this.#gateway, device);
      names = { device, boot, tag, run: tag + boot, number: -1, block: "" };
      this.#runs.set(key, names);
    }
    this.#last = names;
    return names;
  }
}

/** Groups that follow each other and name the same take are one unit. */
function unitsOf(places: Placer, items: ItemColumns): TakeUnit[] {
  const units: TakeUnit[] = [];
  let before: ItemGroup | null = null;
  let first = 0;
  for (const group of items.groups) {
    const { source, take } = group;
    if (before !== null && before.source === source && before.take === take) {
      units.at(-1)?.groups.push(group);
    } else {
      units.push({
        place: places.of(source, take),
        hour: hourOf(group.at),
        groups: [group],
        first,
      });
    }
    before = group;
    first += group.count;
  }
  return units;
}

function* takesIn({ units, takes }: PreparedRecord): Generator<TakePlace> {
  for (const { place } of units) {
    yield place;
  }
  yield* takes;
}

/** Pages that the record names itself. */
function wantNamed(pages: BookPages, entry: PreparedRecord): void {
  const { place, header, opened } = entry.record;
  const { gateway } = place;
  pages.want(pages.chains, chainKey(place));
  for (const { tag, run, block } of takesIn(entry)) {
    pages.want(pages.devices, tag);
    pages.want(pages.runs, run);
    pages.want(pages.blocks, block);
  }
  switch (opened.kind) {
    case "items":
      pages.want(pages.salts, saltName(gateway, header.salt));
      return;
    case "tally":
      for (const salt of opened.tally.salts) {
        pages.want(pages.salts, saltName(gateway, salt));
      }
      return;
    case "gap":
      pages.want(pages.chains, goneChain(entry.record, opened.gap));
      if (CLASSES.some((name) => name === opened.gap.class)) {
        for (const { salt } of opened.gap.records) {
          pages.want(pages.salts, saltName(gateway, salt));
        }
      }
  }
}

/** Pages of the takes whose batch a gap record declares gone. */
function wantAwaited(pages: BookPages, { record }: PreparedRecord): void {
  for (const [run, takes] of awaitedTakes(pages, record)) {
    pages.want(pages.runs, run);
    for (const take of takes) {
      pages.want(pages.blocks, blockName(run, take));
    }
  }
}

/** Accounts per hour that the record adds to, or that its takes stand in already. */
function wantHours(pages: BookPages, entry: PreparedRecord): void {
  const toldAt = hourOf(entry.record.header.firstAt);
  for (const { place, hour } of entry.units) {
    pages.want(pages.hours, hourName(place.tag, hour));
  }
  for (const place of entry.takes) {
    pages.want(pages.hours, hourName(place.tag, toldAt));
  }
  for (const { tag, block, take } of takesIn(entry)) {
    wantHourOfRow(pages, { tag, block, take });
  }
  for (const [run, takes] of awaitedTakes(pages, entry.record)) {
    for (const take of takes) {
      wantHourOfRow(pages, { tag: tagIn(run), block: blockName(run, take), take });
    }
  }
}

function wantHourOfRow(
  pages: BookPages,
  { tag, block, take }: Pick<TakePlace, "tag" | "block" | "take">,
): void {
  const row = pages.blocks.find(block)?.get(take);
  if (row !== undefined) {
    pages.want(pages.hours, hourName(tag, row.hour));
  }
}

/** Takes that wait for the batches that a gap record declares gone. */
function* awaitedTakes(
  pages: BookPages,
  { place, opened }: OpenedRecord,
): Generator<[run: string, takes: number[]]> {
  if (opened.kind !== "gap" || !CLASSES.some((name) => name === opened.gap.class)) {
    return;
  }
  for (const { salt } of opened.gap.records) {
    const page = pages.salts.find(saltName(place.gateway, salt));
    if (page?.kind === "awaited") {
      for (const [run, takes] of page.takes) {
        yield [run, takes.numbers()];
      }
    }
  }
}
