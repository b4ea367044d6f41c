import type { ColumnReader } from "../columns.ts";
import { isDeviceId, QUALITIES } from "../reading.ts";
import type { Quality, Waveform } from "../reading.ts";
import {
  DEFINE_DEVICE,
  DEFINE_READINGS,
  DEFINE_TEXT,
  DEFINE_WAVEFORMS,
  noTakes,
  TABLE_MAX,
} from "./take-form.ts";

/** What the other side of a link has defined so far; each entry is read by its place. Throws WardError `WARD_ROOM_MESSAGE`. */
export class HeardDefinitions {
  readonly #texts: Text[] = [];
  readonly #devices: Source[] = [];
  readonly #series: Series[] = [];

  forget(): void {
    this.#texts.length = 0;
    this.#devices.length = 0;
    this.#series.length = 0;
  }

  define(reader: ColumnReader): void {
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

  text(reader: ColumnReader): Text {
    return entry(this.#texts, reader, "text");
  }

  device(reader: ColumnReader): Source {
    return entry(this.#devices, reader, "device");
  }

  series(reader: ColumnReader, isWave: boolean): Series {
    const series = entry(this.#series, reader, "series");
    if ((series.wave !== null) !== isWave) {
      throw noTakes("series");
    }
    return series;
  }

  #newDevice(reader: ColumnReader): Source {
    const source = { device: this.text(reader).text, boot: this.text(reader).text };
    if (!isDeviceId(source.device) || !BOOT.test(source.boot)) {
      throw noTakes("device");
    }
    return source;
  }

  #newSeries(reader: ColumnReader, isWave: boolean): Series {
    const code = this.text(reader).text;
    const mdc = reader.uint("mdc", MDC_MAX + 1);
    const unit = this.text(reader).text;
    const path = this.text(reader).text;
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
}

export interface Source {
  readonly device: string;
  readonly boot: string;
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
