import { ColumnWriter, unreadable } from "../columns.ts";
import type { ColumnReader } from "../columns.ts";
import { WAVE_SAMPLES_MAX } from "../reading.ts";
import { BitReader, BitWriter } from "./bits.ts";
import { TIME_MAX } from "./envelope.ts";
import {
  CODED_MAX,
  codingOf,
  PREDICTORS,
  REACH_MAX,
  reachOf,
  readBlock,
  RICE_MAX,
  writeRests,
} from "./rice.ts";
import type { Coding } from "./rice.ts";

/**
 * The samples of waveforms, as README.md §5 specifies them: what a polynomial through the samples before foretells, and the rest
 * in Rice's code. (The method of Shorten and FLAC: T. Robinson, "SHORTEN: Simple lossless and near-lossless waveform compression",
 * Cambridge 1994; RFC 9639 §9.2.) A block goes on where the one before it with the same key ended. The rests of all blocks follow
 * after all other payloads: what is alike in every block stays together, so that it packs well.
 */
export class WaveWriter {
  readonly #heads: ColumnWriter;
  readonly #rests = new ColumnWriter();
  readonly #bits = new BitWriter(this.#rests);
  readonly #last = new Map<number, Int32Array>();

  /** @param heads gets what is said of each block itself */
  constructor(heads: ColumnWriter) {
    this.#heads = heads;
  }

  /** Writes a block of at least one sample. */
  write(samples: readonly (number | null)[], key: number): void {
    const heads = this.#heads;
    heads.uint(samples.length);
    const holes = holesOf(samples);
    heads.uint(holes.length);
    for (const hole of holes) {
      heads.uint(hole.skip);
      heads.uint(hole.length);
    }
    const present = holes.length === 0 ? samples : samples.filter((sample) => sample !== null);
    if (present.some((sample) => Math.abs(sample ?? 0) > CODED_MAX)) {
      heads.byte(PLAIN);
      writeDifferences(heads, present.map(Number), 0);
      this.#last.delete(key);
      return;
    }
    const before = this.#last.get(key) ?? NONE;
    const all = new Int32Array(before.length + present.length);
    all.set(before);
    for (const [place, sample] of present.entries()) {
      all[before.length + place] = sample ?? 0;
    }
    const coding = codingOf(all, before.length);
    heads.byte(coding.predictor + PLACES * coding.rice);
    writeDifferences(heads, all.subarray(0, reachOf(coding.predictor)), before.length);
    writeRests(this.#bits, coding);
    this.#last.set(key, all.slice(-REACH_MAX));
  }

  get restBytes(): number {
    return this.#rests.length;
  }

  /** The rests of all blocks. Call once, at the end. */
  rests(): Uint8Array {
    this.#bits.end();
    return this.#rests.finish();
  }
}

/** Reads what WaveWriter wrote: first the head of each block, and then all rests. Throws WardError `WARD_OPEN`. */
export class WaveReader {
  readonly #reader: ColumnReader;
  readonly #samplesMax: number;
  readonly #blocks: Block[] = [];
  /** How many samples the next block can build on. */
  readonly #known = new Map<number, number>();
  #count = 0;

  /** @param samplesMax of all blocks together: missing ones cost no bytes */
  constructor(reader: ColumnReader, samplesMax: number) {
    this.#reader = reader;
    this.#samplesMax = samplesMax;
  }

  /** Reads the head of a block, and returns its samples, which are right only after `rests`. */
  head(key: number): (number | null)[] {
    const reader = this.#reader;
    const length = reader.uint("samples", WAVE_SAMPLES_MAX);
    this.#count += length;
    if (length < 1 || this.#count > this.#samplesMax) {
      throw unreadable("samples");
    }
    const samples: (number | null)[] = Array.from({ length }, () => 0);
    const present = length - readHoles(reader, samples);
    const coding = reader.byte("coding", PLAIN);
    if (coding === PLAIN) {
      this.#known.set(key, 0);
      fill(samples, readDifferences(reader, present));
      this.#blocks.push({ key, samples, present, coding: null });
      return samples;
    }
    const predictor = coding % PLACES;
    const rice = Math.floor(coding / PLACES);
    const known = this.#known.get(key) ?? 0;
    const reach = reachOf(predictor);
    if (predictor >= PREDICTORS || rice > RICE_MAX || reach > known + present) {
      throw unreadable("coding");
    }
    const firsts = Array.from({ length: Math.max(0, reach - known) }, () =>
      reader.sint("sample", 2 * CODED_MAX),
    );
    this.#known.set(key, Math.min(REACH_MAX, known + present));
    this.#blocks.push({ key, samples, present, coding: { predictor, rice, firsts } });
    return samples;
  }

  /** Reads the rests of all blocks. */
  rests(): void {
    const bits = new BitReader(this.#reader, "sample");
    const last = new Map<number, Int32Array>();
    for (const { key, samples, present, coding } of this.#blocks) {
      if (coding === null) {
        last.delete(key);
        continue;
      }
      const before = last.get(key) ?? NONE;
      const all = new Int32Array(before.length + present);
      all.set(before);
      readBlock(bits, all, { ...coding, known: before.length });
      fill(samples, all.subarray(before.length));
      last.set(key, all.slice(-REACH_MAX));
    }
    if (!bits.isEnd()) {
      throw unreadable("end of samples");
    }
  }
}

interface Block {
  readonly key: number;
  readonly samples: (number | null)[];
  /** Samples that are not missing. */
  readonly present: number;
  /** How those are to be made from rests; null when they are there. */
  readonly coding: (Coding & { readonly firsts: readonly number[] }) | null;
}

/** Puts the samples that are there into their places. */
function fill(samples: (number | null)[], present: ArrayLike<number>): void {
  let next = 0;
  for (const [place, sample] of samples.entries()) {
    if (sample !== null) {
      samples[place] = present[next] ?? 0;
      next += 1;
    }
  }
}

/** Samples from number `from` on, each as its difference to the one before. */
function writeDifferences(writer: ColumnWriter, samples: ArrayLike<number>, from: number): void {
  for (let place = from; place < samples.length; place += 1) {
    writer.sint((samples[place] ?? 0) - (samples[place - 1] ?? 0));
  }
}

function readDifferences(reader: ColumnReader, count: number): Float64Array {
  const samples = new Float64Array(count);
  let last = 0;
  for (let place = 0; place < count; place += 1) {
    last += reader.sint("sample", 2 * TIME_MAX);
    if (Math.abs(last) > TIME_MAX) {
      throw unreadable("sample");
    }
    samples[place] = last;
  }
  return samples;
}

/** Runs of missing samples: how many present ones come before (since the last run), and how many are missing. */
function holesOf(samples: readonly (number | null)[]): { skip: number; length: number }[] {
  const holes: { skip: number; length: number }[] = [];
  let open: { skip: number; length: number } | null = null;
  let skip = 0;
  for (const sample of samples) {
    if (sample !== null) {
      open = null;
      skip += 1;
    } else if (open === null) {
      open = { skip, length: 1 };
      holes.push(open);
      skip = 0;
    } else {
      open.length += 1;
    }
  }
  return holes;
}

/** Puts null where samples are missing, and returns how many are. */
function readHoles(reader: ColumnReader, samples: (number | null)[]): number {
  const holes = reader.uint("missing samples", samples.length);
  let end = 0;
  let missing = 0;
  for (let hole = 0; hole < holes; hole += 1) {
    const start = end + reader.uint("missing samples", samples.length);
    end = start + reader.uint("missing samples", samples.length);
    if (end > samples.length || end === start) {
      throw unreadable("missing samples");
    }
    samples.fill(null, start, end);
    missing += end - start;
  }
  return missing;
}

/** What a coding multiplies the plain bits by, to make room for the predictor. */
const PLACES = 8;
/** Differences, as they are. */
const PLAIN = 255;
const NONE = new Int32Array();
