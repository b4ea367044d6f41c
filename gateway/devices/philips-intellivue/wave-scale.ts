import { readFloat } from "./float-type.ts";
import type { Octets } from "./octets.ts";

/** How samples become values. */
export interface WaveScale {
  /** Null for a wave without absolute values, such as a plethysmogram. */
  readonly absolute: LinearScale | null;
}

/** value = sample * scale + offset */
export interface LinearScale {
  readonly scale: number;
  readonly offset: number;
}

export const RAW_SCALE: LinearScale = { scale: 1, offset: 0 };

/** Scale and range specification: two absolute values and the two samples that stand for them. Null when it is not whole. */
export function readScale(octets: Octets): WaveScale | null {
  const lower = readFloat(octets.u32());
  const upper = readFloat(octets.u32());
  const lowerSample = octets.u16();
  const upperSample = octets.u16();
  if (octets.short) {
    return null;
  }
  if (lower.kind !== "number" || upper.kind !== "number" || lowerSample === upperSample) {
    return { absolute: null };
  }
  // In whole numbers of the finer of the two resolutions, so that 0.005 mV stays 0.005.
  const exponent = Math.min(lower.exponent, upper.exponent);
  const low = lower.mantissa * 10 ** (lower.exponent - exponent);
  const high = upper.mantissa * 10 ** (upper.exponent - exponent);
  const span = upperSample - lowerSample;
  return {
    absolute: {
      scale: scaled(high - low, span, exponent),
      offset: scaled(low * span - (high - low) * lowerSample, span, exponent),
    },
  };
}

/** count / span * 10^exponent, rounded once. */
function scaled(count: number, span: number, exponent: number): number {
  return exponent < 0 ? count / (span * 10 ** -exponent) : (count * 10 ** exponent) / span;
}
