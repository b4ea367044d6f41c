import { CLOCK_QUALITIES, QUALITIES, TAKE_ITEMS_MAX } from "../reading.ts";
import type { ClockQuality, Quality, Waveform } from "../reading.ts";
import {
  baseKey,
  BATCH_SAMPLES_MAX,
  BATCH_VERSION,
  FLAG_DEVICE_AT,
  FORM_DECIMAL,
  FORM_NONE,
  FORM_NULL_TEXT,
  FORM_NUMBER_TEXT,
  FORM_WORD_TEXT,
  GROUP_FLAGS,
} from "./batch.ts";
import { ColumnReader, readStrings, unreadable } from "../columns.ts";
import { DECIMALS_MAX, MANTISSA_MAX, ZEROS_MAX } from "./decimal.ts";
import { RECORD_ITEMS_MAX, TIME_MAX } from "./envelope.ts";
import { MDC_MAX, QUALITY_MAX } from "./sealable.ts";
import { KINDS } from "./series.ts";
import { pick, readList, readSources } from "./sources.ts";
import type { Source, TextReader } from "./sources.ts";
import { WaveReader } from "./wave-samples.ts";

/**
 * The items of a batch as they lie in it, column by column: no object per item. Item i belongs to the group that holds
 * place i when the groups' counts are added up, and to series `places[i]`.
 */
export interface ItemColumns {
  readonly count: number;
  readonly sources: readonly Source[];
  readonly series: readonly Series[];
  readonly groups: readonly ItemGroup[];
  readonly places: Uint16Array;
  /** Mantissa or value of a reading, by the form of its series; `since` of a notice, NaN when it has none. */
  readonly numbers: Float64Array;
  /** Text of readings whose form says so, and of notices; only where there is one. */
  readonly texts: readonly (string | undefined)[];
  /** Word of a reading whose text is another one. */
  readonly words: readonly (string | undefined)[];
  readonly samples: readonly ((number | null)[] | undefined)[];
}

/** Items that follow each other with the same take, time and clock. */
export interface ItemGroup {
  readonly source: Source;
  readonly sourcePlace: number;
  readonly take: number;
  /** Gateway time, epoch milliseconds. */
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

export interface ReadingSeries extends SeriesCommon {
  readonly kind: "reading";
  readonly form: number;
}

/** What all items of one series have in common. */
export type Series =
  | ReadingSeries
  | (SeriesCommon & {
      readonly kind: "waveform";
      readonly period: Waveform["period"];
      readonly scale: number;
      readonly offset: number;
      readonly gap: boolean;
    })
  | { readonly kind: "notice"; readonly index: number; readonly notice: string };

/** Reads what `encodeItems` wrote, without making items of it. Throws WardError `WARD_OPEN`. */
export function decodeColumns(bytes: Uint8Array): ItemColumns {
  const reader = new ColumnReader(bytes);
  if (reader.byte("batch version", BATCH_VERSION) !== BATCH_VERSION) {
    throw unreadable("batch version");
  }
  const text = readStrings(reader);
  const sources = readSources(reader, text);
  const series = readList(reader, "series", () => readSeries(reader, text));
  const groups = readGroups(reader, sources);
  const places = readPlaces(reader, groups, series.length);
  const payload = new PayloadReader(reader, text, places.length);
  let item = 0;
  for (const group of groups) {
    for (let count = 0; count < group.count; count += 1) {
      payload.next(item, group, pick(series, places[item] ?? 0), places[item] ?? 0);
      item += 1;
    }
  }
  payload.rests();
  reader.end();
  const { numbers, texts, words, samples } = payload;
  return { count: item, sources, series, groups, places, numbers, texts, words, samples };
}

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

function readGroups(reader: ColumnReader, sources: readonly Source[]): ItemGroup[] {
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

function readPlaces(
  reader: ColumnReader,
  groups: readonly ItemGroup[],
  seriesCount: number,
): Uint16Array {
  let count = 0;
  for (const group of groups) {
    count += group.count;
  }
  if (count < 1 || count > RECORD_ITEMS_MAX || groups.some((group) => group.count < 1)) {
    throw unreadable("number of items");
  }
  return readSeriesColumn(reader, count, seriesCount);
}

/** Runs of items whose series is the one that followed last time, each run but the last ended by one that is not. */
function readSeriesColumn(reader: ColumnReader, count: number, seriesCount: number): Uint16Array {
  const places = new Uint16Array(count);
  /** For each series the one that followed it last, plus one; 0 for none. */
  const followers = new Uint16Array(seriesCount);
  let last = -1;
  const note = (item: number, place: number): void => {
    places[item] = place;
    if (last >= 0) {
      followers[last] = place + 1;
    }
    last = place;
  };
  let done = 0;
  while (done < count) {
    const end = done + reader.uint("series", count - done);
    for (; done < end; done += 1) {
      const follower = last < 0 ? 0 : (followers[last] ?? 0);
      if (follower === 0) {
        throw unreadable("series");
      }
      note(done, follower - 1);
    }
    if (done < count) {
      const place = reader.uint("series", RECORD_ITEMS_MAX);
      if (place >= seriesCount) {
        throw unreadable("reference");
      }
      note(done, place);
      done += 1;
    }
  }
  return places;
}

/** Reads what is different in every item. */
class PayloadReader {
  readonly numbers: Float64Array;
  readonly texts: string[] = [];
  readonly words: string[] = [];
  readonly samples: (number | null)[][] = [];
  readonly #reader: ColumnReader;
  readonly #text: TextReader;
  readonly #bases = new Map<number, number>();
  readonly #waves: WaveReader;

  constructor(reader: ColumnReader, text: TextReader, count: number) {
    this.#reader = reader;
    this.#text = text;
    this.numbers = new Float64Array(count);
    this.#waves = new WaveReader(reader, BATCH_SAMPLES_MAX);
  }

  /** Reads what comes after all payloads. */
  rests(): void {
    this.#waves.rests();
  }

  next(item: number, group: ItemGroup, series: Series, seriesPlace: number): void {
    if (series.kind === "reading") {
      this.#reading(item, series.form, baseKey(group.sourcePlace, seriesPlace));
      return;
    }
    if (group.deviceAt !== null) {
      throw unreadable("device time");
    }
    if (series.kind === "waveform") {
      this.samples[item] = this.#waves.head(baseKey(group.sourcePlace, seriesPlace));
    } else {
      this.texts[item] = this.#text(this.#reader, "text");
      this.numbers[item] = this.#since(group.at);
    }
  }

  #reading(item: number, form: number, key: number): void {
    const reader = this.#reader;
    if (form >= FORM_DECIMAL) {
      const mantissa = (this.#bases.get(key) ?? 0) + reader.sint("value", 2 * MANTISSA_MAX);
      if (Math.abs(mantissa) > MANTISSA_MAX) {
        throw unreadable("value");
      }
      this.#bases.set(key, mantissa);
      this.numbers[item] = mantissa;
      return;
    }
    if (form === FORM_NUMBER_TEXT) {
      this.numbers[item] = reader.float64("value");
    } else if (form === FORM_WORD_TEXT) {
      this.words[item] = this.#text(reader, "value");
    }
    if (form !== FORM_NONE) {
      this.texts[item] = this.#text(reader, form === FORM_NULL_TEXT ? "text" : "value");
    }
  }

  #since(at: number): number {
    if (this.#reader.byte("since", 1) === 0) {
      return Number.NaN;
    }
    const since = at + this.#reader.sint("since", 2 * TIME_MAX);
    if (Math.abs(since) > TIME_MAX) {
      throw unreadable("since");
    }
    return since;
  }
}
