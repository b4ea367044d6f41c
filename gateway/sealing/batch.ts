import { WardError } from "../errors.ts";
import { CLOCK_QUALITIES } from "../reading.ts";
import type { Item, Reading } from "../reading.ts";
import { ColumnWriter, StringTable } from "../columns.ts";
import { DECIMALS_MAX, decimalValue, parseDecimal } from "./decimal.ts";
import type { Decimal } from "./decimal.ts";
import { RECORD_ITEMS_MAX } from "./envelope.ts";
import { sealProblem } from "./sealable.ts";
import { SeriesTable } from "./series.ts";
import { SourceTable } from "./sources.ts";
import { WaveWriter } from "./wave-samples.ts";

/**
 * The columnar form of a list of items, before packing and encryption; README.md specifies it. Items that follow each other
 * with the same take, time and clock share one group; what repeats in every sample of a series is said once, in the
 * series table; numbers are differences to the one before. `unbatch.ts` reads it.
 */
export function encodeItems(items: readonly Item[]): Uint8Array {
  if (items.length < 1 || items.length > RECORD_ITEMS_MAX) {
    throw unsealable(`${items.length} items, not 1 to ${RECORD_ITEMS_MAX}`);
  }
  const sources = new SourceTable();
  const strings = new StringTable();
  const series = new SeriesTable(strings);
  const groups: Group[] = [];
  const payload = new ColumnWriter();
  const content = new PayloadWriter(payload, strings);
  let group: Group | null = null;
  let before: Item | null = null;
  let samples = 0;
  let place = 0;
  for (const item of items) {
    const problem = sealProblem(item, before, series.expected);
    if (problem !== null) {
      throw unsealable(`item ${place}: ${problem}`);
    }
    before = item;
    place += 1;
    samples += item.kind === "waveform" ? item.samples.length : 0;
    if (samples > BATCH_SAMPLES_MAX) {
      throw unsealable(`more than ${BATCH_SAMPLES_MAX} samples`);
    }
    if (group === null || !belongs(item, group)) {
      group = makeGroup(item, sources.place(item.device, item.boot));
      groups.push(group);
    }
    group.count += 1;
    const form = item.kind === "reading" ? formOf(item, content.decimal) : 0;
    const seriesPlace = series.place(item, form);
    content.write(item, form, group.source, seriesPlace);
  }
  return assemble({ sources, strings, series, groups, payload, rests: content.rests() });
}

/** How value and text of a reading travel: numbers below FORM_DECIMAL, or decimals and zeros from there on. */
export const FORM_NONE = 0;
export const FORM_NULL_TEXT = 1;
export const FORM_WORD = 2;
export const FORM_WORD_TEXT = 3;
export const FORM_NUMBER_TEXT = 4;
export const FORM_DECIMAL = 8;
/** Samples of all waveforms of one batch, at most: runs of missing ones cost no bytes. */
export const BATCH_SAMPLES_MAX: number = 2 ** 22;
/** Version of the columnar form. */
export const BATCH_VERSION = 1;
/** Bit of a group's flags beside the two of the clock: the device's own time follows. */
export const FLAG_DEVICE_AT = 4;
/** A group's number of items is multiplied by this to make room for its flags. */
export const GROUP_FLAGS = 8;

/** Where the last mantissa of one series of one source is kept. */
export function baseKey(source: number, series: number): number {
  return source * SERIES_FACTOR + series;
}

/** The time of an item on the gateway's clock. */
export function timeOf(item: Item): number {
  return item.kind === "waveform" ? item.start : item.at;
}

interface Group {
  readonly device: string;
  readonly boot: string;
  readonly take: number;
  readonly at: number;
  readonly clock: number;
  readonly deviceAt: number | null;
  readonly source: number;
  count: number;
}

function makeGroup(item: Item, source: number): Group {
  return {
    device: item.device,
    boot: item.boot,
    take: item.take,
    at: timeOf(item),
    clock: CLOCK_QUALITIES.indexOf(item.clock),
    deviceAt: item.kind === "reading" ? item.deviceAt : null,
    source,
    count: 0,
  };
}

function belongs(item: Item, group: Group): boolean {
  return (
    item.take === group.take &&
    timeOf(item) === group.at &&
    item.device === group.device &&
    item.boot === group.boot &&
    (item.kind === "reading" ? item.deviceAt : null) === group.deviceAt &&
    CLOCK_QUALITIES[group.clock] === item.clock
  );
}

/** Decides how value and text travel; fills `decimal` when as a decimal. */
function formOf(item: Reading, decimal: Decimal): number {
  const { value, text } = item;
  if (value === null) {
    return text === "" ? FORM_NONE : FORM_NULL_TEXT;
  }
  if (typeof value === "string") {
    return value === text ? FORM_WORD : FORM_WORD_TEXT;
  }
  if (parseDecimal(text, decimal) && Object.is(decimalValue(decimal), value)) {
    return FORM_DECIMAL + decimal.zeros * (DECIMALS_MAX + 1) + decimal.decimals;
  }
  return FORM_NUMBER_TEXT;
}

/** Writes what is different in every item. */
class PayloadWriter {
  /** Filled by `formOf` just before `write`. */
  readonly decimal: Decimal = { mantissa: 0, decimals: 0, zeros: 0 };
  readonly #writer: ColumnWriter;
  readonly #strings: StringTable;
  readonly #bases = new Map<number, number>();
  readonly #waves: WaveWriter;

  constructor(writer: ColumnWriter, strings: StringTable) {
    this.#writer = writer;
    this.#strings = strings;
    this.#waves = new WaveWriter(writer);
  }

  write(item: Item, form: number, source: number, series: number): void {
    switch (item.kind) {
      case "reading":
        this.#reading(item, form, baseKey(source, series));
        return;
      case "waveform":
        this.#waves.write(item.samples, baseKey(source, series));
        return;
      case "notice":
        this.#writer.uint(this.#strings.place(item.text));
        this.#writer.byte(item.since === null ? 0 : 1);
        if (item.since !== null) {
          this.#writer.sint(item.since - item.at);
        }
    }
  }

  #reading(item: Reading, form: number, key: number): void {
    if (form >= FORM_DECIMAL) {
      this.#writer.sint(this.decimal.mantissa - (this.#bases.get(key) ?? 0));
      this.#bases.set(key, this.decimal.mantissa);
      return;
    }
    if (form === FORM_NUMBER_TEXT && typeof item.value === "number") {
      this.#writer.float64(item.value);
    } else if (typeof item.value === "string") {
      this.#writer.uint(this.#strings.place(item.value));
    }
    if (form === FORM_NULL_TEXT || form === FORM_WORD_TEXT || form === FORM_NUMBER_TEXT) {
      this.#writer.uint(this.#strings.place(item.text));
    }
  }

  /** What comes after all payloads. */
  rests(): Uint8Array {
    return this.#waves.rests();
  }
}

function assemble(parts: {
  readonly sources: SourceTable;
  readonly strings: StringTable;
  readonly series: SeriesTable;
  readonly groups: readonly Group[];
  readonly payload: ColumnWriter;
  readonly rests: Uint8Array;
}): Uint8Array {
  const tables = new ColumnWriter();
  parts.sources.write(tables, parts.strings);
  parts.series.write(tables);
  const writer = new ColumnWriter();
  writer.byte(BATCH_VERSION);
  // After the tables are made, because making them places their strings.
  parts.strings.write(writer);
  writer.raw(tables.finish());
  writeGroups(writer, parts.groups);
  writer.raw(parts.series.column());
  writer.raw(parts.payload.finish());
  writer.raw(parts.rests);
  return writer.finish();
}

function writeGroups(writer: ColumnWriter, groups: readonly Group[]): void {
  writer.uint(groups.length);
  for (const group of groups) {
    writer.uint(group.source);
  }
  const takes = new Map<number, number>();
  for (const group of groups) {
    writer.sint(group.take - (takes.get(group.source) ?? 0));
    takes.set(group.source, group.take);
  }
  let at = 0;
  for (const group of groups) {
    writer.sint(group.at - at);
    at = group.at;
  }
  for (const group of groups) {
    const flags = group.clock + (group.deviceAt === null ? 0 : FLAG_DEVICE_AT);
    writer.uint(group.count * GROUP_FLAGS + flags);
  }
  const deviceTimes = new Map<number, number>();
  for (const { deviceAt, source } of groups) {
    if (deviceAt !== null) {
      writer.sint(deviceAt - (deviceTimes.get(source) ?? 0));
      deviceTimes.set(source, deviceAt);
    }
  }
}

function unsealable(why: string): WardError {
  return new WardError(
    "WARD_SEAL_INPUT",
    `Cannot seal: ${why}. Pass items on as the source node gave them.`,
  );
}

/** More than a record has items, and so more than it has series. */
const SERIES_FACTOR = 2 ** 16;
