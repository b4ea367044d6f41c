import type { Measured, MeasuredWave } from "../device.ts";

/** Bytes of the waveforms in one message. */
export const WAVE_BYTES = 400;

/** The five waveforms of one message: one second each. `readings` are the numbers of the same message. */
export function wavesOf(
  bytes: Uint8Array,
  readings: readonly Measured[],
  { gap, spanMs }: Pick<MeasuredWave, "gap" | "spanMs">,
): MeasuredWave[] {
  const given = new Set(readings.filter(({ value }) => value !== null).map(({ path }) => path));
  return WAVES.map(({ code, mdc, unit, path, offset, from, to, numbers, isPressure }) => {
    const samples = samplesOf(bytes.subarray(from, to), isPressure ? PRESSURE_MAX : SAMPLE_MAX);
    const isEmpty = samples.every((sample) => sample === null);
    const hasNumber = numbers.some((number) => given.has(number));
    const quality = isEmpty ? "unavailable" : hasNumber ? "valid" : "questionable";
    const period = { ms: WAVE_MS, samples: to - from };
    return {
      code,
      mdc,
      unit,
      period,
      scale: 1,
      offset,
      samples,
      gap,
      quality: [quality],
      path,
      spanMs,
    };
  });
}

function samplesOf(bytes: Uint8Array, most: number): (number | null)[] {
  const samples: (number | null)[] = [];
  for (let place = 0; place < bytes.length; place += 1) {
    const sample = bytes[place] ?? 0;
    samples.push(sample > most ? null : sample);
  }
  return samples;
}

/** One message a second carries one second of samples. */
export const WAVE_MS = 1000;
/** Pressures are clipped at 250; without a transducer the monitor sends 251. */
const PRESSURE_MAX = 250;
const SAMPLE_MAX = 255;

interface WavePart {
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  readonly path: string;
  readonly offset: number;
  /** Place among the waveform bytes. */
  readonly from: number;
  readonly to: number;
  /** Paths of the numbers that the monitor makes of it. */
  readonly numbers: readonly string[];
  /** The samples are mmHg: their extremes are the systolic and diastolic pressures of the same message. */
  readonly isPressure: boolean;
}

const WAVES: readonly WavePart[] = [
  raw("IVY_ECG", null, { path: "1.1.1", offset: -100, from: 0, to: 200 }),
  raw("IVY_RESP", null, { path: "1.1.2", offset: 0, from: 200, to: 250 }),
  raw("MDC_PULS_OXIM_PLETH", 150452, { path: "1.1.4", offset: -86, from: 250, to: 300 }),
  pressure({ path: "1.2", from: 300, to: 350 }),
  pressure({ path: "1.3", from: 350, to: 400 }),
];

function raw(
  code: string,
  mdc: number | null,
  part: Pick<WavePart, "path" | "offset" | "from" | "to">,
): WavePart {
  return { code, mdc, unit: "1", numbers: [part.path], isPressure: false, ...part };
}

function pressure(part: Pick<WavePart, "path" | "from" | "to">): WavePart {
  const numbers = [1, 2, 3].map((number) => `${part.path}.${number}`);
  const term = { code: "MDC_PRESS_BLD", mdc: 150016, unit: "mm[Hg]" };
  return { ...term, offset: 0, numbers, isPressure: true, ...part };
}
