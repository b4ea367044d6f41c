import type { BadBytes, Frame, Measured, MeasuredWave, Output } from "../device.ts";
import type { Quality } from "../../reading.ts";
import type { CodeRow } from "./code-table.ts";
import type { RealtimeStream } from "./realtime-offer.ts";
import { REALTIME } from "./realtime-offer.ts";
import type { RealtimeRecord } from "./realtime-records.ts";

/** A selected stream: what the device offered, and that it sends every `multiplier`th sample. */
export interface SelectedStream {
  readonly stream: RealtimeStream;
  readonly multiplier: number;
}

/**
 * Collects the values of realtime records into waveform blocks of about half a second. What a stream is, only the selection tells that
 * the device was given (54H): records of an unknown selection give no samples. A value that is left out although its time has
 * come is a missing sample; samples after lost records or a pause start a new block that is marked with a gap.
 */
export class WaveBlocks {
  #streams: readonly Collected[] = [];
  /** Curves of which blocks were given: the next block of such a one, after a new selection, has a gap before it. */
  readonly #given = new Set<number>();
  /** All streams have the same period, so that each record is one period and has all their values. */
  #isEven = false;
  #recordAt: number | null = null;
  #unknown = 0;

  /** The device was told to send these streams, in this order; none when nothing is known. Gives what was collected so far. */
  select(selected: readonly SelectedStream[], at: number, quality: Quality): Output[] {
    const outputs = this.flush(at, quality);
    for (const { code, isGiven } of this.#streams) {
      if (isGiven) {
        this.#given.add(code);
      }
    }
    this.#streams = selected.map(
      (choice) => new Collected(choice, this.#given.has(choice.stream.code)),
    );
    const [first] = this.#streams;
    this.#isEven = this.#streams.every(({ periodUs }) => periodUs === first?.periodUs);
    this.#recordAt = null;
    return outputs;
  }

  push(record: RealtimeRecord, at: number, quality: Quality, outputs: Output[]): void {
    if (record.gap) {
      outputs.push(...this.flush(at, quality));
      this.#streams.forEach((collected) => collected.miss());
    }
    if (record.breath !== null) {
      outputs.push(breathFrame(record.breath));
    }
    if (record.values.length > 0) {
      this.#recordAt = at;
      this.#add(record, outputs, quality);
    }
  }

  /** Gives what was collected, for example because no more will come. */
  flush(at: number, quality: Quality): Output[] {
    const quietMs = at - (this.#recordAt ?? at);
    const waves = this.#streams.flatMap((collected) => collected.take(quality, quietMs));
    return [...this.#tellUnknown(), ...frameOf(waves)];
  }

  /** Gives what was collected before a pause; what comes after it has a gap before it. */
  settle(at: number, quality: Quality): Output[] {
    const outputs = this.flush(at, quality);
    this.#streams.forEach((collected) => collected.miss());
    return outputs;
  }

  /** True when a record has a stream that was not selected: the device sends what somebody else selected. */
  isForeign({ streams }: RealtimeRecord): boolean {
    return streams >> this.#streams.length > 0;
  }

  #add(record: RealtimeRecord, outputs: Output[], quality: Quality): void {
    if (this.isForeign(record)) {
      this.#unknown += record.bytes;
      if (this.#unknown >= UNKNOWN_BYTES_MAX) {
        outputs.push(...this.#tellUnknown());
      }
      return;
    }
    let next = 0;
    const waves: MeasuredWave[] = [];
    let bit = 1;
    for (const collected of this.#streams) {
      const isHere = (record.streams & bit) !== 0;
      if (isHere || this.#isEven) {
        const isFull = collected.add(
          isHere && !record.corrupt ? (record.values[next] ?? null) : null,
        );
        if (isFull) {
          waves.push(...collected.take(quality, 0));
        }
      }
      next += isHere ? 1 : 0;
      bit <<= 1;
    }
    outputs.push(...frameOf(waves));
  }

  #tellUnknown(): BadBytes[] {
    const bytes = this.#unknown;
    this.#unknown = 0;
    const text =
      "realtime records of curves that are not known, since nobody was seen to select them";
    return bytes === 0 ? [] : [{ kind: "fault", fault: "unknown-field", bytes, text }];
  }
}

/** Without a record for this long there is a gap: a device sends none while it has nothing to send. */
export const PAUSE_MS = 1000;
/** Given-up bytes are told at the latest after this many. */
const UNKNOWN_BYTES_MAX = 1000;
const BLOCK_US = 500_000;
const BLOCK_SAMPLES_MAX = 250;

/** The samples of one stream that are in no block yet. */
class Collected {
  /** Realtime data code. */
  readonly code: number;
  readonly periodUs: number;
  readonly #blockSamples: number;
  readonly #row: CodeRow;
  readonly #shape: Pick<MeasuredWave, "period" | "scale" | "offset">;
  #samples: (number | null)[] = [];
  #given = false;
  #gap: boolean;

  constructor({ stream, multiplier }: SelectedStream, gap: boolean) {
    const { code, intervalUs, minimum, maximum, bins } = stream;
    this.code = code;
    this.#gap = gap;
    this.periodUs = intervalUs * multiplier;
    this.#blockSamples = Math.max(
      1,
      Math.min(BLOCK_SAMPLES_MAX, Math.ceil(BLOCK_US / this.periodUs)),
    );
    this.#row = REALTIME.find(code, "other");
    // value = minimum + sample * (maximum - minimum) / bins: 90 28 258, "Realtime Configuration Response".
    this.#shape = {
      period: periodOf(this.periodUs),
      scale: (maximum - minimum) / bins,
      offset: minimum,
    };
  }

  get isGiven(): boolean {
    return this.#given;
  }

  /** True when there are enough samples for a block. */
  add(sample: number | null): boolean {
    this.#samples.push(sample);
    return this.#samples.length >= this.#blockSamples;
  }

  /** Samples are missing after those collected so far. */
  miss(): void {
    this.#gap ||= this.#given;
  }

  /** A block of what was collected, if anything was; its last record came `quietMs` ago. */
  take(quality: Quality, quietMs: number): MeasuredWave[] {
    const samples = this.#samples;
    if (samples.length === 0) {
      return [];
    }
    const { code, mdc, unit, path } = this.#row;
    const isEmpty = samples.every((sample) => sample === null);
    const block: MeasuredWave = {
      code,
      mdc,
      unit,
      ...this.#shape,
      samples,
      gap: this.#gap,
      quality: [isEmpty ? "unavailable" : quality],
      path,
      // The last record is known to be whole one period after its sample was taken.
      spanMs: (samples.length * this.periodUs) / 1000 + quietMs,
    };
    this.#samples = [];
    this.#given = true;
    this.#gap = false;
    return [block];
  }
}

function periodOf(periodUs: number): MeasuredWave["period"] {
  const divisor = commonDivisor(periodUs, 1000);
  return { ms: periodUs / divisor, samples: 1000 / divisor };
}

function commonDivisor(one: number, other: number): number {
  return other === 0 ? one : commonDivisor(other, one % other);
}

function frameOf(waves: readonly MeasuredWave[]): Frame[] {
  return waves.length === 0 ? [] : [{ kind: "frame", readings: [], waves }];
}

function breathFrame(breath: "inspiration" | "expiration"): Frame {
  const reading: Measured = {
    code: "DRAEGER_BREATH_PHASE",
    mdc: null,
    value: breath,
    text: breath === "inspiration" ? "0" : "1",
    unit: "1",
    quality: ["valid"],
    path: "1.5.256",
    deviceAt: null,
  };
  return { kind: "frame", readings: [reading], waves: [] };
}
