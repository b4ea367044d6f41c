import type { Code, Group, GroupHeader } from "./dri-groups.ts";
import { named } from "./dri-groups.ts";

/** What the labels of groups say about the codes of their values. Numbers as in the tables of the specification. */

/** The heart rate is the ECG's only when the monitor takes it from there (status bits 3-6). */
export const ecgCodes: Group["codes"] = ({ status, label }) => {
  const source = (status >> 3) & 0x0f;
  return [HEART_RATES[source] ?? HEART_RATE_UNKNOWN, st(label, 8), st(label, 4), st(label, 0)];
};

/** Systolic, diastolic and mean, by the site that the user has named. */
export const pressureCodes: Group["codes"] = ({ label }) => PRESSURES[label] ?? PRESSURE_UNNAMED;

export const temperatureCodes: Group["codes"] = ({ label }) =>
  TEMPERATURES[label] ?? TEMPERATURE_UNNAMED;

export const agentCodes: Group["codes"] = ({ label }) => AGENTS[label] ?? AGENT_UNKNOWN;

/** Up to edition '03 the rate is that of the source in the label, later always that of CO2. */
export const co2Codes: Group["codes"] = ({ label, level }) =>
  level < LEVEL_2003 && (label & 0x07) === 2 ? RATE_BY_IMPEDANCE : NO_CODES;

/** The label names the saturation from edition '09 on; before, it is venous. */
export const saturationCodes: Group["codes"] = ({ label, level }) =>
  level < LEVEL_2009 ? SATURATION_VENOUS : (SATURATIONS[label & 0x03] ?? SATURATION_UNNAMED);

const LEVEL_2003 = 8;
const LEVEL_2009 = 10;

const NO_CODES: readonly (Code | null)[] = [];
const ECG_RATE = named("MDC_ECG_HEART_RATE");
const PULSE_RATE = named("MDC_PULS_RATE");
const PULSE_OXIMETER_RATE = named("MDC_PULS_OXIM_PULS_RATE");
const HEART_RATE_UNKNOWN = named("GE_HR");
/** ECG, pressure channels 1-4, SpO2, channels 5-6, ECG (Mortara), channels 7-8, second SpO2. */
const HEART_RATES: Readonly<Record<number, Code>> = {
  1: ECG_RATE,
  2: PULSE_RATE,
  3: PULSE_RATE,
  4: PULSE_RATE,
  5: PULSE_RATE,
  6: PULSE_OXIMETER_RATE,
  7: PULSE_RATE,
  8: PULSE_RATE,
  9: ECG_RATE,
  10: PULSE_RATE,
  11: PULSE_RATE,
  12: PULSE_OXIMETER_RATE,
};

/** Lead 7 is any of V1-V6: which one is not said. */
const ST_LEVELS: readonly (Code | null)[] = [
  null,
  ...["I", "II", "III", "AVR", "AVL", "AVF"].map((lead) => named(`MDC_ECG_AMPL_ST_${lead}`)),
  named("GE_ST_V"),
];

/** Four bits of the label name the lead of one channel. */
function st(label: number, shift: number): Code | null {
  return ST_LEVELS[(label >> shift) & 0x0f] ?? null;
}

const PRESSURE_UNNAMED = pressure("MDC_PRESS_BLD");
/** Channels named by number only (9-14, 20, 21) have no site. */
const PRESSURES: Readonly<Record<number, readonly Code[]>> = {
  1: pressure("MDC_PRESS_BLD_ART"),
  2: meanOnly("GE_CVP", "MDC_PRESS_BLD_VEN_CENT_MEAN"),
  3: pressure("MDC_PRESS_BLD_ART_PULM"),
  4: pressure("MDC_PRESS_BLD_ATR_RIGHT"),
  5: pressure("GE_RVP"),
  6: pressure("MDC_PRESS_BLD_ATR_LEFT"),
  7: meanOnly("GE_ICP", "MDC_PRESS_INTRA_CRAN"),
  8: pressure("MDC_PRESS_BLD_ART_ABP"),
  15: pressure("GE_SP"),
  16: pressure("GE_FEM"),
  17: pressure("GE_UAC"),
  18: pressure("GE_UVC"),
  19: meanOnly("GE_ICP", "MDC_PRESS_INTRA_CRAN"),
  22: pressure("GE_FEMV"),
};

function pressure(site: string): readonly Code[] {
  return ["SYS", "DIA", "MEAN"].map((part) => named(`${site}_${part}`));
}

/** For sites whose measurement is the mean. */
function meanOnly(site: string, mean: string): readonly Code[] {
  return [named(`${site}_SYS`), named(`${site}_DIA`), named(mean)];
}

const TEMPERATURE_UNNAMED = [named("MDC_TEMP")];
/** T1-T6 (11-14, 17, 18) have no site. */
const TEMPERATURES: Readonly<Record<number, readonly Code[]>> = {
  1: [named("MDC_TEMP_ESOPH")],
  2: [named("MDC_TEMP_NASOPH")],
  3: [named("MDC_TEMP_TYMP")],
  4: [named("MDC_TEMP_RECT")],
  5: [named("GE_TEMP_BLAD")],
  6: [named("GE_TEMP_AXIL")],
  7: [named("MDC_TEMP_SKIN")],
  8: [named("MDC_TEMP_AWAY")],
  9: [named("MDC_TEMP_ROOM")],
  10: [named("GE_TEMP_MYO")],
  15: [named("MDC_TEMP_CORE")],
  16: [named("GE_TEMP_SURF")],
};

const AGENT_UNKNOWN = agent("AGENT");
const AGENTS: Readonly<Record<number, readonly Code[]>> = {
  2: agent("HALOTH"),
  3: agent("ENFL"),
  4: agent("ISOFL"),
  5: agent("DESFL"),
  6: agent("SEVOFL"),
};

function agent(name: string): readonly Code[] {
  return [named(`MDC_CONC_AWAY_${name}_ET`), named(`MDC_CONC_AWAY_${name}_INSP`)];
}

const RATE_BY_IMPEDANCE: readonly (Code | null)[] = [null, null, named("MDC_TTHOR_RESP_RATE")];

const SATURATION_VENOUS = [named("MDC_SAT_O2_VEN")];
const SATURATION_UNNAMED = [named("GE_SO2")];
const SATURATIONS: readonly (readonly Code[])[] = [
  SATURATION_UNNAMED,
  [named("MDC_SAT_O2_ART")],
  SATURATION_VENOUS,
];

/** Whether the module of a group is there (status bit 0). */
export function exists({ status }: GroupHeader): boolean {
  return (status & 0x01) !== 0;
}
