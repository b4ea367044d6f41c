import { ColumnWriter } from "../columns.ts";
import { isAscii } from "../crc-state.ts";
import { itemDigest } from "../digest.ts";
import { CLASSES, CLOCK_QUALITIES } from "../reading.ts";
import type { ClassName, FreshTake, Item, Reading, Waveform } from "../reading.ts";
import { type TimesDigest, timesDigest } from "../series-digest.ts";
import { Definitions, type Device, type Series } from "./definitions.ts";
import {
  CLOCK_FACTOR,
  DEVICE_AT_FLOAT,
  DEVICE_AT_NEAR,
  DEVICE_AT_NONE,
  DEVICE_AT_SAME,
  VALUE_DECIMAL,
  VALUE_NONE,
  VALUE_NULL_TEXT,
  VALUE_NUMBER_TEXT,
  VALUE_WORD,
  VALUE_WORD_TEXT,
} from "./take-form.ts";

/** A take as bytes, and what one needs to know of it without reading them. */
export interface EncodedTake {
  readonly device: string;
  readonly boot: string;
  readonly take: number;
  readonly class: ClassName;
  /** Items in it. */
  readonly count: number;
  readonly bytes: Uint8Array;
  /** What its bytes name by place. */
  readonly definitions: Definitions;
}

/**
 * Writes takes down as they are taken; README.md in this folder has the form. The objects of a take may then go: held as bytes, a
 * reading takes some three bytes rather than three hundred, and nothing that lives for long.
 */
export class TakeEncoder {
  readonly #writer = new ColumnWriter();
  #definitions = new Definitions();
  /** Times of the last reading: usually those of the next one. */
  #times: TimesDigest & { readonly at: number; readonly deviceAt: number | null } = {
    ...timesDigest(0, null),
    at: 0,
    deviceAt: null,
  };

  encode(take: FreshTake): EncodedTake {
    if (!this.#definitions.hasRoomFor(take)) {
      this.#definitions.end();
      this.#definitions = new Definitions();
    }
    const { device: id, boot, take: number, class: name, items } = take;
    const device = this.#definitions.device(id, boot);
    const bytes = this.#encode(take, device);
    return {
      device: id,
      boot,
      take: number,
      class: name,
      count: items.length,
      bytes,
      definitions: this.#definitions,
    };
  }

  #encode({ take, class: name, items }: FreshTake, device: Device): Uint8Array {
    const writer = this.#writer;
    writer.clear();
    const [first] = items;
    const at = first === undefined ? 0 : timeOf(first);
    const clock = first === undefined ? 0 : CLOCK_QUALITIES.indexOf(first.clock);
    writer.uint(device.place);
    writer.byte(CLASSES.indexOf(name) + CLOCK_FACTOR * clock);
    writer.uint(take);
    writer.uint(at);
    writer.uint(items.length);
    let before: Series | null = null;
    let deviceAt: number | null = null;
    let digest = 0;
    for (const item of items) {
      if (item.kind === "notice") {
        this.#text(item.notice);
        this.#text(item.text);
        this.#instant(item.since, at);
        digest ^= itemDigest(item);
        continue;
      }
      const guess: Series | null = before === null ? device.first : before.next;
      const series = this.#definitions.series(item, guess);
      writer.uint(series.place);
      if (before === null) {
        device.first = series;
      } else {
        before.next = series;
      }
      before = series;
      if (item.kind === "waveform") {
        this.#samples(item, at);
        digest ^= itemDigest(item);
      } else {
        deviceAt = this.#deviceAt(item.deviceAt, deviceAt, at);
        digest ^= this.#value(item, series);
      }
    }
    writer.uint32(digest >>> 0);
    // A copy: the writer's memory is used again for the next take.
    return Buffer.from(writer.finish());
  }

  #text(text: string): void {
    this.#writer.uint(this.#definitions.text(text).place);
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

  /** Writes value and text; gives the digest of the reading. */
  #value(reading: Reading, series: Series): number {
    const { value, text } = reading;
    const writer = this.#writer;
    if (typeof value === "number") {
      const known = this.#definitions.text(text);
      const isSame = Object.is(known.number, value);
      writer.byte(isSame ? VALUE_DECIMAL : VALUE_NUMBER_TEXT);
      if (!isSame) {
        writer.float64(value);
      }
      writer.uint(known.place);
      return this.#digest(reading, series, isSame ? known.word : String(value));
    }
    if (value === null) {
      writer.byte(text === "" ? VALUE_NONE : VALUE_NULL_TEXT);
      if (text !== "") {
        this.#text(text);
      }
      return this.#digest(reading, series, "null");
    }
    writer.byte(value === text ? VALUE_WORD : VALUE_WORD_TEXT);
    this.#text(value);
    if (value !== text) {
      this.#text(text);
    }
    return this.#digest(reading, series, value);
  }

  #digest(reading: Reading, { digest }: Series, word: string): number {
    const { at, deviceAt, text } = reading;
    if (digest === null || !isAscii(word) || !isAscii(text)) {
      return itemDigest(reading);
    }
    if (at !== this.#times.at || deviceAt !== this.#times.deviceAt) {
      this.#times = { ...timesDigest(at, deviceAt), at, deviceAt };
    }
    return digest.digest(word, text, this.#times);
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

function timeOf(item: Item): number {
  return item.kind === "waveform" ? item.start : item.at;
}
