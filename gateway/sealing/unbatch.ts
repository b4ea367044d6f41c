import { CLOCK_QUALITIES, QUALITIES, TAKE_ITEMS_MAX, WAVE_SAMPLES_MAX } from "../reading.ts";
import type { ClockQuality, Item, Quality, Reading, Waveform } from "../reading.ts";
import {
  baseKey,
  BATCH_SAMPLES_MAX,
  BATCH_VERSION,
  FLAG_DEVICE_AT,
  FORM_DECIMAL,
  FORM_NONE,
  FORM_NULL_TEXT,
  FORM_NUMBER_TEXT,
  FORM_WORD,
  FORM_WORD_TEXT,
  GROUP_FLAGS,
} from "./batch.ts";
import { ColumnReader, readStrings, unreadable } from "../columns.ts";
import { DECIMALS_MAX, decimalText, decimalValue, MANTISSA_MAX, ZEROS_MAX } from "./decimal.ts";
import { RECORD_ITEMS_MAX, TIME_MAX } from "./envelope.ts";
import { MDC_MAX, QUALITY_MAX } from "./sealable.ts";
import { KINDS } from "./series.ts";
import { pick, readList, readSources } from "./sources.ts";
import type { Source, TextReader } from "./sources.ts";

/** Reads what `encodeItems` wrote: the same items, field for field. Throws WardError `WARD_OPEN`. */
export function decodeItems(bytes: Uint8Array): Item[] {
  const reader = new ColumnReader(bytes);
  if (reader.byte("batch version", BATCH_VERSION) !== BATCH_VERSION) {
    throw unreadable("batch version");
  }
  const text = readStrings(reader);
  const sources = readSources(reader, text);
  const series = readList(reader, "series", () => readSeries(reader, text));
  const groups = readGroups(reader, sources);
  const payload = new PayloadReader(reader, text, readPlaces(reader, groups), series);
  const items: Item[] = [];
  for (const group of groups) {
    for (let count = 0; count < group.count; count += 1) {
      items.push(payload.next(group));
    }
  }
  reader.end();
  return items;
}

interface Group {
  readonly source: Source;
  readonly sourcePlace: number;
  readonly take: number;
  readonly at: number;
  readonly clock: ClockQuality;
  readonly deviceAt: number | null;
  readonly count: number;
}

interface SeriesCommon {
  readonly index: number;
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  readonly path: string;
  readonly quality: readonly Quality[];
}

type Series =
  | (SeriesCommon & { readonly kind: "reading"; readonly form: number })
  | (SeriesCommon & {
      readonly kind: "waveform";
      readonly period: Waveform["period"];
      readonly scale: number;
      readonly offset: number;
      readonly gap: boolean;
    })
  | { readonly kind: "notice"; readonly index: number; readonly notice: string };

function readSeries(reader: ColumnReader, text: TextReader): Series {
  const kind = pick(KINDS, reader.byte("kind", KINDS.length - 1));
  const index = reader.byte("index", TAKE_ITEMS_MAX - 1);
  if (kind === "notice") {
    return { kind, index, notice: text(reader, "notice") };
  }
  const code = text(reader, "code");
  const mdc = reader.uint("mdc", MDC_MAX + 1);
  const common: SeriesCommon = {
    index,
    code,
    mdc: mdc === 0 ? null : mdc - 1,
    unit: text(reader, "unit"),
    path: text(reader, "path"),
    quality: readQuality(reader),
  };
  if (kind === "reading") {
    return { kind, ...common, form: readForm(reader) };
  }
  const period = { ms: reader.float64("period"), samples: reader.float64("period") };
  if (period.ms <= 0 || period.samples <= 0) {
    throw unreadable("period");
  }
  return {
    kind,
    ...common,
    period,
    scale: reader.float64("scale"),
    offset: reader.float64("offset"),
    gap: reader.byte("gap", 1) === 1,
  };
}

function readQuality(reader: ColumnReader): readonly Quality[] {
  const count = reader.uint("quality", QUALITY_MAX);
  const quality: Quality[] = [];
  for (let place = 0; place < count; place += 1) {
    quality.push(pick(QUALITIES, reader.byte("quality", QUALITIES.length - 1)));
  }
  return quality;
}

function readForm(reader: ColumnReader): number {
  const form = reader.uint("form", FORM_DECIMAL + (ZEROS_MAX + 1) * (DECIMALS_MAX + 1) - 1);
  if (form > FORM_NUMBER_TEXT && form < FORM_DECIMAL) {
    throw unreadable("form");
  }
  return form;
}

function readGroups(reader: ColumnReader, sources: readonly Source[]): Group[] {
  const count = reader.count("groups", RECORD_ITEMS_MAX);
  const column = <T>(readOne: (place: number) => T): T[] =>
    Array.from({ length: count }, (_, place) => readOne(place));
  const places = column(() => reader.uint("source", sources.length));
  const takeOf = makeDifferences(reader, "take", 0);
  const takes = column((place) => takeOf(pick(places, place)));
  const timeOf = makeDifferences(reader, "time", 0);
  const times = column(() => timeOf(0));
  const counts = column(() => reader.uint("items of a group", GROUP_FLAGS * RECORD_ITEMS_MAX));
  const deviceTimeOf = makeDifferences(reader, "device time", -TIME_MAX);
  const deviceTimes = column((place) =>
    pick(counts, place) % GROUP_FLAGS < FLAG_DEVICE_AT ? null : deviceTimeOf(pick(places, place)),
  );
  return column((place) => ({
    source: pick(sources, pick(places, place)),
    sourcePlace: pick(places, place),
    take: pick(takes, place),
    at: pick(times, place),
    clock: pick(CLOCK_QUALITIES, pick(counts, place) % FLAG_DEVICE_AT),
    deviceAt: pick(deviceTimes, place),
    count: Math.floor(pick(counts, place) / GROUP_FLAGS),
  }));
}

/** Reads differences, each to the last one with the same key; the sums stay from `minimum` to TIME_MAX. */
function makeDifferences(
  reader: ColumnReader,
  what: string,
  minimum: number,
): (key: number) => number {
  const last = new Map<number, number>();
  return (key) => {
    const sum = (last.get(key) ?? 0) + reader.sint(what, Number.MAX_SAFE_INTEGER);
    if (sum < minimum || sum > TIME_MAX) {
      throw unreadable(what);
    }
    last.set(key, sum);
    return sum;
  };
}

function readPlaces(reader: ColumnReader, groups: readonly Group[]): readonly number[] {
  let count = 0;
  for (const group of groups) {
    count += group.count;
  }
  if (count < 1 || count > RECORD_ITEMS_MAX || groups.some((group) => group.count < 1)) {
    throw unreadable("number of items");
  }
  return readSeriesColumn(reader, count);
}

/** Runs of items whose series is the one that followed last time, each run but the last ended by one that is not. */
function readSeriesColumn(reader: ColumnReader, count: number): number[] {
  const places: number[] = [];
  const followers = new Map<number, number>();
  let last = -1;
  const add = (place: number): void => {
    places.push(place);
    followers.set(last, place);
    last = place;
  };
  while (places.length < count) {
    const expected = reader.uint("series", count - places.length);
    for (let item = 0; item < expected; item += 1) {
      const place = last < 0 ? undefined : followers.get(last);
      if (place === undefined) {
        throw unreadable("series");
      }
      add(place);
    }
    if (places.length < count) {
      add(reader.uint("series", RECORD_ITEMS_MAX));
    }
  }
  return places;
}

/** Puts items together again, one after the other. */
class PayloadReader {
  readonly #reader: ColumnReader;
  readonly #text: TextReader;
  readonly #places: readonly number[];
  readonly #series: readonly Series[];
  readonly #bases = new Map<number, number>();
  #done = 0;
  #samples = 0;

  constructor(
    reader: ColumnReader,
    text: TextReader,
    places: readonly number[],
    series: readonly Series[],
  ) {
    this.#reader = reader;
    this.#text = text;
    this.#places = places;
    this.#series = series;
  }

  next(group: Group): Item {
    const place = pick(this.#places, this.#done);
    const series = pick(this.#series, place);
    this.#done += 1;
    if (series.kind !== "reading" && group.deviceAt !== null) {
      throw unreadable("device time");
    }
    const identity = { ...group.source, take: group.take, index: series.index };
    switch (series.kind) {
      case "reading":
        return {
          kind: "reading",
          ...identity,
          code: series.code,
          mdc: series.mdc,
          ...this.#value(series.form, baseKey(group.sourcePlace, place)),
          unit: series.unit,
          at: group.at,
          clock: group.clock,
          deviceAt: group.deviceAt,
          quality: series.quality,
          path: series.path,
        };
      case "waveform":
        return {
          kind: "waveform",
          ...identity,
          code: series.code,
          mdc: series.mdc,
          unit: series.unit,
          start: group.at,
          clock: group.clock,
          period: series.period,
          scale: series.scale,
          offset: series.offset,
          samples: this.#block(),
          gap: series.gap,
          quality: series.quality,
          path: series.path,
        };
      case "notice":
        return {
          kind: "notice",
          ...identity,
          notice: series.notice,
          text: this.#text(this.#reader, "text"),
          at: group.at,
          clock: group.clock,
          since: this.#since(group.at),
        };
    }
  }

  #value(form: number, key: number): Pick<Reading, "value" | "text"> {
    const reader = this.#reader;
    switch (form) {
      case FORM_NONE:
        return { value: null, text: "" };
      case FORM_NULL_TEXT:
        return { value: null, text: this.#text(reader, "text") };
      case FORM_WORD: {
        const value = this.#text(reader, "value");
        return { value, text: value };
      }
      case FORM_WORD_TEXT: {
        const value = this.#text(reader, "value");
        return { value, text: this.#text(reader, "text") };
      }
      case FORM_NUMBER_TEXT: {
        const value = reader.float64("value");
        return { value, text: this.#text(reader, "text") };
      }
      default:
        return this.#decimal(form, key);
    }
  }

  #decimal(form: number, key: number): Pick<Reading, "value" | "text"> {
    const mantissa = (this.#bases.get(key) ?? 0) + this.#reader.sint("value", 2 * MANTISSA_MAX);
    if (Math.abs(mantissa) > MANTISSA_MAX) {
      throw unreadable("value");
    }
    this.#bases.set(key, mantissa);
    const decimal = {
      mantissa,
      decimals: (form - FORM_DECIMAL) % (DECIMALS_MAX + 1),
      zeros: Math.floor((form - FORM_DECIMAL) / (DECIMALS_MAX + 1)),
    };
    return { value: decimalValue(decimal), text: decimalText(decimal) };
  }

  #since(at: number): number | null {
    if (this.#reader.byte("since", 1) === 0) {
      return null;
    }
    const since = at + this.#reader.sint("since", 2 * TIME_MAX);
    if (Math.abs(since) > TIME_MAX) {
      throw unreadable("since");
    }
    return since;
  }

  #block(): (number | null)[] {
    const reader = this.#reader;
    const length = reader.uint("samples", WAVE_SAMPLES_MAX);
    this.#samples += length;
    if (length < 1 || this.#samples > BATCH_SAMPLES_MAX) {
      throw unreadable("samples");
    }
    const samples: (number | null)[] = Array.from({ length }, () => 0);
    this.#holes(samples);
    let last = 0;
    for (const [place, sample] of samples.entries()) {
      if (sample !== null) {
        last += reader.sint("sample", 2 * TIME_MAX);
        if (Math.abs(last) > TIME_MAX) {
          throw unreadable("sample");
        }
        samples[place] = last;
      }
    }
    return samples;
  }

  #holes(samples: (number | null)[]): void {
    const reader = this.#reader;
    const holes = reader.uint("missing samples", samples.length);
    let end = 0;
    for (let hole = 0; hole < holes; hole += 1) {
      const start = end + reader.uint("missing samples", samples.length);
      end = start + reader.uint("missing samples", samples.length);
      if (end > samples.length || end === start) {
        throw unreadable("missing samples");
      }
      samples.fill(null, start, end);
    }
  }
}
