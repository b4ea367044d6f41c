import type { ItemColumns, ItemGroup } from "../gateway/sealing/item-columns.ts";
import type { Tally } from "../gateway/sealing/tally.ts";
import { ItemLines, type LineSource } from "./item-lines.ts";
import type { LineBuffer } from "./line-buffer.ts";
import type { Marks } from "./marks.ts";
import type { Opened } from "./opened.ts";

/** Says which groups of items are wanted; only items are then. */
export type LineWish = (group: ItemGroup) => boolean;

/**
 * Adds the lines of one record as they stand in `readings.ndjson`: readings, waveforms and notices the hub did not have, what a
 * flow turned out to have changed, gaps, and what nothing accounts for. The same record and marks give the same bytes.
 */
export function addLines(
  lines: LineBuffer,
  source: LineSource,
  { opened, marks }: { readonly opened: Opened; readonly marks: Marks },
  only: LineWish | null = null,
): void {
  const { gateway } = source;
  if (only !== null) {
    if (opened.kind === "items") {
      addItems(lines, source, { items: opened.items, marks }, only);
    }
    return;
  }
  switch (opened.kind) {
    case "items":
      addItems(lines, source, { items: opened.items, marks });
      break;
    case "tally":
      addObjects(lines, tallyObjects(gateway, opened.tally, marks));
      break;
    case "gap": {
      const { store, class: name, from, to, reason, records, at } = opened.gap;
      const items = records.reduce((sum, record) => sum + record.items, 0);
      const gap = { kind: "gap", gateway, store, class: name, from, to, reason, items, at };
      addObjects(lines, [gap]);
    }
  }
  for (const { device, boot, items, since } of marks.unaccounted) {
    addObjects(lines, [{ kind: "unaccounted", gateway, device, boot, items, since }]);
  }
}

function addObjects(lines: LineBuffer, objects: Iterable<object>): void {
  for (const object of objects) {
    lines.add(`${JSON.stringify(object)}\n`);
  }
}

function addItems(
  lines: LineBuffer,
  source: LineSource,
  { items, marks }: { readonly items: ItemColumns; readonly marks: Marks },
  only: LineWish | null = null,
): void {
  const duplicates = new Set(marks.duplicates);
  const derived = new Set(marks.derived);
  const revealed = new Set(marks.revealed);
  const words = new ItemLines(source, items);
  const corrections = new Corrections(marks.corrected);
  const more: object[] = [];
  let item = 0;
  for (const group of items.groups) {
    const correctedMs = corrections.of(group, item);
    if (only !== null && !only(group)) {
      item += group.count;
      continue;
    }
    let text = "";
    for (const end = item + group.count; item < end; item += 1) {
      if (duplicates.size === 0 || !duplicates.has(item)) {
        text += words.at(group, item, {
          isDerived: derived.size > 0 && derived.has(item),
          correctedMs,
        });
      }
      if (only === null && revealed.size > 0 && revealed.has(item)) {
        const { source: named, take } = group;
        more.push({ kind: "derived", gateway: source.gateway, ...named, take });
      }
    }
    lines.add(text);
  }
  addObjects(lines, more);
}

/** What is to be added to the times of the groups of a record, group by group. */
class Corrections {
  readonly #byFirst: ReadonlyMap<number, number>;
  #take: ItemGroup | null = null;
  #ms = 0;

  /** `corrected` as in Marks. */
  constructor(corrected: readonly number[]) {
    this.#byFirst = new Map(
      corrected.flatMap((first, place): [number, number][] =>
        place % 2 === 0 ? [[first, corrected[place + 1] ?? 0]] : [],
      ),
    );
  }

  /** `first` is the place of the group's first item. */
  of(group: ItemGroup, first: number): number {
    if (this.#byFirst.size === 0) {
      return 0;
    }
    const begun = this.#byFirst.get(first);
    if (begun !== undefined) {
      this.#take = group;
      this.#ms = begun;
    }
    const isSame = this.#take?.take === group.take && this.#take.source === group.source;
    return isSame ? this.#ms : 0;
  }
}

function* tallyObjects(gateway: string, tally: Tally, marks: Marks): Generator<object> {
  for (const place of marks.revealed) {
    const named = tally.takes[place];
    if (named !== undefined) {
      const { device, boot, take } = named;
      yield { kind: "derived", gateway, device, boot, take };
    }
  }
  const known = new Set(marks.knownGaps);
  for (const [place, gap] of tally.gaps.entries()) {
    if (!known.has(place)) {
      const { device, boot, from, to, reason, atMost, start, end } = gap;
      yield { kind: "gap", gateway, device, boot, from, to, reason, atMost, start, end };
    }
  }
}
