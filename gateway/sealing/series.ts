import { isSameQuality, QUALITIES } from "../reading.ts";
import type { Item, Reading, Waveform } from "../reading.ts";
import { ColumnWriter } from "../columns.ts";
import type { StringTable } from "../columns.ts";

/**
 * What all items of one series have in common, said once; the first item stands for the rest. Also writes the column that
 * says which series each item belongs to.
 */
export class SeriesTable {
  readonly #known = new Map<string, Series>();
  readonly #strings: StringTable;
  readonly #scratch = new ColumnWriter();
  readonly #column = new ColumnWriter();
  /** Items, up to the last one, whose series was the one to expect. */
  #asExpected = 0;
  #last: Series | null = null;

  constructor(strings: StringTable) {
    this.#strings = strings;
  }

  /** The item that stands for the series that the next item will most likely belong to. */
  get expected(): Item | null {
    return this.#last?.next?.item ?? null;
  }

  /** The place of the next item's series; notes it in the column of series. */
  place(item: Item, form: number): number {
    const guess = this.#last?.next ?? null;
    const isExpected = guess !== null && isSame(guess, item, form);
    const series = isExpected ? guess : this.#find(item, form);
    if (series === guess) {
      this.#asExpected += 1;
    } else {
      this.#column.uint(this.#asExpected);
      this.#column.uint(series.place);
      this.#asExpected = 0;
    }
    if (this.#last !== null) {
      this.#last.next = series;
    }
    this.#last = series;
    return series.place;
  }

  /** The column of series: how many came as expected, then one that did not, and so on. Call once, at the end. */
  column(): Uint8Array {
    if (this.#asExpected > 0) {
      this.#column.uint(this.#asExpected);
    }
    return this.#column.finish();
  }

  write(writer: ColumnWriter): void {
    writer.uint(this.#known.size);
    for (const { bytes } of this.#known.values()) {
      writer.raw(bytes);
    }
  }

  /** Strings are placed here already, because their table is written before this one. */
  #find(item: Item, form: number): Series {
    const scratch = this.#scratch;
    scratch.clear();
    writeSeries(scratch, this.#strings, item, form);
    const bytes = Buffer.from(scratch.finish());
    const key = bytes.toString("latin1");
    let series = this.#known.get(key);
    if (series === undefined) {
      series = { item: copyOf(item), form, bytes, place: this.#known.size, next: null };
      this.#known.set(key, series);
    }
    return series;
  }
}

/** An item belongs to a flow, which may still change it. */
function copyOf(item: Item): Item {
  switch (item.kind) {
    case "reading":
      return { ...item, quality: [...item.quality] };
    case "waveform":
      return { ...item, quality: [...item.quality], period: { ...item.period }, samples: [] };
    case "notice":
      return { ...item };
  }
}

/** Numbers of the kinds of item on the wire. */
export const KINDS = ["reading", "waveform", "notice"] as const;

interface Series {
  readonly item: Item;
  readonly form: number;
  /** As it stands in the table. */
  readonly bytes: Uint8Array;
  readonly place: number;
  /** The series that followed this one last time: usually it does so again. */
  next: Series | null;
}

function isSame(series: Series, item: Item, form: number): boolean {
  const { item: other } = series;
  if (form !== series.form || item.index !== other.index) {
    return false;
  }
  if (item.kind === "notice") {
    return other.kind === "notice" && item.notice === other.notice;
  }
  if (item.kind !== other.kind || item.code !== other.code || item.unit !== other.unit) {
    return false;
  }
  if (item.mdc !== other.mdc || item.path !== other.path) {
    return false;
  }
  return isSameQuality(item.quality, other.quality) && isSameScale(item, other);
}

function isSameScale(item: Reading | Waveform, other: Reading | Waveform): boolean {
  if (item.kind !== "waveform" || other.kind !== "waveform") {
    return true;
  }
  return (
    item.period.ms === other.period.ms &&
    item.period.samples === other.period.samples &&
    Object.is(item.scale, other.scale) &&
    Object.is(item.offset, other.offset) &&
    item.gap === other.gap
  );
}

function writeSeries(writer: ColumnWriter, strings: StringTable, item: Item, form: number): void {
  writer.byte(KINDS.indexOf(item.kind));
  writer.byte(item.index);
  if (item.kind === "notice") {
    writer.uint(strings.place(item.notice));
    return;
  }
  writer.uint(strings.place(item.code));
  writer.uint(item.mdc === null ? 0 : item.mdc + 1);
  writer.uint(strings.place(item.unit));
  writer.uint(strings.place(item.path));
  writer.uint(item.quality.length);
  for (const word of item.quality) {
    writer.byte(QUALITIES.indexOf(word));
  }
  if (item.kind === "reading") {
    writer.uint(form);
    return;
  }
  writer.float64(item.period.ms);
  writer.float64(item.period.samples);
  writer.float64(item.scale);
  writer.float64(item.offset);
  writer.byte(item.gap ? 1 : 0);
}
