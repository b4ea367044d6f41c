import { ColumnReader } from "../columns.ts";
import {
  CLASSES,
  CLOCK_QUALITIES,
  isDeviceId,
  QUALITIES,
  TAKE_ITEMS_MAX,
  WAVE_SAMPLES_MAX,
} from "../reading.ts";
import type {
  ClassName,
  ClockQuality,
  Item,
  Notice,
  Quality,
  Reading,
  Take,
  Waveform,
} from "../reading.ts";
import {
  CLOCK_FACTOR,
  DEFINE_DEVICE,
  DEFINE_READINGS,
  DEFINE_TEXT,
  DEFINE_WAVEFORMS,
  DEFINITIONS_BYTES_MAX,
  DEVICE_AT_FLOAT,
  DEVICE_AT_NEAR,
  DEVICE_AT_NONE,
  DEVICE_AT_SAME,
  FLAG_FORGET,
  noTakes,
  TABLE_MAX,
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
  readonly #texts: Text[] = [];
  readonly #devices: Source[] = [];
  readonly #series: Series[] = [];

  read(bytes: Uint8Array): Take[] {
    const reader = new ColumnReader(bytes, noTakes);
    if (reader.byte("flags", FLAG_FORGET) === FLAG_FORGET) {
      this.#forget();
    }
    const definitions = reader.count("definitions", DEFINITIONS_BYTES_MAX);
    const end = reader.position + definitions;
    while (reader.position < end) {
      this.#define(reader);
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

  #forget(): void {
    this.#texts.length = 0;
    this.#devices.length = 0;
    this.#series.length = 0;
  }

  #define(reader: ColumnReader): void {
    switch (reader.byte("definition", DEFINE_WAVEFORMS)) {
      case DEFINE_TEXT:
        add(this.#texts, readText(reader));
        break;
      case DEFINE_DEVICE:
        add(this.#devices, this.#newDevice(reader));
        break;
      case DEFINE_READINGS:
        add(this.#series, this.#newSeries(reader, false));
        break;
      default:
        add(this.#series, this.#newSeries(reader, true));
    }
  }

  #take(reader: ColumnReader): Take {
    const { device, boot } = entry(this.#devices, reader, "device");
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

  #newDevice(reader: ColumnReader): Source {
    const source = { device: this.#text(reader).text, boot: this.#text(reader).text };
    if (!isDeviceId(source.device) || !BOOT.test(source.boot)) {
      throw noTakes("device");
    }
    return source;
  }

  #text(reader: ColumnReader): Text {
    return entry(this.#texts, reader, "text");
  }

  #seriesOf(reader: ColumnReader, isWave: boolean): Series {
    const series = entry(this.#series, reader, "series");
    if ((series.wave !== null) !== isWave) {
      throw noTakes("series");
    }
    return series;
  }

  #newSeries(reader: ColumnReader, isWave: boolean): Series {
    const code = this.#text(reader).text;
    const mdc = reader.uint("mdc", MDC_MAX + 1);
    const unit = this.#text(reader).text;
    const path = this.#text(reader).text;
    if (code === "" || code.length > CODE_CHARS_MAX || unit.length > UNIT_CHARS_MAX) {
      throw noTakes("series");
    }
    if (path.length > PATH_CHARS_MAX) {
      throw noTakes("series");
    }
    const quality = readQuality(reader);
    const wave = isWave ? readScale(reader) : null;
    return { code, mdc: mdc === 0 ? null : mdc - 1, unit, path, quality, wave };
  }

  #reading(reader: ColumnReader, head: Head, index: number, before: number | null): Reading {
    const { code, mdc, unit, path, quality } = this.#seriesOf(reader, false);
    const { device, boot, take, at, clock } = head;
    const deviceAt = readDeviceAt(reader, before, at);
    const form = reader.byte("value", VALUE_NUMBER_TEXT);
    let value: number | string | null = null;
    let text = "";
    switch (form) {
      case VALUE_NONE:
        break;
      case VALUE_NULL_TEXT:
        text = this.#text(reader).text;
        break;
      case VALUE_WORD:
        text = this.#text(reader).text;
        value = text;
        break;
      case VALUE_WORD_TEXT:
        value = this.#text(reader).text;
        text = this.#text(reader).text;
        break;
      case VALUE_DECIMAL: {
        const said = this.#text(reader);
        text = said.text;
        value = said.number;
        if (Number.isNaN(value)) {
          throw noTakes("value");
        }
        break;
      }
      default:
        value = reader.float64("value");
        text = this.#text(reader).text;
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
    const { code, mdc, unit, path, quality, wave } = this.#seriesOf(reader, true);
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
    const notice = this.#text(reader).text;
    const text = this.#text(reader).text;
    const hasSince = reader.byte("since", 1) === 1;
    const since = hasSince ? at + reader.sint("since", TIME_MAX) : null;
    if (notice === "" || notice.length > CODE_CHARS_MAX || (since !== null && !isTime(since))) {
      throw noTakes("notice");
    }
    return { kind: "notice", device, boot, take, index, notice, text, at, clock, since };
  }
}

interface Source {
  readonly device: string;
  readonly boot: string;
}

interface Head extends Source {
  readonly take: number;
  readonly at: number;
  readonly clock: ClockQuality;
}

interface Text {
  readonly text: string;
  readonly number: number;
}

interface Scale {
  readonly period: Waveform["period"];
  readonly scale: number;
  readonly offset: number;
}

interface Series {
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  readonly path: string;
  readonly quality: readonly Quality[];
  readonly wave: Scale | null;
}

const BOOT = /^[0-9a-f]{16}$/;
const TIME_MAX: number = 2 ** 52;
const MDC_MAX = 0xff_ff_ff_ff;
const TEXT_CHARS_MAX = 512;
const TEXT_BYTES_MAX = 3 * TEXT_CHARS_MAX;
const CODE_CHARS_MAX = 128;
const UNIT_CHARS_MAX = 64;
const PATH_CHARS_MAX = 128;
/** Samples or milliseconds in the ratio of a period, at most: one day. */
const PERIOD_MAX = 86_400_000;
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function add<Entry>(table: Entry[], made: Entry): void {
  if (table.length >= TABLE_MAX) {
    throw noTakes("table: it has too many entries");
  }
  table.push(made);
}

function entry<Entry>(table: readonly Entry[], reader: ColumnReader, what: string): Entry {
  const found = table[reader.uint(what, TABLE_MAX)];
  if (found === undefined) {
    throw noTakes(what);
  }
  return found;
}

function readText(reader: ColumnReader): Text {
  const text = textOf(reader.raw("text", reader.uint("text", TEXT_BYTES_MAX)));
  if (text.length > TEXT_CHARS_MAX) {
    throw noTakes("text");
  }
  return { text, number: text === "" ? Number.NaN : Number(text) };
}

function isTime(value: number): boolean {
  return value >= 0 && value <= TIME_MAX;
}

function textOf(bytes: Uint8Array): string {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw noTakes("text");
  }
}

/** Frozen, because all readings of a series share it. */
function readQuality(reader: ColumnReader): readonly Quality[] {
  const count = reader.count("quality", QUALITIES.length);
  const quality: Quality[] = [];
  for (let place = 0; place < count; place += 1) {
    const word = QUALITIES[reader.byte("quality", QUALITIES.length - 1)];
    if (word === undefined) {
      throw noTakes("quality");
    }
    quality.push(word);
  }
  if (count < 1) {
    throw noTakes("quality");
  }
  return Object.freeze(quality);
}

function readScale(reader: ColumnReader): Scale {
  const ms = reader.float64("period");
  const samples = reader.float64("period");
  const scale = reader.float64("scale");
  const offset = reader.float64("offset");
  if (!isPeriodPart(ms) || !isPeriodPart(samples)) {
    throw noTakes("period");
  }
  return { period: Object.freeze({ ms, samples }), scale, offset };
}

function isPeriodPart(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= PERIOD_MAX;
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
