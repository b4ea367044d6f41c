import { WardError } from "../errors.ts";
import { CLOCK_QUALITIES } from "../reading.ts";
import type { Item, Reading } from "../reading.ts";
import { ColumnWriter, StringTable } from "../columns.ts";
import { DECIMALS_MAX, decimalValue, parseDecimal } from "./decimal.ts";
import type { Decimal } from "./decimal.ts";
import { RECORD_ITEMS_MAX } from "./envelope.ts";
import { type Origin, sealProblem } from "./sealable.ts";
import { SeriesTable } from "./series.ts";
import { SourceTable } from "./sources.ts";
import { WaveWriter } from "./wave-samples.ts";

/**
 * The columnar form of a list of items, before packing and encryption; README.md specifies it. Items that follow each other
 * with the same take, time and clock share one group; what repeats in every sample of a series is said once, in the
 * series table; numbers are differences to the one before. `unbatch.ts` reads it.
 *
 * Items are written down as they come: those that wait for others cost their bytes, not the objects they were, and what a flow
 * does to these objects afterwards changes nothing.
 */
export class BatchWriter {
  readonly #sources = new SourceTable();
  readonly #strings = new StringTable();
  readonly #series = new SeriesTable(this.#strings);
  readonly #groups: Group[] = [];
  readonly #payload = new ColumnWriter();
  readonly #content = new PayloadWriter(this.#payload, this.#strings);
  #group: Group | null = null;
  #before: Origin | null = null;
  #count = 0;
  #samples = 0;
  #firstAt = Number.POSITIVE_INFINITY;
  #lastAt = 0;

  /**
   * Adds an item. Throws WardError `WARD_SEAL_INPUT` when it cannot be sealed exactly as it is, or is one too many; the
   * batch is then what it was.
   */
  add(item: Item): void {
    const problem = sealProblem(item, this.#before, this.#series.expected);
    if (problem !== null) {
      throw unsealable(`item ${this.#count}: ${problem}`);
    }
    if (this.#count === RECORD_ITEMS_MAX) {
      throw unsealable(`more than ${RECORD_ITEMS_MAX} items`);
    }
    const samples = this.#samples + (item.kind === "waveform" ? item.samples.length : 0);
    if (samples > BATCH_SAMPLES_MAX) {
      throw unsealable(`more than ${BATCH_SAMPLES_MAX} samples`);
    }
    this.#samples = samples;
    if (item.device !== this.#before?.device || item.boot !== this.#before.boot) {
      this.#before = { device: item.device, boot: item.boot };
    }
    this.#count += 1;
    const at = timeOf(item);
    this.#firstAt = Math.min(this.#firstAt, at);
    this.#lastAt = Math.max(this.#lastAt, at);
    let group = this.#group;
    if (group === null || !belongs(item, group)) {
      group = makeGroup(item, this.#sources.place(item.device, item.boot));
      this.#group = group;
      this.#groups.push(group);
    }
    group.count += 1;
    const form = item.kind === "reading" ? formOf(item, this.#content.decimal) : 0;
    const seriesPlace = this.#series.place(item, form);
    this.#content.write(item, form, group.source, seriesPlace);
  }

  /** Items so far. */
  get count(): number {
    return this.#count;
  }

  /** Time of the earliest item; infinite when there is none. */
  get firstAt(): number {
    return this.#firstAt;
  }

  /** Time of the latest item. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Bytes of texts and of what is different in every item, so far: most of what `finish` gives, when there are many items. */
  get bytes(): number {
    return this.#strings.bytes + this.#payload.length + this.#content.restBytes;
  }

  /** The content of a batch. Call once, at the end. Throws WardError `WARD_SEAL_INPUT` when there is no item. */
  finish(): Uint8Array {
    if (this.#count === 0) {
      throw unsealable("there is no item");
    }
    return assemble({
      sources: this.#sources,
      strings: this.#strings,
      series: this.#series,
      groups: this.#groups,
      payload: this.#payload,
      rests: this.#content.rests(),
    });
  }
}

/** The content of a batch of these items. Throws WardError `WARD_SEAL_INPUT`. */
export function encodeItems(items: readonly Item[]): Uint8Array {
  const writer = new BatchWriter();
  for (const item of items) {
    writer.add(item);
  }
  return writer.finish();
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

  get restBytes(): number {
    return this.#waves.restBytes;
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
