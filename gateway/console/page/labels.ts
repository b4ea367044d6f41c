/** What codes are called at the bedside, short enough for a tile. Codes that are not here are shown as they are, made readable. */
const LABELS: Readonly<Record<string, readonly [english: string, german: string]>> = {
  MDC_ECG_HEART_RATE: ["Heart rate", "Herzfrequenz"],
  MDC_PULS_RATE: ["Pulse", "Puls"],
  MDC_PULS_OXIM_PULS_RATE: ["Pulse", "Puls"],
  MDC_PULS_OXIM_SAT_O2: ["SpO₂", "SpO₂"],
  MDC_PULS_OXIM_PERF_REL: ["Perfusion", "Perfusion"],
  MDC_RESP_RATE: ["Breaths", "Atmung"],
  MDC_TTHOR_RESP_RATE: ["Breaths", "Atmung"],
  MDC_CO2_RESP_RATE: ["Breaths", "Atmung"],
  MDC_AWAY_RESP_RATE: ["Breaths", "Atmung"],
  MDC_PRESS_BLD_NONINV_SYS: ["NIBP sys", "NIBP sys"],
  MDC_PRESS_BLD_NONINV_DIA: ["NIBP dia", "NIBP dia"],
  MDC_PRESS_BLD_NONINV_MEAN: ["NIBP mean", "NIBP mittel"],
  MDC_PRESS_BLD_ART_SYS: ["ART sys", "ART sys"],
  MDC_PRESS_BLD_ART_DIA: ["ART dia", "ART dia"],
  MDC_PRESS_BLD_ART_MEAN: ["ART mean", "ART mittel"],
  MDC_AWAY_CO2_ET: ["etCO₂", "etCO₂"],
  MDC_CONC_AWAY_CO2_ET: ["etCO₂", "etCO₂"],
  MDC_TEMP: ["Temperature", "Temperatur"],
  MDC_TEMP_BODY: ["Temperature", "Temperatur"],
  MDC_PRESS_AWAY_INSP_MAX: ["Peak pressure", "Spitzendruck"],
  MDC_PRESS_AWAY_END_EXP_POS: ["PEEP", "PEEP"],
  MDC_VOL_MINUTE_AWAY_EXP: ["Minute volume", "Minutenvolumen"],
  MDC_VOL_AWAY_TIDAL_EXP: ["Tidal volume", "Tidalvolumen"],
  MDC_FLOW_FLUID_PUMP: ["Pump rate", "Förderrate"],
  MDC_VOL_FLUID_DELIV: ["Given", "Verabreicht"],
};

/** The order in which a tile shows what it has; what is not here comes after. */
const FIRST = Object.keys(LABELS);

export function labelOf(code: string, isGerman: boolean): string {
  const label = LABELS[code];
  if (label !== undefined) {
    return label[isGerman ? 1 : 0];
  }
  const words = code.replace(/^MDC_/, "").replaceAll("_", " ").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** True for what has a place on a tile: the rest is shown when somebody opens the bed. */
export function isKnown(code: string): boolean {
  return LABELS[code] !== undefined;
}

/** A device's digits without the zeros that only fill its field: "079" is shown as "79", "0.50" as it is. */
export function digitsOf(text: string): string {
  return text.replace(/^([+-]?)0+(?=\d)/, "$1");
}

export function rankOf(code: string): number {
  const place = FIRST.indexOf(code);
  return place < 0 ? FIRST.length : place;
}

const UNITS: Readonly<Record<string, string>> = {
  "/min": "/min",
  "{beat}/min": "/min",
  "{breath}/min": "/min",
  "mm[Hg]": "mmHg",
  "cm[H2O]": "cmH₂O",
  Cel: "°C",
  "1": "",
  "L/min": "L/min",
  "mL/h": "mL/h",
  Ohm: "Ω",
  kOhm: "kΩ",
};

/** A UCUM unit as people write it. */
export function unitOf(ucum: string): string {
  return UNITS[ucum] ?? ucum;
}
