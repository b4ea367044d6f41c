import { randomOf } from "../../../gateway/devices/simulator.ts";

/** Milliseconds between two samples: 250 a second. */
export const SAMPLE_MS = 4;
/** A signal is prepared for so long and then sent round and round. */
const LOOP_MS = 10_000;
const SAMPLES: number = LOOP_MS / SAMPLE_MS;

/** A signal as a monitor digitises it. `at` is epoch milliseconds. */
export type Signal = (at: number) => number;

/** The three waves of one patient, all with the noise of a sensor and a heart that beats a whole number of times in a loop. */
export interface PatientSignals {
  /** 14 bits, 5 microvolts each. */
  readonly ecg: Signal;
  /** 12 bits, 0.1 mmHg each, from -40. */
  readonly pressure: Signal;
  /** 12 bits. */
  readonly pleth: Signal;
}

/** Standard deviation of the noise, in steps of the digitised signal: 10 microvolts, 0.1 mmHg, and a pulse wave's. */
const NOISE = { ecg: 2, pressure: 1, pleth: 2 };

/** The same seed gives the same signals. */
export function patientSignals(seed: number): PatientSignals {
  const random = randomOf(seed);
  const beats = 10 + Math.floor(6 * random());
  const breaths = 2 + Math.floor(2 * random());
  const beatAt = (sample: number): number => ((sample * beats) / SAMPLES) % 1;
  const breathAt = (sample: number): number => Math.sin((TURN * sample * breaths) / SAMPLES);
  const loop = (noise: number, valueAt: (sample: number) => number): Signal => {
    const values = Array.from({ length: SAMPLES }, (_, sample) =>
      Math.round(valueAt(sample) + noise * normal(random)),
    );
    return (at) => values[Math.floor((at % LOOP_MS) / SAMPLE_MS)] ?? 0;
  };
  return {
    ecg: loop(
      NOISE.ecg,
      (sample) => 8192 + 200 * heart(beatAt(sample), beats / 10) + 15 * breathAt(sample),
    ),
    pressure: loop(
      NOISE.pressure,
      (sample) => 400 + 800 + 400 * pulse(beatAt(sample)) + 20 * breathAt(sample),
    ),
    pleth: loop(
      NOISE.pleth,
      (sample) => 800 + 2400 * pulse((beatAt(sample) + 0.9) % 1) + 60 * breathAt(sample),
    ),
  };
}

const TURN: number = 2 * Math.PI;

/** One beat of an electrocardiogram as a sum of bells; the peak is about 1. `phase` 0-1, `perSecond` beats a second. */
function heart(phase: number, perSecond: number): number {
  const at = (ms: number, widthMs: number, height: number): number => {
    const away = (phase - 0.3) * (1000 / perSecond) - ms;
    return height * Math.exp(-((away / widthMs) ** 2) / 2);
  };
  return (
    at(-160, 22, 0.12) + at(-26, 8, -0.12) + at(0, 10, 1) + at(26, 9, -0.2) + at(230, 45, 0.28)
  );
}

/** One beat of a pulse wave with its notch, 0-1. */
function pulse(phase: number): number {
  const bell = (middle: number, width: number, height: number): number =>
    height * Math.exp(-(((phase - middle) / width) ** 2) / 2);
  return bell(0.2, 0.07, 0.9) + bell(0.42, 0.12, 0.45);
}

/** A normal distribution with standard deviation 1. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(TURN * random());
}
