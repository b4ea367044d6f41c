import { ColumnReader } from "../columns.ts";
import { CLASSES, CLOCK_QUALITIES, TAKE_ITEMS_MAX, WAVE_SAMPLES_MAX } from "../reading.ts";
import type { ClassName, ClockQuality, Item, Notice, Reading, Take, Waveform } from "../reading.ts";
import { HeardDefinitions, type Source } from "./heard-definitions.ts";
import {
  CLOCK_FACTOR,
  DEFINITIONS_BYTES_MAX,
  DEVICE_AT_FLOAT,
  DEVICE_AT_NEAR,
  DEVICE_AT_NONE,
  DEVICE_AT_SAME,
  FLAG_FORGET,
  noTakes,
  TAKES_MAX,
  VALUE_DECIMAL,
  VALUE_NONE,
  VALUE_NULL_TEXT,
  VALUE_NUMBER_TEXT,
  VALUE_WORD,
  VALUE_WORD_TEXT,
} from "./take-form.ts";

/**
 * Reads what TakeMessages wrote over one link: the same takes, field for field. It trusts nothing: whatever the bytes, it gives
 * well-formed takes or throws WardError `WARD_ROOM_MESSAGE`, after which the link is of no use any more.
 */
export class TakeReader {
  readonly #heard = new HeardDefinitions();

  read(bytes: Uint8Array): Take[] {
    const reader = new ColumnReader(bytes, noTakes);
    if (reader.byte("flags", FLAG_FORGET) === FLAG_FORGET) {
      this.#heard.forget();
    }
    const definitions = reader.count("definitions", DEFINITIONS_BYTES_MAX);
    const end = reader.position + definitions;
    while (reader.position < end) {
      this.#heard.define(reader);
    }
    if (reader.position !== end) {
      throw noTakes("definitions");
    }
    const count = reader.count("number of takes", TAKES_MAX);
    const takes: Take[] = [];
    for (let place = 0; place < count; place += 1) {
      takes.push(this.#take(reader));
    }
    reader.end();
    return takes;
  }

  #take(reader: ColumnReader): Take {
    const { device, boot } = this.#heard.device(reader);
    const kind = reader.byte(
      "class",
      CLASSES.length - 1 + CLOCK_FACTOR * (CLOCK_QUALITIES.length - 1),
    );
    const name = CLASSES[kind % CLOCK_FACTOR];
    const clock = CLOCK_QUALITIES[Math.floor(kind / CLOCK_FACTOR)];
    if (name === undefined || clock === undefined) {
      throw noTakes("class");
    }
    const take = reader.uint("take", Number.MAX_SAFE_INTEGER);
    const at = reader.uint("time", TIME_MAX);
    if (take < 1) {
      throw noTakes("take");
    }
    const count = reader.count("items", TAKE_ITEMS_MAX);
    const items = this.#items(reader, name, count, { device, boot, take, at, clock });
    return { device, boot, take, class: name, digest: reader.uint32("digest"), items };
  }

  #items(reader: ColumnReader, name: ClassName, count: number, head: Head): Item[] {
    if (count < 1) {
      throw noTakes("items");
    }
    const items: Item[] = [];
    let deviceAt: number | null = null;
    for (let index = 0; index < count; index += 1) {
      if (name === "notice") {
        items.push(this.#notice(reader, head, index));
      } else if (name === "wave") {
        items.push(this.#waveform(reader, head, index));
      } else {
        const reading = this.#reading(reader, head, index, deviceAt);
        deviceAt = reading.deviceAt ?? deviceAt;
        items.push(reading);
      }
    }
    return items;
  }

  #reading(reader: ColumnReader, head: Head, index: number, before: number | null): Reading {
    const { code, mdc, unit, path, quality } = this.#heard.series(reader, false);
    const { device, boot, take, at, clock } = head;
    const deviceAt = readDeviceAt(reader, before, at);
    const form = reader.byte("value", VALUE_NUMBER_TEXT);
    let value: number | string | null = null;
    let text = "";
    switch (form) {
      case VALUE_NONE:
        break;
      case VALUE_NULL_TEXT:
        text = this.#heard.text(reader).text;
        break;
      case VALUE_WORD:
        text = this.#heard.text(reader).text;
        value = text;
        break;
      case VALUE_WORD_TEXT:
        value = this.#heard.text(reader).text;
        text = this.#heard.text(reader).text;
        break;
      case VALUE_DECIMAL: {
        const said = this.#heard.text(reader);
        text = said.text;
        value = said.number;
        if (Number.isNaN(value)) {
          throw noTakes("value");
        }
        break;
      }
      default:
        value = reader.float64("value");
        text = this.#heard.text(reader).text;
    }
    return {
      kind: "reading",
      device,
      boot,
      take,
      index,
      code,
      mdc,
      value,
      text,
      unit,
      at,
      clock,
      deviceAt,
      quality,
      path,
    };
  }

  #waveform(reader: ColumnReader, head: Head, index: number): Waveform {
    const { code, mdc, unit, path, quality, wave } = this.#heard.series(reader, true);
    const { device, boot, take, at, clock } = head;
    const start = at + reader.sint("start", TIME_MAX);
    const gap = reader.byte("gap", 1) === 1;
    const count = reader.count("samples", WAVE_SAMPLES_MAX);
    if (wave === null || !isTime(start) || count < 1) {
      throw noTakes("waveform");
    }
    const samples = readSamples(reader, count);
    const { period, scale, offset } = wave;
    return {
      kind: "waveform",
      device,
      boot,
      take,
      index,
      code,
      mdc,
      unit,
      start,
      clock,
      period,
      scale,
      offset,
      samples,
      gap,
      quality,
      path,
    };
  }

  #notice(reader: ColumnReader, { device, boot, take, at, clock }: Head, index: number): Notice {
    const notice = this.#heard.text(reader).text;
    const text = this.#heard.text(reader).text;
    const hasSince = reader.byte("since", 1) === 1;
    const since = hasSince ? at + reader.sint("since", TIME_MAX) : null;
    if (notice === "" || notice.length > CODE_CHARS_MAX || (since !== null && !isTime(since))) {
      throw noTakes("notice");
    }
    return { kind: "notice", device, boot, take, index, notice, text, at, clock, since };
  }
}

interface Head extends Source {
  readonly take: number;
  readonly at: number;
  readonly clock: ClockQuality;
}

const TIME_MAX: number = 2 ** 52;
const CODE_CHARS_MAX = 128;

function isTime(value: number): boolean {
  return value >= 0 && value <= TIME_MAX;
}

function readDeviceAt(reader: ColumnReader, before: number | null, at: number): number | null {
  switch (reader.byte("device time", DEVICE_AT_FLOAT)) {
    case DEVICE_AT_NONE:
      return null;
    case DEVICE_AT_SAME:
      if (before === null) {
        throw noTakes("device time");
      }
      return before;
    case DEVICE_AT_NEAR:
      return at + reader.sint("device time", Number.MAX_SAFE_INTEGER);
    default:
      return reader.float64("device time");
  }
}

function readSamples(reader: ColumnReader, count: number): (number | null)[] {
  const some = reader.byte("samples", 1) === 1;
  const samples: (number | null)[] = [];
  let last = 0;
  for (let place = 0; place < count; place += 1) {
    if (some && reader.byte("sample", 1) === 0) {
      samples.push(null);
      continue;
    }
    last += reader.sint("sample", Number.MAX_SAFE_INTEGER);
    if (!Number.isSafeInteger(last)) {
      throw noTakes("sample");
    }
    samples.push(last);
  }
  return samples;
}
