import type { Measured } from "../device.ts";
import type { NoninLine } from "./nonin-line.ts";

/** What one line means: two numbers with the digits that were printed, and the marks behind them as private words. */
export function readingsOf({ spo2, rate, isMarked, isFast, hasBreath }: NoninLine): Measured[] {
  const readings = [number(SPO2, spo2), number(RATE, rate)];
  if (isMarked) {
    readings.push(word("NONIN_EVENT_MARK", "marked", "*"));
  }
  if (isFast) {
    readings.push(word("NONIN_RESPONSE", "fast", "F"));
  }
  if (hasBreath) {
    readings.push(word("NONIN_BREATH", "detected", "B"));
  }
  return readings;
}

const SPO2 = { code: "MDC_PULS_OXIM_SAT_O2", mdc: 150456, unit: "%", path: "1.1.1" } as const;
const RATE = { code: "MDC_PULS_OXIM_PULS_RATE", mdc: 149530, unit: "/min", path: "1.1.2" } as const;

function number(term: Pick<Measured, "code" | "mdc" | "unit" | "path">, text: string): Measured {
  // Zero is no measurement of either: whatever prints it has none.
  return Number(text) === 0
    ? { ...term, value: null, text: "", quality: ["unavailable"], deviceAt: null }
    : { ...term, value: Number(text), text, quality: ["valid"], deviceAt: null };
}

function word(code: string, value: string, text: string): Measured {
  return {
    code,
    mdc: null,
    value,
    text,
    unit: "1",
    quality: ["valid"],
    path: "1.1.0",
    deviceAt: null,
  };
}
