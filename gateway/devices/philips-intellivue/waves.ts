import type { MeasuredWave } from "../device.ts";
import { TICKS_PER_MS } from "./device-clock.ts";
import { hasValue, qualityOf, STATE_OFF } from "./measurement-state.ts";
import type { MetricNote } from "./metric-notes.ts";
import { objectKey } from "./metric-notes.ts";
import type { PollContext } from "./numerics.ts";
import type { Octets } from "./octets.ts";
import { physioCode } from "./physio.ts";
import type { Attribute, PolledObject } from "./poll-reply.ts";
import { readList } from "./poll-reply.ts";
import { unitOf } from "./units.ts";
import type { WaveScale } from "./wave-scale.ts";
import { RAW_SCALE, readScale } from "./wave-scale.ts";

/**
 * Waves. How samples are coded, their period, scale and unit come in attributes that the monitor sends with one object a
 * second; until all of them are known the samples mean nothing and are left out.
 */
export class Waves {
  readonly #contexts = new Map<number, WaveContext>();

  /** The blocks of a wave object in one result: one, three of a compound ECG, or none. */
  take(object: PolledObject, note: MetricNote, poll: PollContext): MeasuredWave[] {
    const context = this.#contextOf(objectKey(object));
    const blocks: Block[] = [];
    for (const attribute of object.attributes) {
      takeAttribute(attribute, context, blocks);
    }
    const state = poll.state | (note.isOff ? STATE_OFF : 0);
    const isCompound = blocks.length > 1;
    const waves: MeasuredWave[] = [];
    for (const [index, block] of blocks.entries()) {
      const path = isCompound ? `${note.path}.${index + 1}` : note.path;
      const wave = waveOf(
        { ...block, state: block.state | state },
        context,
        path,
        poll.poll.relativeTime,
      );
      if (wave !== null) {
        waves.push(wave);
      }
    }
    return waves;
  }

  /** Handles may stand for other objects from now on. When the next block is due stays known, so that a gap is seen. */
  forget(): void {
    for (const context of this.#contexts.values()) {
      Object.assign(context, UNKNOWN);
    }
  }

  #contextOf(key: number): WaveContext {
    let context = this.#contexts.get(key);
    if (context === undefined) {
      context = { ...UNKNOWN, nextAt: new Map() };
      if (this.#contexts.size >= OBJECTS_MAX) {
        this.#contexts.clear();
      }
      this.#contexts.set(key, context);
    }
    return context;
  }
}

interface WaveContext {
  coding: Coding | null;
  /** 1/8 ms between samples; 0 before it came. */
  periodTicks: number;
  scale: WaveScale | null;
  unit: number | null;
  /** Bits that mark a sample as invalid; 0 when the wave has no such mark. */
  invalidMask: number;
  /** Relative time at which the next block of a physiological id begins when nothing is lost. */
  readonly nextAt: Map<number, number>;
}

const UNKNOWN: Omit<WaveContext, "nextAt"> = {
  coding: null,
  periodTicks: 0,
  scale: null,
  unit: null,
  invalidMask: 0,
};

/** How samples are coded. */
interface Coding {
  readonly bytes: 1 | 2;
  /** The significant bits of a sample. */
  readonly mask: number;
  readonly isSigned: boolean;
}

interface Block {
  readonly physio: number;
  readonly state: number;
  readonly samples: Octets;
}

function takeAttribute({ id, value }: Attribute, context: WaveContext, blocks: Block[]): void {
  switch (id) {
    case ATTRIBUTE_VALUE:
      addBlock(value, blocks);
      break;
    case ATTRIBUTE_COMPOUND_VALUE:
      readList(value, (list) => addBlock(list, blocks));
      break;
    case ATTRIBUTE_SPECIFICATION:
      context.coding = readCoding(value);
      break;
    case ATTRIBUTE_SAMPLE_PERIOD:
      context.periodTicks = Math.min(value.u32(), PERIOD_TICKS_MAX);
      break;
    case ATTRIBUTE_SCALE:
      context.scale = readScale(value);
      break;
    case ATTRIBUTE_UNIT:
      context.unit = value.u16();
      break;
    case ATTRIBUTE_FIXED_VALUES:
      context.invalidMask = readInvalidMask(value);
      break;
    default:
      break;
  }
}

function addBlock(octets: Octets, blocks: Block[]): boolean {
  const physio = octets.u16();
  const state = octets.u16();
  const samples = octets.part(octets.u16());
  if (!octets.short) {
    blocks.push({ physio, state, samples });
  }
  return !octets.short;
}

function readCoding(octets: Octets): Coding | null {
  octets.u16();
  const bits = octets.u8();
  const significant = octets.u8();
  const isMasked = (octets.u16() & EXTENDED_RANGE) !== 0;
  const isSigned = significant === SIGNED;
  if (octets.short || (bits !== 8 && bits !== 16)) {
    return null;
  }
  const kept = isMasked && !isSigned && significant < bits ? significant : bits;
  return { bytes: bits === 8 ? 1 : 2, mask: 2 ** kept - 1, isSigned };
}

/** Of the fixed values only the mark of invalid samples concerns what a sample is worth. */
function readInvalidMask(octets: Octets): number {
  let mask = 0;
  readList(octets, (list) => {
    const meaning = list.u16();
    const bits = list.u16();
    mask = meaning === FIXED_INVALID ? bits : mask;
    return true;
  });
  return mask;
}

function waveOf(
  block: Block,
  context: WaveContext,
  path: string,
  startTicks: number,
): MeasuredWave | null {
  const { coding, periodTicks, scale, unit, invalidMask, nextAt } = context;
  const samples = block.samples;
  if (coding === null || periodTicks === 0 || scale === null || unit === null) {
    return null;
  }
  const count = Math.floor(samples.left / coding.bytes);
  const lost = lostTicks(nextAt.get(block.physio), startTicks);
  // The same block again: a client that asks anew gets what it has already.
  if (count === 0 || lost === -count * periodTicks) {
    return null;
  }
  rememberNext(nextAt, block.physio, (startTicks + count * periodTicks) >>> 0);
  const isMeasured = hasValue(block.state);
  const values = readSamples(samples.rest(), count, coding, isMeasured ? invalidMask : null);
  const divisor = commonDivisor(periodTicks, TICKS_PER_MS);
  const { absolute } = scale;
  return {
    ...physioCode(block.physio),
    unit: absolute === null ? RAW_UNIT : unitOf(unit),
    period: { ms: periodTicks / divisor, samples: TICKS_PER_MS / divisor },
    ...(absolute ?? RAW_SCALE),
    samples: values,
    gap: Math.abs(lost) > (count * periodTicks) / 2,
    quality: qualityOf(block.state),
    path,
    spanMs: (count * periodTicks) / TICKS_PER_MS,
  };
}

/** Ticks between where the last block ended and where this one begins. */
function lostTicks(expected: number | undefined, start: number): number {
  return expected === undefined ? 0 : (start - expected) | 0;
}

function rememberNext(nextAt: Map<number, number>, physio: number, next: number): void {
  if (nextAt.size >= OBJECTS_MAX) {
    nextAt.clear();
  }
  nextAt.set(physio, next);
}

/** Samples as they were coded; null where one is marked as invalid, all null when nothing is measured (`invalidMask` null). */
function readSamples(
  bytes: Uint8Array,
  count: number,
  { bytes: size, mask, isSigned }: Coding,
  invalidMask: number | null,
): (number | null)[] {
  const samples: (number | null)[] = [];
  const sign = size === 1 ? 0x80 : 0x80_00;
  for (let index = 0; index < count; index += 1) {
    const raw =
      size === 1
        ? (bytes[index] ?? 0)
        : ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0);
    const bits = raw & mask;
    const isInvalid =
      invalidMask === null || (invalidMask !== 0 && (raw & invalidMask) === invalidMask);
    samples.push(isInvalid ? null : isSigned && (bits & sign) !== 0 ? bits - 2 * sign : bits);
  }
  return samples;
}

function commonDivisor(first: number, second: number): number {
  return second === 0 ? first : commonDivisor(second, first % second);
}

/** Objects, and waves of one object, that are kept apart at most. */
const OBJECTS_MAX = 64;
const RAW_UNIT = "1";
/** Ten seconds: no wave has so few samples. */
const PERIOD_TICKS_MAX = 80_000;

const ATTRIBUTE_COMPOUND_VALUE = 0x09_67;
const ATTRIBUTE_SPECIFICATION = 0x09_6d;
const ATTRIBUTE_VALUE = 0x09_6e;
const ATTRIBUTE_SCALE = 0x09_6f;
const ATTRIBUTE_SAMPLE_PERIOD = 0x09_8d;
const ATTRIBUTE_UNIT = 0x09_96;
const ATTRIBUTE_FIXED_VALUES = 0x0a_16;
/** Bits of a sample that are not significant are something else and must be masked. */
const EXTENDED_RANGE = 0x10_00;
/** In the place of the number of significant bits. */
const SIGNED = 255;
const FIXED_INVALID = 1;
