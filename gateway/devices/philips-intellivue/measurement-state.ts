import type { Quality } from "../../reading.ts";

/** Bits of the measurement state that mean that there is no value. */
const NO_VALUE = 0x80_00 | 0x20_00;

const BITS: readonly (readonly [bit: number, quality: Quality])[] = [
  [0x80_00, "invalid"],
  [0x40_00, "questionable"],
  [0x20_00, "unavailable"],
  [0x10_00, "calibrating"],
  [0x08_00, "test"],
  [0x04_00, "demo"],
  [0x00_80, "validated"],
  [0x00_40, "early"],
  [0x00_20, "ongoing"],
  [0x00_02, "in-alarm"],
  [0x00_01, "alarm-inhibited"],
];
/** Bits of the first byte that have no meaning yet. A measurement is valid only when all of that byte is 0. */
const RESERVED = 0x03_00;

/** The state of a metric that is switched off. */
export const STATE_OFF = 0x20_00;
/** The state of all metrics of a monitor in demonstration mode. */
export const STATE_DEMO = 0x04_00;

export function hasValue(state: number): boolean {
  return (state & NO_VALUE) === 0;
}

export function qualityOf(state: number): readonly Quality[] {
  if (state === 0) {
    return VALID;
  }
  const quality = BITS.filter(([bit]) => (state & bit) !== 0).map(([, word]) => word);
  if ((state & RESERVED) !== 0 && !quality.includes("questionable")) {
    quality.push("questionable");
  }
  return quality.length === 0 ? VALID : quality;
}

const VALID: readonly Quality[] = ["valid"];
