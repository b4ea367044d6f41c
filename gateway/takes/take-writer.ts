import { ColumnWriter } from "../columns.ts";
import type { Item, Quality, Reading, Take, Waveform } from "../reading.ts";
import { CLASSES, CLOCK_QUALITIES, QUALITIES } from "../reading.ts";
import {
  CLOCK_FACTOR,
  DEVICE_AT_FLOAT,
  DEVICE_AT_NEAR,
  DEVICE_AT_NONE,
  DEVICE_AT_SAME,
  FLAG_FORGET,
  TABLE_MAX,
  VALUE_DECIMAL,
  VALUE_NONE,
  VALUE_NULL_TEXT,
  VALUE_NUMBER_TEXT,
  VALUE_WORD,
  VALUE_WORD_TEXT,
} from "./take-form.ts";

/** Writes takes for one link; README.md in this folder has the form. What was said once is remembered for the next message. */
export class TakeWriter {
  readonly #writer = new ColumnWriter();
  readonly #texts = new Map<string, Text>();
  readonly #devices = new Map<string, Device>();
  readonly #series = new Map<string, Series[]>();
  #seriesCount = 0;
  #lastAt = 0;
  #forget = true;

  /** The bytes of these takes; good until the next call. */
  write(takes: readonly Take[]): Uint8Array {
    const writer = this.#writer;
    writer.clear();
    this.#forgetInTime(takes);
    writer.byte(this.#forget ? FLAG_FORGET : 0);
    this.#forget = false;
    writer.uint(takes.length);
    for (const take of takes) {
      this.#take(take);
    }
    return writer.finish();
  }

  /** A message may say as many new things as it has items and then some: begin anew before a table gets too large. */
  #forgetInTime(takes: readonly Take[]): void {
    let items = 0;
    for (const take of takes) {
      items += take.items.length;
    }
    const largest = Math.max(this.#texts.size, this.#seriesCount, this.#devices.size);
    if (largest + TEXTS_PER_ITEM * items + TEXTS_PER_TAKE * takes.length > TABLE_MAX) {
      this.#texts.clear();
      this.#devices.clear();
      this.#series.clear();
      this.#seriesCount = 0;
      this.#lastAt = 0;
      this.#forget = true;
    }
  }

  #take({ device: id, boot, take, class: name, digest, items }: Take): void {
    const writer = this.#writer;
    const [first] = items;
    const at = first === undefined ? 0 : timeOf(first);
    const clock = first === undefined ? 0 : CLOCK_QUALITIES.indexOf(first.clock);
    const device = this.#device(id, boot);
    writer.byte(CLASSES.indexOf(name) + CLOCK_FACTOR * clock);
    writer.uint(take);
    writer.uint32(digest);
    writer.sint(at - this.#lastAt);
    this.#lastAt = at;
    writer.uint(items.length);
    let before: Series | null = null;
    let deviceAt: number | null = null;
    for (const item of items) {
      if (item.kind === "notice") {
        this.#text(item.notice);
        this.#text(item.text);
        this.#instant(item.since, at);
        continue;
      }
      const guess: Series | null = before === null ? device.first : before.next;
      const series = this.#place(item, guess);
      if (before === null) {
        device.first = series;
      } else {
        before.next = series;
      }
      before = series;
      if (item.kind === "waveform") {
        this.#samples(item, at);
      } else {
        deviceAt = this.#deviceAt(item.deviceAt, deviceAt, at);
        this.#value(item);
      }
    }
  }

  #device(id: string, boot: string): Device {
    const key = `${id} ${boot}`;
    const known = this.#devices.get(key);
    if (known !== undefined) {
      this.#writer.uint(known.place + 1);
      return known;
    }
    const device: Device = { place: this.#devices.size, first: null };
    this.#devices.set(key, device);
    this.#writer.uint(0);
    this.#text(id);
    this.#text(boot);
    return device;
  }

  #text(text: string): void {
    const known = this.#texts.get(text);
    if (known === undefined) {
      this.#newText(text);
    } else {
      this.#writer.uint(known.place + 1);
    }
  }

  #newText(text: string): Text {
    const entry = { place: this.#texts.size, number: numberOf(text) };
    this.#texts.set(text, entry);
    const bytes = ENCODER.encode(text);
    this.#writer.uint(0);
    this.#writer.uint(bytes.length);
    this.#writer.raw(bytes);
    return entry;
  }

  #place(item: Reading | Waveform, guess: Series | null): Series {
    if (guess !== null && isSeries(guess.item, item)) {
      this.#writer.uint(guess.place + 1);
      return guess;
    }
    const alike = this.#series.get(item.code) ?? [];
    const known = alike.find((series) => isSeries(series.item, item));
    if (known !== undefined) {
      this.#writer.uint(known.place + 1);
      return known;
    }
    const series: Series = { item, place: this.#seriesCount, next: null };
    this.#seriesCount += 1;
    alike.push(series);
    this.#series.set(item.code, alike);
    this.#writer.uint(0);
    this.#newSeries(item);
    return series;
  }

  #newSeries(item: Reading | Waveform): void {
    const writer = this.#writer;
    this.#text(item.code);
    writer.uint(item.mdc === null ? 0 : item.mdc + 1);
    this.#text(item.unit);
    this.#text(item.path);
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

  #deviceAt(value: number | null, before: number | null, at: number): number | null {
    const writer = this.#writer;
    if (value === null) {
      writer.uint(DEVICE_AT_NONE);
      return before;
    }
    if (value === before) {
      writer.uint(DEVICE_AT_SAME);
    } else if (Number.isSafeInteger(value) && Number.isSafeInteger(value - at)) {
      writer.uint(DEVICE_AT_NEAR);
      writer.sint(value - at);
    } else {
      writer.uint(DEVICE_AT_FLOAT);
      writer.float64(value);
    }
    return value;
  }

  #value({ value, text }: Reading): void {
    const writer = this.#writer;
    if (typeof value === "number") {
      const known = this.#texts.get(text);
      const number = known?.number ?? numberOf(text);
      const isSame = Object.is(number, value);
      writer.byte(isSame ? VALUE_DECIMAL : VALUE_NUMBER_TEXT);
      if (!isSame) {
        writer.float64(value);
      }
      if (known === undefined) {
        this.#newText(text);
      } else {
        writer.uint(known.place + 1);
      }
    } else if (value === null) {
      writer.byte(text === "" ? VALUE_NONE : VALUE_NULL_TEXT);
      if (text !== "") {
        this.#text(text);
      }
    } else {
      writer.byte(value === text ? VALUE_WORD : VALUE_WORD_TEXT);
      this.#text(value);
      if (value !== text) {
        this.#text(text);
      }
    }
  }

  #samples({ start, gap, samples }: Waveform, at: number): void {
    const writer = this.#writer;
    writer.sint(start - at);
    writer.byte(gap ? 1 : 0);
    writer.uint(samples.length);
    const some = samples.includes(null);
    writer.byte(some ? 1 : 0);
    let last = 0;
    for (const sample of samples) {
      if (sample === null) {
        writer.uint(0);
        continue;
      }
      if (some) {
        writer.uint(1);
      }
      writer.sint(sample - last);
      last = sample;
    }
  }

  #instant(value: number | null, at: number): void {
    this.#writer.uint(value === null ? 0 : 1);
    if (value !== null) {
      this.#writer.sint(value - at);
    }
  }
}

interface Text {
  readonly place: number;
  /** What `Number` makes of it. */
  readonly number: number;
}

interface Device {
  readonly place: number;
  /** The series with which its last take began: usually the next one begins alike. */
  first: Series | null;
}

interface Series {
  /** Stands for all items of the series. */
  readonly item: Reading | Waveform;
  readonly place: number;
  /** The series that followed it last time. */
  next: Series | null;
}

/** New texts that one item and one take can say, at most. */
const TEXTS_PER_ITEM = 5;
const TEXTS_PER_TAKE = 2;
const ENCODER = new TextEncoder();

function timeOf(item: Item): number {
  return item.kind === "waveform" ? item.start : item.at;
}

/** As the reader will see it: "" is no number. */
function numberOf(text: string): number {
  return text === "" ? Number.NaN : Number(text);
}

function isSeries(a: Reading | Waveform, b: Reading | Waveform): boolean {
  return (
    a.code === b.code &&
    a.path === b.path &&
    a.unit === b.unit &&
    a.mdc === b.mdc &&
    a.kind === b.kind &&
    isSameQuality(a.quality, b.quality) &&
    (a.kind === "reading" || b.kind === "reading" || isSameScale(a, b))
  );
}

function isSameQuality(a: readonly Quality[], b: readonly Quality[]): boolean {
  return (
    a === b ||
    (a.length === b.length && a[0] === b[0] && a.every((word, place) => word === b[place]))
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
