import type { Cell, Group } from "./dri-groups.ts";
import { group, inOrder, judgedBy } from "./dri-groups.ts";
import {
  agentCodes,
  co2Codes,
  ecgCodes,
  pressureCodes,
  saturationCodes,
  temperatureCodes,
} from "./dri-labels.ts";

/**
 * The four classes of physiological data, as chapter 3 of the specification has them: groups one after the other, each a header of
 * six bytes and values of 16 bits. Each class has 270 bytes; what is not in these tables is reserved.
 */
export const CLASS_BYTES = 270;

/** The extra ECG group has no header of its own: the ECG group at the start of the class speaks for it. */
const ECG_EXTRA_AT = 226;
const ECG_QUALITY = judgedBy(bits(7, 8, 9));
const GAS_QUALITY = judgedBy(0, bits(2));

const PRESSURE = group(
  [
    ["MDC_PRESS_BLD_SYS", "mm[Hg]", 2],
    ["MDC_PRESS_BLD_DIA", "mm[Hg]", 2],
    ["MDC_PRESS_BLD_MEAN", "mm[Hg]", 2],
    ["MDC_PULS_RATE", "/min", 0],
  ],
  { codes: pressureCodes, quality: judgedBy(0, bits(2)) },
);

/** What the monitor does with the cuff stands in the label: 5 measuring, 7 calibrating. */
const CUFF = group(
  [
    ["MDC_PRESS_BLD_NONINV_SYS", "mm[Hg]", 2],
    ["MDC_PRESS_BLD_NONINV_DIA", "mm[Hg]", 2],
    ["MDC_PRESS_BLD_NONINV_MEAN", "mm[Hg]", 2],
    ["MDC_PULS_RATE_NON_INV", "/min", 0],
  ],
  {
    quality: ({ label }) => {
      if ((label & bits(7)) !== 0) {
        return "calibrating";
      }
      return (label & bits(5)) === 0 ? "valid" : "ongoing";
    },
  },
);

const TEMPERATURE = group([["MDC_TEMP", "Cel", 2]], { codes: temperatureCodes });

/** The fourth value is not used since edition '09; the saturation group has it. */
const OXIMETER = group([
  ["MDC_PULS_OXIM_SAT_O2", "%", 2],
  ["MDC_PULS_OXIM_PULS_RATE", "/min", 0],
  ["GE_PLETH_AMPLITUDE", "%", 2],
  null,
]);

export const BASIC: readonly Group[] = inOrder(
  group(
    [
      ["GE_HR", "/min", 0],
      ["GE_ST_1", "mm", 2],
      ["GE_ST_2", "mm", 2],
      ["GE_ST_3", "mm", 2],
      ["MDC_TTHOR_RESP_RATE", "/min", 0],
    ],
    { codes: ecgCodes, quality: ECG_QUALITY },
  ),
  PRESSURE,
  PRESSURE,
  PRESSURE,
  PRESSURE,
  CUFF,
  TEMPERATURE,
  TEMPERATURE,
  TEMPERATURE,
  TEMPERATURE,
  OXIMETER,
  group(
    [
      ["MDC_CONC_AWAY_CO2_ET", "%", 2],
      ["MDC_CONC_AWAY_CO2_INSP", "%", 2],
      ["MDC_CO2_RESP_RATE", "/min", 0],
      ["GE_AMBIENT_PRESSURE", "mm[Hg]", 1],
    ],
    { codes: co2Codes, quality: judgedBy(bits(5, 6), bits(3, 4)) },
  ),
  group(
    [
      ["MDC_CONC_AWAY_O2_ET", "%", 2],
      ["MDC_CONC_AWAY_O2_INSP", "%", 2],
    ],
    { quality: GAS_QUALITY },
  ),
  group(
    [
      ["MDC_CONC_AWAY_N2O_ET", "%", 2],
      ["MDC_CONC_AWAY_N2O_INSP", "%", 2],
    ],
    { quality: GAS_QUALITY },
  ),
  group(
    [
      ["MDC_CONC_AWAY_AGENT_ET", "%", 2],
      ["MDC_CONC_AWAY_AGENT_INSP", "%", 2],
      ["GE_MAC_SUM", "1", 2],
    ],
    { codes: agentCodes, quality: GAS_QUALITY },
  ),
  group(
    [
      ["MDC_AWAY_RESP_RATE", "/min", 0],
      ["GE_PPEAK", "cm[H2O]", 2],
      ["MDC_VENT_PRESS_AWAY_END_EXP_POS", "cm[H2O]", 2],
      ["MDC_PRESS_RESP_PLAT", "cm[H2O]", 2],
      ["GE_TV_INSP", "mL", 1],
      ["GE_TV_EXP", "mL", 1],
      ["MDC_COMPL_LUNG", "mL/cm[H2O]", 2],
      ["MDC_VOL_MINUTE_AWAY_EXP", "L/min", 2],
    ],
    { quality: judgedBy(bits(2, 5, 6), bits(3, 4)) },
  ),
  group([
    ["MDC_OUTPUT_CARD", "mL/min", 0],
    ["MDC_TEMP_BLD", "Cel", 2],
    ["GE_RIGHT_EF", "%", 2],
    ["MDC_PRESS_BLD_ART_PULM_WEDGE", "mm[Hg]", 2],
  ]),
  // The third value is a bit field.
  group([["GE_NMT_T1", "%", 1], ["GE_NMT_RATIO", "%", 1], null]),
  group(
    [
      ["GE_HR_ECG", "/min", 0],
      ["GE_HR_MAX", "/min", 0],
      ["GE_HR_MIN", "/min", 0],
    ],
    { headerBack: ECG_EXTRA_AT, quality: ECG_QUALITY },
  ),
  group([["MDC_SAT_O2_VEN", "%", 2]], {
    codes: saturationCodes,
    quality: judgedBy(bits(2, 3, 4, 5, 7, 8, 9)),
  }),
  PRESSURE,
  PRESSURE,
);

export const EXT1: readonly Group[] = inOrder(
  group(
    [
      ["GE_HR_ARRH", "/min", 0],
      ["GE_RR_TIME", "ms", 0],
      ["MDC_ECG_V_P_C_RATE", "/min", 0],
    ],
    { quality: ECG_QUALITY, reserved: 36 },
  ),
  group(
    ["I", "II", "III", "AVL", "AVR", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"].map(
      (lead): Cell => [`MDC_ECG_AMPL_ST_${lead}`, "mm", 2],
    ),
    { quality: ECG_QUALITY },
  ),
  PRESSURE,
  PRESSURE,
  OXIMETER,
  TEMPERATURE,
  TEMPERATURE,
);

/** Leads off, artifact and noise of each channel: status bits 9, 13, 17 and the three after each. */
const eegQuality: Group["quality"] = ({ status }, place) => {
  const channel = Math.floor((place - 1) / EEG_CHANNEL_FIELDS);
  const wanted = place === 0 ? 0 : bits(9 + channel, 13 + channel, 17 + channel);
  return (status & wanted) === 0 ? "valid" : "questionable";
};
const EEG_CHANNEL_FIELDS = 8;

export const EXT2: readonly Group[] = inOrder(
  group([["GE_NMT_COUNT", "1", 0]], { reserved: 16 }),
  group([["GE_EEG_FEMG", "uV", 1], ...[1, 2, 3, 4].flatMap(eegChannel)], { quality: eegQuality }),
  group([
    ["MDC_EEG_BISPECTRAL_INDEX", "1", 0],
    ["GE_BIS_SQI", "%", 0],
    ["GE_BIS_EMG", "dB", 0],
    ["GE_BIS_SR", "%", 0],
    null,
  ]),
  group(
    [
      ["GE_ENTROPY_STATE", "1", 0],
      ["GE_ENTROPY_RESPONSE", "1", 0],
      ["GE_ENTROPY_BSR", "%", 0],
    ],
    { quality: judgedBy(bits(2, 3, 4, 11, 12, 23)), reserved: 16 + 58 },
  ),
  // Electrode labels of the EEG channels.
  group([], { reserved: 26 }),
  group([["GE_SPI", "1", 0]], { quality: judgedBy(bits(2, 3, 4, 5, 6, 7, 8, 10)) }),
);

export const EXT3: readonly Group[] = inOrder(
  group([
    ["GE_VO2", "mL/min", 1],
    ["MDC_FLOW_CO2_PROD_RESP", "mL/min", 1],
    ["GE_ENERGY", "kcal/d", 0],
    ["GE_RQ", "1", 3],
  ]),
  group(
    [
      ["MDC_PRESS_AWAY_END_EXP_POS_INTRINSIC", "cm[H2O]", 2],
      ["GE_PMEAN", "cm[H2O]", 2],
      ["MDC_RES_AWAY", "cm[H2O].s/L", 2],
      ["MDC_VOL_MINUTE_AWAY_INSP", "L/min", 2],
      ["GE_PEEP_EXTRINSIC", "cm[H2O]", 2],
      ["GE_MV_SPONT", "L/min", 2],
      ["GE_RATIO_IE", "1", 2],
      ["GE_INSP_TIME", "s", 2],
      ["GE_EXP_TIME", "s", 2],
      ["MDC_COMPL_LUNG_STATIC", "mL/cm[H2O]", 2],
      ["GE_PPLAT_STATIC", "cm[H2O]", 2],
      ["GE_PEEP_EXTRINSIC_STATIC", "cm[H2O]", 2],
      ["GE_PEEP_INTRINSIC_STATIC", "cm[H2O]", 2],
    ],
    { reserved: 14 },
  ),
  group([
    ["GE_BALANCE_GAS_ET", "%", 2],
    ["GE_BALANCE_GAS_INSP", "%", 2],
  ]),
  group(
    [
      ["GE_TONO_PRCO2", "kPa", 2],
      ["GE_TONO_PR_ET", "kPa", 2],
      ["GE_TONO_PR_PA", "kPa", 2],
      ["GE_TONO_PA_DELAY", "min", 0],
      ["GE_TONO_PHI", "[pH]", 2],
      ["GE_TONO_PHI_DELAY", "min", 0],
      ["GE_TONO_AMBIENT_PRESSURE", "mm[Hg]", 1],
      ["GE_TONO_CPMA", "mbar", 1],
    ],
    { quality: judgedBy(bits(2, 3, 4, 5)) },
  ),
  group([["GE_MAC_AGE", "1", 2]], { reserved: 16 }),
  group([
    ["GE_SPV", "mm[Hg]", 2],
    ["GE_PPV", "%", 2],
  ]),
  group([["MDC_PRESS_CEREB_PERF", "mm[Hg]", 2]]),
  group([["MDC_PRESS_CEREB_PERF", "mm[Hg]", 2]]),
  group([
    ["GE_PICCO_CCI", "mL/min/m2", 0],
    ["GE_PICCO_CCO", "mL/min", 0],
    ["GE_PICCO_CFI", "/min", 2],
    ["GE_PICCO_CI", "mL/min/m2", 0],
    ["GE_PICCO_CO", "mL/min", 0],
    ["GE_PICCO_CPI", "mW/m2", 0],
    ["GE_PICCO_CPO", "mW", 0],
    ["GE_PICCO_DPMAX", "mm[Hg]/s", 0],
    ["GE_PICCO_ELWI", "mL/kg", 1],
    ["GE_PICCO_EVLW", "mL", 0],
    ["GE_PICCO_GEDI", "mL/m2", 0],
    ["GE_PICCO_GEDV", "mL", 0],
    ["GE_PICCO_GEF", "%", 1],
    ["GE_PICCO_ITBI", "mL/m2", 0],
    ["GE_PICCO_ITBV", "mL", 0],
    ["GE_PICCO_PPV", "%", 1],
    ["GE_PICCO_PVPI", "1", 2],
    ["GE_PICCO_SV", "mL", 1],
    ["GE_PICCO_SVI", "mL/m2", 1],
    ["GE_PICCO_SVR", "dyn.s/cm5", 0],
    ["GE_PICCO_SVRI", "dyn.s.m2/cm5", 0],
    ["GE_PICCO_SVV", "%", 1],
    ["GE_PICCO_TBLOOD", "Cel", 2],
    ["GE_PICCO_TINJ", "Cel", 2],
  ]),
);

function eegChannel(channel: number): Cell[] {
  const name = `GE_EEG${channel}`;
  return [
    [`${name}_AMPL`, "uV", 1],
    [`${name}_SEF`, "Hz", 1],
    [`${name}_MF`, "Hz", 1],
    [`${name}_DELTA`, "%", 0],
    [`${name}_THETA`, "%", 0],
    [`${name}_ALPHA`, "%", 0],
    [`${name}_BETA`, "%", 0],
    [`${name}_BSR`, "%", 0],
  ];
}

/** A word with these bits set. */
function bits(...places: readonly number[]): number {
  return places.reduce((word, place) => word | (1 << place), 0);
}
