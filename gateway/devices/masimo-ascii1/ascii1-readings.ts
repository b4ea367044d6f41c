import type { Measured } from "../device.ts";
import type { Quality } from "../../reading.ts";
import type { Ascii1Line } from "./ascii1-line.ts";

/**
 * What one line means. EXC decides whether its numbers may be used: with the sensor off some software prints 000 where others print
 * dashes. Numbers keep the digits the device printed. ALARM is handed on as raw hex: its bits are not public.
 */
export function readingsOf(line: Ascii1Line, hemoglobinUnit: string): Measured[] {
  const { deviceAt, values } = line;
  const quality = qualityOf(Number.parseInt(values.get("EXC") ?? "0", 16));
  const readings: Measured[] = [];
  for (const term of TERMS) {
    const printed = values.get(term.key);
    if (printed !== undefined) {
      const unit = term.key === "SPHB" ? hemoglobinUnit : term.unit;
      readings.push(number(printed, { ...term, unit }, quality, deviceAt));
    }
  }
  for (const key of ["ALARM", "EXC"]) {
    const raw = values.get(key);
    if (raw !== undefined) {
      readings.push(rawHex(key, raw, deviceAt));
    }
  }
  return readings;
}

interface Ascii1Term {
  readonly key: string;
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  readonly path: string;
}

const TERMS: readonly Ascii1Term[] = [
  { key: "SPO2", code: "MDC_PULS_OXIM_SAT_O2", mdc: 150456, unit: "%", path: "1.1.1" },
  { key: "BPM", code: "MDC_PULS_OXIM_PULS_RATE", mdc: 149530, unit: "/min", path: "1.1.2" },
  { key: "PI", code: "MDC_PULS_OXIM_PERF_REL", mdc: 150448, unit: "%", path: "1.1.3" },
  { key: "SPCO", code: "MASIMO_SPCO", mdc: null, unit: "%", path: "1.1.4" },
  { key: "SPMET", code: "MASIMO_SPMET", mdc: null, unit: "%", path: "1.1.5" },
  { key: "SPHB", code: "MASIMO_SPHB", mdc: null, unit: "g/dL", path: "1.1.6" },
  { key: "SPOC", code: "MASIMO_SPOC", mdc: null, unit: "mL/dL", path: "1.1.7" },
  { key: "PVI", code: "MASIMO_PVI", mdc: null, unit: "%", path: "1.1.8" },
  { key: "DESAT", code: "MASIMO_DESAT", mdc: null, unit: "1", path: "1.1.9" },
  { key: "PIDELTA", code: "MASIMO_PIDELTA", mdc: null, unit: "1", path: "1.1.10" },
];

/** 001 no sensor, 002 defective, 008 pulse search, 020 sensor off, 080 unrecognised: there is no measurement. */
const EXC_NO_VALUE = 0x001 | 0x002 | 0x008 | 0x020 | 0x080;
/** 004 low perfusion, 010 interference, 040 ambient light, 400 low signal IQ. */
const EXC_QUESTIONABLE = 0x004 | 0x010 | 0x040 | 0x400;

function qualityOf(exceptions: number): Quality {
  if ((exceptions & EXC_NO_VALUE) !== 0) {
    return "unavailable";
  }
  return (exceptions & EXC_QUESTIONABLE) === 0 ? "valid" : "questionable";
}

function number(
  printed: string,
  { code, mdc, unit, path }: Ascii1Term,
  quality: Quality,
  deviceAt: number | null,
): Measured {
  const [text = ""] = /^[+-]?\d+(?:\.\d+)?/.exec(printed) ?? [];
  return text === "" || quality === "unavailable"
    ? { code, mdc, value: null, text: "", unit, quality: ["unavailable"], path, deviceAt }
    : { code, mdc, value: Number(text), text, unit, quality: [quality], path, deviceAt };
}

function rawHex(key: string, raw: string, deviceAt: number | null): Measured {
  const code = `MASIMO_${key}`;
  return {
    code,
    mdc: null,
    value: raw,
    text: raw,
    unit: "1",
    quality: ["valid"],
    path: "1.1.0",
    deviceAt,
  };
}
