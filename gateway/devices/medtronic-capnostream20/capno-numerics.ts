import type { Measured } from "../device.ts";
import type { Quality } from "../../reading.ts";
import { decimalText } from "../decimal.ts";

/** The unit of all CO2 values of a monitor, as it is set. */
export interface Co2Unit {
  /** UCUM. */
  readonly unit: string;
  /** Decimal places of the numbers it sends: kPa and vol% come in tenths. */
  readonly places: 0 | 1;
}

/** The numerics message: one a second. */
export interface Numerics {
  /** The monitor's clock, epoch milliseconds, uncorrected. */
  readonly deviceAt: number;
  readonly co2: Co2Unit;
  /** etCO2, FiCO2, respiration rate, SpO2 and pulse rate as sent; 255 is "no value". */
  readonly values: readonly number[];
  /** The same message from the events' index on: alarm bits, limits, unit and status. */
  readonly data: Uint8Array;
}

/** Bytes of the numerics without code; newer monitors send more after them. */
export const NUMERICS_BYTES = 27;
const PLACE_VALUES = 4;
const PLACE_CO2_ALARMS = 13;
const PLACE_SPO2_ALARMS = 14;
const PLACE_UNIT = 25;
const PLACE_CO2_STATUS = 26;
const VALUES = 5;
const NO_VALUE = 255;
/** High limit before low limit: etCO2, respiration, SpO2, pulse. Between them stands the one limit of FiCO2. */
const LIMITS = [16, 18, 21, 23] as const;

const UNITS: ReadonlyMap<number, Co2Unit> = new Map([
  [1, { unit: "mm[Hg]", places: 0 }],
  [2, { unit: "kPa", places: 1 }],
  [3, { unit: "%", places: 1 }],
]);

/** Reads the data of a numerics message; a string says in plain words why it cannot be used. */
export function numericsOf(data: Uint8Array): Numerics | string {
  if (data.length < NUMERICS_BYTES) {
    return "numerics that are too short";
  }
  const co2 = UNITS.get(data[PLACE_UNIT] ?? 0);
  const values = [...data.subarray(PLACE_VALUES, PLACE_VALUES + VALUES)];
  if (co2 === undefined || invertedLimits(data) > 1) {
    return "numerics whose bytes are shifted: their unit or alarm limits make no sense";
  }
  if ((values[3] ?? 0) > 100 && values[3] !== NO_VALUE) {
    return "numerics with a saturation over 100 %";
  }
  const seconds = new DataView(data.buffer, data.byteOffset).getUint32(0);
  return { deviceAt: seconds * 1000, co2, values, data };
}

function invertedLimits(data: Uint8Array): number {
  return LIMITS.filter((place) => {
    const [high = 0, low = 0] = data.subarray(place, place + 2);
    return high < low && low !== NO_VALUE;
  }).length;
}

/**
 * Some monitors send numerics with a good checksum whose values stand one place off, so that the saturation is the respiration rate of the
 * second before. Looking at ranges does not find that; looking at the second before does.
 */
export function isShifted(values: readonly number[], last: readonly number[]): boolean {
  const near = (from: number): number =>
    values.filter((value, place) => {
      const before = last[place - from];
      return before !== undefined && Math.abs(value - before) <= NEAR;
    }).length;
  if (near(0) <= 1 && (near(1) >= SHIFTED_MIN || near(-1) >= SHIFTED_MIN)) {
    return true;
  }
  const [saturation = NO_VALUE, lastSaturation = NO_VALUE] = [values[3], last[3]];
  const lastBreaths = last[2] ?? NO_VALUE;
  return (
    saturation !== NO_VALUE &&
    saturation === lastBreaths &&
    (lastSaturation === NO_VALUE || Math.abs(saturation - lastSaturation) > SATURATION_STEP_MAX)
  );
}

/** Values of one second and the next differ by less than this. */
const NEAR = 3;
/** So many of the four values that have a neighbour must be their neighbour's value of the second before. */
const SHIFTED_MIN = 3;
/** No saturation moves so far in a second (per cent). */
const SATURATION_STEP_MAX = 15;

/** What the numerics of one second say. */
export function readingsOf({ deviceAt, co2, values, data }: Numerics): Measured[] {
  const status = data[PLACE_CO2_STATUS] ?? 0;
  const co2Alarms = data[PLACE_CO2_ALARMS] ?? 0;
  const spo2Alarms = data[PLACE_SPO2_ALARMS] ?? 0;
  const isPercent = co2.unit === "%";
  const read = (term: Term, place: number, state: ValueState): Measured => {
    const value = values[place] ?? NO_VALUE;
    const text = decimalText(value, place < 2 ? co2.places : 0);
    const isGiven = state.isAvailable && value !== NO_VALUE && (place < 3 || value !== 0);
    return isGiven
      ? { ...term, value: Number(text), text, quality: qualityOf(state), deviceAt }
      : { ...term, value: null, text: "", quality: ["unavailable"], deviceAt };
  };
  const gas = (alarms: number): ValueState => ({
    isAvailable: (status & STATUS_PUMP_OFF) === 0,
    isQuestionable: (status & STATUS_CHECK) !== 0,
    isInAlarm: (co2Alarms & alarms) !== 0,
  });
  const pulse = (alarms: number): ValueState => ({
    isAvailable: (spo2Alarms & ALARM_NO_SPO2) === 0,
    isQuestionable: false,
    isInAlarm: (spo2Alarms & alarms) !== 0,
  });
  return [
    read({ ...(isPercent ? ETCO2_PERCENT : ETCO2), unit: co2.unit }, 0, gas(0x02 | 0x04)),
    read({ ...(isPercent ? FICO2_PERCENT : FICO2), unit: co2.unit }, 1, gas(0x20)),
    read(BREATHS, 2, gas(0x08 | 0x10)),
    read(SPO2, 3, pulse(0x02 | 0x04)),
    read(PULSE, 4, pulse(0x08 | 0x10)),
    rawStatus(status, deviceAt),
  ];
}

type Term = Pick<Measured, "code" | "mdc" | "unit" | "path">;

const ETCO2 = { code: "MDC_AWAY_CO2_ET", mdc: 151728, path: "1.1.1" } as const;
const ETCO2_PERCENT = { code: "MDC_CONC_AWAY_CO2_ET", mdc: 151708, path: "1.1.1" } as const;
const FICO2 = { code: "MEDTRONIC_FICO2", mdc: null, path: "1.1.2" } as const;
const FICO2_PERCENT = { code: "MDC_CONC_AWAY_CO2_INSP", mdc: 151716, path: "1.1.2" } as const;
const BREATHS = { code: "MDC_CO2_RESP_RATE", mdc: 151594, unit: "/min", path: "1.1.3" } as const;
const SPO2 = { code: "MDC_PULS_OXIM_SAT_O2", mdc: 150456, unit: "%", path: "1.2.1" } as const;
const PULSE = {
  code: "MDC_PULS_OXIM_PULS_RATE",
  mdc: 149530,
  unit: "/min",
  path: "1.2.2",
} as const;

/** Check calibration, check flow. */
const STATUS_CHECK = 0x01 | 0x02;
const STATUS_PUMP_OFF = 0x04;
/** Pulse not found, sensor off patient, sensor disconnected: the protocol calls SpO2 "not available" then. */
const ALARM_NO_SPO2 = 0x01 | 0x20 | 0x40;

interface ValueState {
  readonly isAvailable: boolean;
  readonly isQuestionable: boolean;
  readonly isInAlarm: boolean;
}

function qualityOf({ isQuestionable, isInAlarm }: ValueState): Quality[] {
  const quality: Quality[] = [];
  if (isQuestionable) {
    quality.push("questionable");
  }
  if (isInAlarm) {
    quality.push("in-alarm");
  }
  return quality.length === 0 ? ["valid"] : quality;
}

function rawStatus(status: number, deviceAt: number): Measured {
  const text = status.toString(16).toUpperCase().padStart(2, "0");
  return {
    code: "MEDTRONIC_CO2_STATUS",
    mdc: null,
    value: text,
    text,
    unit: "1",
    quality: ["valid"],
    path: "1.1.0",
    deviceAt,
  };
}
