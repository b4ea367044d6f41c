import type { Measured } from "../device.ts";
import type { Quality } from "../../reading.ts";
import type { Ascii1Line } from "./ascii1-line.ts";

/**
 * What one line means. EXC decides whether its numbers may be used: with the sensor off some software prints 000 or the last
 * value where others print dashes. Numbers keep the digits the device printed. ALARM is handed on as raw hex: its bits are not public.
 */
export function readingsOf(line: Ascii1Line, hemoglobinUnit: string): Measured[] {
  const { exceptions, deviceAt } = line;
  const quality = qualityOf(exceptions);
  const readings: Measured[] = [];
  for (const term of TERMS) {
    const printed = valueOf(line, term.key);
    if (printed !== undefined) {
      const lowConfidence = (exceptions & (term.lowConfidence ?? 0)) !== 0;
      const own = lowConfidence && quality === "valid" ? "questionable" : quality;
      const unit = term.key === "SPHB" ? (printedUnit(printed) ?? hemoglobinUnit) : term.unit;
      readings.push(number(printed, term, { unit, quality: own, deviceAt }));
    }
  }
  for (const key of RAW_KEYS) {
    const raw = valueOf(line, key);
    if (raw !== undefined) {
      readings.push(rawHex(key, raw, deviceAt));
    }
  }
  return readings;
}

/** What the line says under a key, or undefined when it has none. */
export function valueOf({ layout, values }: Ascii1Line, key: string): string | undefined {
  const place = layout.places.get(key);
  return place === undefined ? undefined : values[place];
}

interface Ascii1Term {
  readonly key: string;
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
  readonly path: string;
  /** Nobody has this measurement at zero: some software prints 000 for "no value" even without an EXC bit. */
  readonly neverZero?: boolean;
  /** The EXC bit that says the device has little confidence in this value. */
  readonly lowConfidence?: number;
}

const TERMS: readonly Ascii1Term[] = [
  {
    key: "SPO2",
    code: "MDC_PULS_OXIM_SAT_O2",
    mdc: 150456,
    unit: "%",
    path: "1.1.1",
    neverZero: true,
  },
  {
    key: "BPM",
    code: "MDC_PULS_OXIM_PULS_RATE",
    mdc: 149530,
    unit: "/min",
    path: "1.1.2",
    neverZero: true,
  },
  {
    key: "PI",
    code: "MDC_PULS_OXIM_PERF_REL",
    mdc: 150448,
    unit: "%",
    path: "1.1.3",
    neverZero: true,
  },
  {
    key: "SPCO",
    code: "MASIMO_SPCO",
    mdc: null,
    unit: "%",
    path: "1.1.4",
    lowConfidence: 0x20_00_00,
  },
  {
    key: "SPMET",
    code: "MASIMO_SPMET",
    mdc: null,
    unit: "%",
    path: "1.1.5",
    lowConfidence: 0x40_00_00,
  },
  { key: "SPHB", code: "MASIMO_SPHB", mdc: null, unit: "g/dL", path: "1.1.6" },
  { key: "SPOC", code: "MASIMO_SPOC", mdc: null, unit: "mL/dL", path: "1.1.7" },
  { key: "PVI", code: "MASIMO_PVI", mdc: null, unit: "%", path: "1.1.8" },
  { key: "DESAT", code: "MASIMO_DESAT", mdc: null, unit: "1", path: "1.1.9" },
  { key: "PIDELTA", code: "MASIMO_PIDELTA", mdc: null, unit: "1", path: "1.1.10" },
];
const RAW_KEYS = ["ALARM", "EXC"];

/**
 * There is no measurement: 001 no sensor, 002 defective sensor, 008 pulse search, 020 sensor off, 080 unrecognised sensor; and as
 * MD PnP's Radical driver names them: 100 incompatible sensor, 1000 no cable, 4000 incompatible, 8000 unrecognised, 10000 defective cable.
 */
const EXC_NO_VALUE =
  0x0_01 | 0x0_02 | 0x0_08 | 0x0_20 | 0x0_80 | 0x1_00 | 0x10_00 | 0x40_00 | 0x80_00 | 0x1_00_00;
/** 004 low perfusion, 010 interference, 040 ambient light, 400 low signal IQ; 80000 emitter too hot or cold, 100000 its current. */
const EXC_QUESTIONABLE = 0x0_04 | 0x0_10 | 0x0_40 | 0x4_00 | 0x8_00_00 | 0x10_00_00;
/** 20000 sensor calibrating. */
const EXC_CALIBRATING = 0x2_00_00;

function qualityOf(exceptions: number): Quality {
  if ((exceptions & EXC_NO_VALUE) !== 0) {
    return "unavailable";
  }
  if ((exceptions & EXC_CALIBRATING) !== 0) {
    return "calibrating";
  }
  return (exceptions & EXC_QUESTIONABLE) === 0 ? "valid" : "questionable";
}

interface Circumstances {
  readonly unit: string;
  readonly quality: Quality;
  readonly deviceAt: number | null;
}

function number(
  printed: string,
  { code, mdc, path, neverZero = false }: Ascii1Term,
  { unit, quality, deviceAt }: Circumstances,
): Measured {
  const text = digitsOf(printed);
  const value = Number(text);
  return text === "" || quality === "unavailable" || (neverZero && value === 0)
    ? { code, mdc, value: null, text: "", unit, quality: UNAVAILABLE, path, deviceAt }
    : {
        code,
        mdc,
        value,
        text,
        unit,
        quality: quality === "valid" ? VALID : [quality],
        path,
        deviceAt,
      };
}

/** The number without the unit that may follow it; "" for dashes. */
function digitsOf(printed: string): string {
  const last = printed.charCodeAt(printed.length - 1);
  if (last >= DIGIT_0 && last <= DIGIT_9) {
    return printed;
  }
  return /^[+-]?\d+(?:\.\d+)?/.exec(printed)?.[0] ?? "";
}

const DIGIT_0 = 48;
const DIGIT_9 = 57;
const UNAVAILABLE: readonly Quality[] = ["unavailable"];
const VALID: readonly Quality[] = ["valid"];

/** The unit behind the digits, spelled as UCUM does. */
function printedUnit(printed: string): string | undefined {
  const isMetric = /mmol\/L$/i.test(printed);
  return isMetric ? "mmol/L" : /g\/dL$/i.test(printed) ? "g/dL" : undefined;
}

function rawHex(key: string, raw: string, deviceAt: number | null): Measured {
  const code = `MASIMO_${key}`;
  return {
    code,
    mdc: null,
    value: raw,
    text: raw,
    unit: "1",
    quality: VALID,
    path: "1.1.0",
    deviceAt,
  };
}
