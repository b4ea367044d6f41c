import type {
  Component,
  Metric,
  Wave,
} from "../../../gateway/devices/philips-intellivue/simulated-objects.ts";
import {
  MEASUREMENTS,
  NOT_A_NUMBER,
  NUMERICS,
} from "../../../gateway/devices/philips-intellivue/simulated-objects.ts";
import type { SimulatedObjects } from "../../../gateway/devices/philips-intellivue/simulated-mdib.ts";
import { SimulatedIntelliVue } from "../../../gateway/devices/philips-intellivue/simulator.ts";
import { u32, u16 } from "../../../gateway/devices/philips-intellivue/encode.ts";
import type { StreamSimulator } from "../../../gateway/devices/simulator.ts";
import { patientSignals, SAMPLE_MS, type Signal } from "./signals.ts";

/** Values that one monitor gives every second. */
export const NUMERICS_PER_SECOND = 20;
/** Waves of one monitor, each of so many samples a second. */
export const WAVES_PER_BED = 3;
export const SAMPLES_PER_SECOND: number = 1000 / SAMPLE_MS;

/** The monitor of a bed on intensive care: what the usual simulated one measures and a little more, with three waves at 250 Hz. */
export const bedMonitor: StreamSimulator = {
  model: "philips-intellivue",
  tickMs: 64,
  open: ({ seed }) => new SimulatedIntelliVue(seed, objectsOf(seed)),
};

const MMHG = 0x0f_20;
const CELSIUS = 0x17_a0;
const DIMENSIONLESS = 0x02_00;
const MILLIVOLT = 0x10_b2;

function objectsOf(seed: number): SimulatedObjects {
  const { ecg, pressure, pleth } = patientSignals(seed);
  return {
    numerics: [...NUMERICS, ...MORE_NUMERICS],
    waves: [
      wave(
        { handle: 0x02_ca, label: "ECG", physio: 0x01_02, unit: MILLIVOLT, scale: MILLIVOLTS },
        ecg,
      ),
      wave(
        { handle: 0x04_20, label: "ABP", physio: 0x4a_14, unit: MMHG, scale: PRESSURES },
        pressure,
      ),
      wave(
        { handle: 0x04_02, label: "Pleth", physio: 0x4b_b4, unit: DIMENSIONLESS, scale: NO_SCALE },
        pleth,
      ),
    ],
  };
}

function one(
  physio: number,
  unit: number,
  places: number,
  valueOf: Component["valueOf"],
): Component {
  return { physio, unit, places, valueOf, isSensor: true };
}

function metric(handle: number, label: string, component: Component): Metric {
  return { context: MEASUREMENTS, handle, label, components: [component] };
}

/** Central venous pressure, end-tidal and inspired carbon dioxide, a second temperature. */
const MORE_NUMERICS: readonly Metric[] = [
  metric(
    0x84_60,
    "CVP",
    one(0x4a_47, MMHG, 0, ({ breaths }) => breaths / 2),
  ),
  metric(
    0x84_80,
    "etCO\u2082",
    one(0x50_b0, MMHG, 0, ({ breaths }) => 52 - breaths),
  ),
  metric(
    0x84_82,
    "imCO\u2082",
    one(0x50_ba, MMHG, 0, () => 0),
  ),
  metric(
    0x84_a0,
    "Tskin",
    one(0x4b_74, CELSIUS, 1, ({ temperature }) => temperature - 2.5),
  ),
];

interface WaveFacts {
  readonly handle: number;
  readonly label: string;
  readonly physio: number;
  readonly unit: number;
  readonly scale: readonly number[];
}

function wave({ physio, ...facts }: WaveFacts, sampleOf: Signal): Wave {
  return {
    ...facts,
    labelId: 0x00_02_00_00 + physio,
    periodMs: SAMPLE_MS,
    significantBits: 14,
    flags: 0x30_00,
    leads: [{ physio, sampleOf: (_, at) => sampleOf(at) }],
  };
}

/** Two values as FLOAT-Types, and the samples that stand for them. */
const MILLIVOLTS = [...u32(0xfe_ff_f0_00), ...u32(0xfd_00_9f_fb), ...u16(0), ...u16(0x3f_ff)];
/** -40 to 369.5 mmHg. */
const PRESSURES = [...u32(0x00_ff_ff_d8), ...u32(0xff_00_0e_6f), ...u16(0), ...u16(0x0f_ff)];
const NO_SCALE = [...u32(NOT_A_NUMBER), ...u32(NOT_A_NUMBER), ...u16(0), ...u16(0x0f_ff)];
