import type { Patient, Vitals } from "../physiology.ts";
import { u16, u32 } from "./encode.ts";

/** One value of a numeric object. */
export interface Component {
  readonly physio: number;
  readonly unit: number;
  readonly places: number;
  readonly isSensor: boolean;
  readonly valueOf: (vitals: Vitals) => number;
}

/** A numeric object. */
export interface Metric {
  readonly context: number;
  readonly handle: number;
  readonly label: string;
  /** No component: an object that measures nothing now. */
  readonly components: readonly Component[];
  /** Measured only so often. */
  readonly everyMs?: number;
}

/** A wave object; several leads are a compound. */
export interface Wave {
  readonly handle: number;
  readonly label: string;
  readonly labelId: number;
  readonly periodMs: number;
  readonly significantBits: number;
  readonly flags: number;
  readonly unit: number;
  /** Scale and range specification. */
  readonly scale: readonly number[];
  readonly leads: readonly {
    readonly physio: number;
    readonly sampleOf: (patient: Patient, at: number) => number;
  }[];
}

/** Waves come in blocks of this length. */
export const BLOCK_MS = 256;
/** FLOAT-Type without a number. */
export const NOT_A_NUMBER = 0x00_7f_ff_ff;
/** Contexts: what the monitor calculates, and its measurement server. */
const CALCULATIONS = 0;
export const MEASUREMENTS = 1;

const PER_MINUTE = 0x0a_a0;
const BREATHS = 0x0a_e0;
const PERCENT = 0x02_20;
const DIMENSIONLESS = 0x02_00;
const MMHG = 0x0f_20;
const CELSIUS = 0x17_a0;
const MILLIMETRE = 0x05_12;

function component(
  physio: number,
  unit: number,
  places: number,
  valueOf: (vitals: Vitals) => number,
  isSensor = true,
): Component {
  return { physio, unit, places, valueOf, isSensor };
}

const systolic = ({ pulse }: Vitals): number => 85 + pulse / 2;
const diastolic = ({ pulse }: Vitals): number => 45 + pulse / 3;
const mean = (vitals: Vitals): number => (systolic(vitals) + 2 * diastolic(vitals)) / 3;
const pressures = (physio: number, isSensor: boolean): readonly Component[] => [
  component(physio + 1, MMHG, 0, systolic, isSensor),
  component(physio + 2, MMHG, 0, diastolic, isSensor),
  component(physio + 3, MMHG, 0, mean, isSensor),
];

/** Numeric objects with handles and contexts as real monitors have them, in the order of sending. */
export const NUMERICS: readonly Metric[] = [
  { context: CALCULATIONS, handle: 0x86_00, label: "CPP", components: [] },
  {
    context: MEASUREMENTS,
    handle: 0x82_72,
    label: "NBP",
    components: pressures(0x4a_04, false),
    everyMs: 300_000,
  },
  {
    context: MEASUREMENTS,
    handle: 0x82_cf,
    label: "HR",
    components: [component(0x41_82, PER_MINUTE, 0, ({ pulse }) => pulse)],
  },
  {
    context: MEASUREMENTS,
    handle: 0x82_db,
    label: "ST",
    components: [
      component(0x03_01, MILLIMETRE, 1, ({ perfusion }) => perfusion / 10),
      component(0x03_02, MILLIMETRE, 1, ({ perfusion }) => -perfusion / 20),
      component(0x03_3d, MILLIMETRE, 1, ({ perfusion }) => perfusion / 20),
    ],
  },
  {
    context: MEASUREMENTS,
    handle: 0x82_e8,
    label: "PVC",
    components: [component(0x42_61, PER_MINUTE, 0, () => 0)],
  },
  {
    context: MEASUREMENTS,
    handle: 0x83_10,
    label: "RR",
    components: [component(0x50_0a, BREATHS, 0, ({ breaths }) => breaths)],
  },
  {
    context: MEASUREMENTS,
    handle: 0x84_00,
    label: "SpO\u2082",
    components: [component(0x4b_b8, PERCENT, 0, ({ spo2 }) => spo2)],
  },
  {
    context: MEASUREMENTS,
    handle: 0x84_06,
    label: "Pulse",
    components: [component(0x48_22, PER_MINUTE, 0, ({ pulse }) => pulse)],
  },
  {
    context: MEASUREMENTS,
    handle: 0x84_0a,
    label: "Perf",
    components: [component(0x4b_b0, DIMENSIONLESS, 1, ({ perfusion }) => perfusion)],
  },
  { context: MEASUREMENTS, handle: 0x84_20, label: "ABP", components: pressures(0x4a_14, true) },
  {
    context: MEASUREMENTS,
    handle: 0x84_40,
    label: "Temp",
    components: [component(0x4b_48, CELSIUS, 1, ({ temperature }) => temperature)],
  },
];

/** A beat in an ECG goes before its pulse wave; its sharp peak is made of the steep rise of that. */
function electrocardiogram(gain: number): (patient: Patient, at: number) => number {
  return (patient, at) => {
    const rise = patient.at(at + 180).pleth - patient.at(at + 150).pleth;
    const peak = Math.max(0, rise - 0.12) * gain;
    return 8192 + Math.round(peak + 40 * patient.at(at - 60).pleth);
  };
}

export const WAVES: readonly Wave[] = [
  {
    handle: 0x02_ca,
    label: "ECG",
    labelId: 0x00_02_01_00,
    periodMs: 4,
    significantBits: 14,
    flags: 0x30_00,
    unit: 0x10_b2,
    scale: [...u32(0xfe_ff_f0_00), ...u32(0xfd_00_9f_fb), ...u16(0), ...u16(0x3f_ff)],
    leads: [
      { physio: 0x01_02, sampleOf: electrocardiogram(1600) },
      { physio: 0x01_43, sampleOf: electrocardiogram(2400) },
    ],
  },
  {
    handle: 0x04_02,
    label: "Pleth",
    labelId: 0x00_02_4b_b4,
    periodMs: 8,
    significantBits: 12,
    flags: 0x80_00,
    unit: DIMENSIONLESS,
    scale: [...u32(NOT_A_NUMBER), ...u32(NOT_A_NUMBER), ...u16(0), ...u16(0x0f_ff)],
    leads: [
      { physio: 0x4b_b4, sampleOf: (patient, at) => Math.round(4095 * patient.at(at).pleth) },
    ],
  },
];
