import type { MeasuredWave } from "../device.ts";
import type { Code } from "./dri-groups.ts";
import { named } from "./dri-groups.ts";
import type { Subrecord } from "./dri-record.ts";

/** What the samples of one type of waveform are. */
export interface WaveType {
  readonly code: Code;
  readonly unit: string;
  readonly scale: number;
  readonly perSecond: number;
}

/** By the type of the subrecord: chapter 5 of the specification, tables 5-1 and 5-3. */
export const WAVE_TYPES: Readonly<Record<number, WaveType>> = {
  1: wave("GE_ECG_1", "uV", 1, 300),
  2: wave("GE_ECG_2", "uV", 1, 300),
  3: wave("GE_ECG_3", "uV", 1, 300),
  4: wave("MDC_PRESS_BLD", "mm[Hg]", 0.01, 100),
  5: wave("MDC_PRESS_BLD", "mm[Hg]", 0.01, 100),
  6: wave("MDC_PRESS_BLD", "mm[Hg]", 0.01, 100),
  7: wave("MDC_PRESS_BLD", "mm[Hg]", 0.01, 100),
  8: wave("MDC_PULS_OXIM_PLETH", "%", 0.01, 100),
  9: wave("MDC_CONC_AWAY_CO2", "%", 0.01, 25),
  10: wave("MDC_CONC_AWAY_O2", "%", 0.01, 25),
  11: wave("MDC_CONC_AWAY_N2O", "%", 0.01, 25),
  12: wave("MDC_CONC_AWAY_AGENT", "%", 0.01, 25),
  13: wave("MDC_PRESS_AWAY", "cm[H2O]", 0.1, 25),
  14: wave("MDC_FLOW_AWAY", "L/min", 0.1, 25),
  15: wave("MDC_IMPED_TTHOR", "Ohm", 0.01, 25),
  16: wave("MDC_PRESS_BLD", "mm[Hg]", 0.01, 100),
  17: wave("MDC_PRESS_BLD", "mm[Hg]", 0.01, 100),
  18: wave("GE_EEG_1", "uV", 0.1, 100),
  19: wave("GE_EEG_2", "uV", 0.1, 100),
  20: wave("GE_EEG_3", "uV", 0.1, 100),
  21: wave("GE_EEG_4", "uV", 0.1, 100),
  23: wave("GE_VOL", "mL", 1, 25),
  24: wave("GE_TONO_PRESS", "mbar", 0.1, 25),
  32: wave("GE_ENTROPY", "uV", 0.1, 100),
  35: wave("GE_EEG_BIS", "uV", 1, 300),
  36: wave("MDC_PRESS_BLD", "mm[Hg]", 0.01, 100),
  37: wave("MDC_PRESS_BLD", "mm[Hg]", 0.01, 100),
  38: wave("MDC_PULS_OXIM_PLETH", "%", 0.01, 100),
};

const HEADER_BYTES = 6;
const STATUS_GAP = 0x01;
const STATUS_LEAD_OFF = 0x08;
/** From here down a sample is a control code and no measurement. */
const CONTROL_MAX = -32000;
/** Waveforms have a VMD of their own in the path, after the twelve of the classes. */
const VMD = 20;

/**
 * The block of one subrecord; null for a type that is not known or has another form, and "broken" when its samples do not lie in it.
 * `lost` says that records were lost since the last one.
 */
export function waveOf(
  record: DataView,
  { type, from, to }: Subrecord,
  lost: boolean,
): MeasuredWave | "broken" | null {
  const known = WAVE_TYPES[type];
  if (known === undefined) {
    return null;
  }
  if (to - from < HEADER_BYTES) {
    return "broken";
  }
  const count = record.getInt16(from, true);
  const status = record.getUint16(from + 2, true);
  if (count < 0 || from + HEADER_BYTES + 2 * count > to) {
    return "broken";
  }
  if (count === 0) {
    return null;
  }
  const isOff = (status & STATUS_LEAD_OFF) !== 0;
  const { code, unit, scale, perSecond } = known;
  return {
    ...code,
    unit,
    period: { ms: 1000, samples: perSecond },
    scale,
    offset: 0,
    samples: Array.from({ length: count }, (_, place) => {
      const sample = record.getInt16(from + HEADER_BYTES + 2 * place, true);
      return isOff || sample <= CONTROL_MAX ? null : sample;
    }),
    gap: lost || (status & STATUS_GAP) !== 0,
    quality: [isOff ? "unavailable" : "valid"],
    path: `1.${VMD}.1.${type}`,
    spanMs: (1000 * count) / perSecond,
  };
}

function wave(code: string, unit: string, scale: number, perSecond: number): WaveType {
  return { code: named(code), unit, scale, perSecond };
}
