import { ColumnWriter } from "../columns.ts";
import { isSameQuality, QUALITIES } from "../reading.ts";
import type { FreshTake, Reading, Waveform } from "../reading.ts";
import { SeriesDigest } from "../series-digest.ts";
import {
  DEFINE_DEVICE,
  DEFINE_READINGS,
  DEFINE_TEXT,
  DEFINE_WAVEFORMS,
  DEFINITIONS_BYTES_MAX,
  TABLE_MAX,
} from "./take-form.ts";

/**
 * What repeats in takes, said once: texts, devices and series, each named by its place afterwards. Definitions are only ever
 * added, so whoever was told the first bytes of them needs but the rest. Full tables are not cleared but replaced by new ones:
 * takes that were encoded with them keep them for as long as they are held.
 */
export class Definitions {
  #writer = new ColumnWriter();
  #ended: Uint8Array | null = null;
  readonly #texts = new Map<string, Text>();
  readonly #devices = new Map<string, Device>();
  readonly #series = new Map<string, Series[]>();
  #seriesCount = 0;

  /** All definitions so far; good until the next one. */
  get bytes(): Uint8Array {
    return this.#ended ?? this.#writer.finish();
  }

  /** Nothing will be added any more: held takes need the bytes alone, and what finds a definition again may go. */
  end(): void {
    this.#ended = this.bytes.slice();
    this.#writer = new ColumnWriter();
    this.#texts.clear();
    this.#devices.clear();
    this.#series.clear();
  }

  /** True when whatever a take of so many items can say anew still fits. */
  hasRoomFor({ items }: FreshTake): boolean {
    const texts = TEXTS_PER_TAKE + TEXTS_PER_ITEM * items.length;
    const largest = Math.max(this.#texts.size, this.#seriesCount, this.#devices.size);
    return (
      largest + texts <= TABLE_MAX &&
      this.#writer.length + texts * BYTES_PER_TEXT <= DEFINITIONS_BYTES_MAX
    );
  }

  text(text: string): Text {
    const known = this.#texts.get(text);
    if (known !== undefined) {
      return known;
    }
    // As the reader will see it: "" is no number.
    const number = text === "" ? Number.NaN : Number(text);
    const entry = { place: this.#texts.size, number, word: String(number) };
    this.#texts.set(text, entry);
    const bytes = ENCODER.encode(text);
    this.#writer.byte(DEFINE_TEXT);
    this.#writer.uint(bytes.length);
    this.#writer.raw(bytes);
    return entry;
  }

  device(id: string, boot: string): Device {
    const key = `${id} ${boot}`;
    const known = this.#devices.get(key);
    if (known !== undefined) {
      return known;
    }
    const [idText, bootText] = [this.text(id), this.text(boot)];
    const device: Device = { place: this.#devices.size, first: null };
    this.#devices.set(key, device);
    this.#writer.byte(DEFINE_DEVICE);
    this.#writer.uint(idText.place);
    this.#writer.uint(bootText.place);
    return device;
  }

  /** The series of an item; `guess` is the one that it most likely is. */
  series(item: Reading | Waveform, guess: Series | null): Series {
    if (guess !== null && isSeries(guess.item, item)) {
      return guess;
    }
    const alike = this.#series.get(item.code) ?? [];
    const known = alike.find((series) => isSeries(series.item, item));
    if (known !== undefined) {
      return known;
    }
    // Held without its samples, for as long as the tables are.
    const facts = item.kind === "waveform" ? { ...item, samples: [] } : item;
    const digest = item.kind === "reading" ? SeriesDigest.of(item) : null;
    const series: Series = { item: facts, place: this.#seriesCount, digest, next: null };
    this.#define(item);
    this.#seriesCount += 1;
    alike.push(series);
    this.#series.set(item.code, alike);
    return series;
  }

  #define(item: Reading | Waveform): void {
    const writer = this.#writer;
    const [code, unit, path] = [this.text(item.code), this.text(item.unit), this.text(item.path)];
    writer.byte(item.kind === "reading" ? DEFINE_READINGS : DEFINE_WAVEFORMS);
    writer.uint(code.place);
    writer.uint(item.mdc === null ? 0 : item.mdc + 1);
    writer.uint(unit.place);
    writer.uint(path.place);
    writer.uint(item.quality.length);
    for (const word of item.quality) {
      writer.byte(QUALITIES.indexOf(word));
    }
    if (item.kind === "waveform") {
      writer.float64(item.period.ms);
      writer.float64(item.period.samples);
      writer.float64(item.scale);
      writer.float64(item.offset);
    }
  }
}

export interface Text {
  readonly place: number;
  /** What `Number` makes of it. */
  readonly number: number;
  /** That number as text again. */
  readonly word: string;
}

export interface Device {
  readonly place: number;
  /** The series with which its last take began: usually the next one begins alike. */
  first: Series | null;
}

export interface Series {
  /** Stands for all items of the series. */
  readonly item: Reading | Waveform;
  readonly place: number;
  /** Of readings with the index of `item`; null for waveforms and for what is not of ASCII text alone. */
  readonly digest: SeriesDigest | null;
  /** The series that followed it last time. */
  next: Series | null;
}

/** New texts that one item and one take can say, at most, and the bytes that each takes, at most. */
const TEXTS_PER_ITEM = 5;
const TEXTS_PER_TAKE = 2;
const BYTES_PER_TEXT = 1600;
const ENCODER = new TextEncoder();

function isSeries(a: Reading | Waveform, b: Reading | Waveform): boolean {
  return (
    a.index === b.index &&
    a.code === b.code &&
    a.path === b.path &&
    a.unit === b.unit &&
    a.mdc === b.mdc &&
    a.kind === b.kind &&
    isSameQuality(a.quality, b.quality) &&
    (a.kind === "reading" || b.kind === "reading" || isSameScale(a, b))
  );
}

function isSameScale(a: Waveform, b: Waveform): boolean {
  return (
    a.period.ms === b.period.ms &&
    a.period.samples === b.period.samples &&
    Object.is(a.scale, b.scale) &&
    Object.is(a.offset, b.offset)
  );
}
