import { Patient } from "../physiology.ts";
import { attribute, list, u16, u32 } from "./encode.ts";
import type { Component, Metric, Wave } from "./simulated-objects.ts";
import { BLOCK_MS, MEASUREMENTS, NOT_A_NUMBER } from "./simulated-objects.ts";

/** The objects that a simulated monitor has. */
export interface SimulatedObjects {
  readonly numerics: readonly Metric[];
  readonly waves: readonly Wave[];
}

/** The objects of a simulated monitor and what they show, as attributes on the wire. */
export class SimulatedMdib {
  readonly #patient: Patient;
  readonly #objects: SimulatedObjects;
  readonly #serial: string;
  /** Without a patient at the sensors. */
  isSensorOff = false;

  constructor(seed: number, objects: SimulatedObjects) {
    this.#patient = new Patient(seed);
    this.#objects = objects;
    this.#serial = `DE${String(10_000_000 + ((seed * 7919) % 89_999_999))}`;
  }

  /** Numeric objects; with `isFull` all attributes, else the observed values. `at` is epoch milliseconds. */
  numerics(at: number, isFull: boolean): EncodedObject[] {
    return this.#objects.numerics.map((metric) => ({
      context: metric.context,
      handle: metric.handle,
      attributes: [...(isFull ? numericContext(metric) : []), ...this.#values(metric, at)],
    }));
  }

  /** Wave objects: the block of 256 ms that begins at `from`; the attributes that explain it with every fourth block. */
  waves(from: number, block: number): EncodedObject[] {
    return this.#objects.waves.map((wave, index) => ({
      context: MEASUREMENTS,
      handle: wave.handle,
      attributes: [...(block % 4 === index ? waveContext(wave) : []), ...this.#samples(wave, from)],
    }));
  }

  /** What the MDS says about its making. */
  production(): EncodedAttribute[] {
    const entries = [
      [1, 8, this.#serial],
      [2, 8, "SIMULATED     "],
      [4, 88, "A.00.01 "],
    ] as const;
    const elements = entries.map(([kind, part, text]) => [
      ...u16(kind),
      ...u16(part),
      ...u16(text.length),
      ...ascii(text),
    ]);
    return [attribute(0x09_2d, list(elements))];
  }

  /** What the MDS says about itself and its clock. */
  mds(at: number, ticks: number): EncodedAttribute[] {
    return [
      attribute(0x09_84, [0x00, 0x06, 0x00, 0x09, 0xfb, 0x00, 0x00, 0x01]),
      attribute(0x09_86, [...u16(1), ...u16(0x11_4d)]),
      attribute(0x09_28, [...u16(8), ...ascii("Philips\0"), ...u16(6), ...ascii("M8000\0")]),
      attribute(0x09_46, u16(0x40_00)),
      attribute(0x09_1e, text16("", 17)),
      attribute(0x09_87, absoluteTime(at)),
      attribute(0x09_8f, u32(ticks)),
    ];
  }

  #values(metric: Metric, at: number): EncodedAttribute[] {
    const components = metric.components;
    if (components.length === 0) {
      return [];
    }
    const measuredAt = metric.everyMs === undefined ? at : at - (at % metric.everyMs);
    const values = components.map((one) => this.#value(one, measuredAt));
    const stamp =
      metric.everyMs === undefined ? [] : [attribute(0x09_90, absoluteTime(measuredAt))];
    return components.length === 1
      ? [...stamp, attribute(0x09_50, values[0] ?? [])]
      : [...stamp, attribute(0x09_4b, list(values))];
  }

  #value({ physio, unit, places, valueOf, isSensor }: Component, at: number): readonly number[] {
    const isOff = this.isSensorOff && isSensor;
    const float = isOff ? NOT_A_NUMBER : floatOf(valueOf(this.#patient.at(at)), places);
    return [...u16(physio), ...u16(isOff ? STATE_INVALID : 0), ...u16(unit), ...u32(float)];
  }

  #samples(wave: Wave, from: number): EncodedAttribute[] {
    const blocks = wave.leads.map(({ physio, sampleOf }) => {
      const samples: number[] = [];
      for (let index = 0; index < BLOCK_MS / wave.periodMs; index += 1) {
        const value = this.isSensorOff ? 0 : sampleOf(this.#patient, from + index * wave.periodMs);
        samples.push(...u16(value));
      }
      const state = this.isSensorOff ? STATE_INVALID : 0;
      return [...u16(physio), ...u16(state), ...u16(samples.length), ...samples];
    });
    return [
      blocks.length === 1 ? attribute(0x09_6e, blocks[0] ?? []) : attribute(0x09_67, list(blocks)),
    ];
  }
}

export type EncodedAttribute = readonly number[];

export interface EncodedObject {
  readonly context: number;
  readonly handle: number;
  readonly attributes: readonly EncodedAttribute[];
}

const STATE_INVALID = 0x80_00;

function numericContext({ handle, label, components }: Metric): EncodedAttribute[] {
  const isCompound = components.length > 1;
  return [
    attribute(0x09_21, u16(handle)),
    attribute(0x09_2f, [...u16(1), ...u16(6)]),
    attribute(0x09_3f, [
      ...u32(0x20_00),
      ...u16(1),
      ...u16(0x42_28),
      isCompound ? 1 : 0,
      isCompound ? components.length : 0,
      ...u16(0),
    ]),
    attribute(0x09_24, u32(0x00_02_00_00 + (components[0]?.physio ?? 0))),
    attribute(0x09_27, text16(label, 7)),
    attribute(0x09_11, u16(2)),
  ];
}

function waveContext(wave: Wave): EncodedAttribute[] {
  return [
    attribute(0x09_21, u16(wave.handle)),
    attribute(0x09_2f, [...u16(1), ...u16(9)]),
    attribute(0x09_3f, [...u32(0x08_00), ...u16(1), ...u16(0x42_80), 1, 3, ...u16(0)]),
    attribute(0x09_6d, [
      ...u16(BLOCK_MS / wave.periodMs),
      16,
      wave.significantBits,
      ...u16(wave.flags),
    ]),
    attribute(0x09_8d, u32(8 * wave.periodMs)),
    attribute(0x09_24, u32(wave.labelId)),
    attribute(0x09_27, text16(wave.label, 7)),
    attribute(0x09_96, u16(wave.unit)),
    attribute(0x09_40, u16(0)),
    attribute(0x09_6f, wave.scale),
  ];
}

/** FLOAT-Type with so many decimal places. */
function floatOf(value: number, places: number): number {
  const mantissa = Math.round(value * 10 ** places);
  return (((-places & 0xff) << 24) | (mantissa & 0xff_ff_ff)) >>> 0;
}

/** Date and time, two decimal digits a byte. */
function absoluteTime(at: number): readonly number[] {
  const digits = new Date(at).toISOString().replaceAll(/\D/g, "").slice(0, 14);
  const bytes = digits.match(/../g) ?? [];
  return [...bytes.map((pair) => Number.parseInt(pair, 16)), 0];
}

/** UTF-16 with its length, filled with blanks and ended by a zero. */
function text16(text: string, characters: number): readonly number[] {
  const filled = text === "" ? "\0".repeat(characters) : `${text.padEnd(characters - 1)}\0`;
  return [
    ...u16(2 * characters),
    ...Array.from({ length: characters }, (_, place) => u16(filled.charCodeAt(place))).flat(),
  ];
}

function ascii(text: string): readonly number[] {
  return Array.from({ length: text.length }, (_, place) => text.charCodeAt(place));
}
