/**
 * Units of the UNECE list (Recommendation 20) as OPC-UA servers declare them in EngineeringUnits, and the same unit in UCUM. The id
 * of a unit is its common code read as a number, one byte a character (OPC 10000-8, EUInformation). Codes and symbols were
 * compared with the table in Eclipse Milo, which is made of the OPC Foundation's list, and where it has them with node-opcua's.
 */
const UCUM_BY_CODE = {
  // Numbers and ratios
  C62: "1",
  P1: "%",
  NX: "[ppth]",
  "59": "[ppm]",
  "2N": "dB",
  // Temperature
  CEL: "Cel",
  KEL: "K",
  FAH: "[degF]",
  // Pressure
  PAL: "Pa",
  "74": "mPa",
  A97: "hPa",
  KPA: "kPa",
  MPA: "MPa",
  BAR: "bar",
  MBR: "mbar",
  HN: "mm[Hg]",
  H78: "cm[H2O]",
  PS: "[psi]",
  ATM: "atm",
  // Mass, volume, length, area
  GRM: "g",
  KGM: "kg",
  MGM: "mg",
  MC: "ug",
  LTR: "L",
  DLT: "dL",
  MLT: "mL",
  "4G": "uL",
  MTQ: "m3",
  DMQ: "dm3",
  CMQ: "cm3",
  MMQ: "mm3",
  MTR: "m",
  CMT: "cm",
  MMT: "mm",
  "4H": "um",
  C45: "nm",
  MTK: "m2",
  CMK: "cm2",
  // Time and what is counted in it
  SEC: "s",
  C26: "ms",
  B98: "us",
  MIN: "min",
  HUR: "h",
  DAY: "d",
  HTZ: "Hz",
  KHZ: "kHz",
  MHZ: "MHz",
  RPM: "/min",
  RPS: "/s",
  BPM: "/min",
  // Speed and flow
  MTS: "m/s",
  "2X": "m/min",
  L2: "L/min",
  "41": "mL/min",
  G51: "L/s",
  "40": "mL/s",
  E32: "L/h",
  G55: "mL/h",
  MQH: "m3/h",
  MQS: "m3/s",
  G53: "m3/min",
  KGS: "kg/s",
  E93: "kg/h",
  F27: "g/h",
  F28: "g/min",
  F33: "mg/min",
  "4M": "mg/h",
  // Electricity, power, energy
  VLT: "V",
  "2Z": "mV",
  D82: "uV",
  KVT: "kV",
  AMP: "A",
  "4K": "mA",
  B84: "uA",
  OHM: "Ohm",
  B49: "kOhm",
  B75: "MOhm",
  SIE: "S",
  B99: "uS",
  D10: "S/m",
  H43: "S/cm",
  H61: "mS/cm",
  G42: "uS/cm",
  WTT: "W",
  KWT: "kW",
  C31: "mW",
  D80: "uW",
  JOU: "J",
  KJO: "kJ",
  WHR: "W.h",
  KWH: "kW.h",
  NEW: "N",
  C65: "Pa.s",
  C24: "mPa.s",
  // Amount and concentration
  C34: "mol",
  C18: "mmol",
  FH: "umol",
  C38: "mol/L",
  C35: "mol/dm3",
  GL: "g/L",
  M1: "mg/L",
  GJ: "g/mL",
  "23": "g/cm3",
  KMQ: "kg/m3",
  A93: "g/m3",
  GP: "mg/m3",
  GQ: "ug/m3",
  M33: "mmol/L",
  H29: "ug/L",
  KAT: "kat",
  // Light, angle, radiation
  LUX: "lx",
  LUM: "lm",
  CDL: "cd",
  D54: "W/m2",
  DD: "deg",
  C81: "rad",
  BQL: "Bq",
  "2Q": "kBq",
  "4N": "MBq",
  GBQ: "GBq",
  A95: "Gy",
  C13: "mGy",
  D13: "Sv",
  C28: "mSv",
} as const;

/** The UCUM unit of a UNECE unit id, or null for one that is not in the table. */
export function ucumOf(unitId: number): string | null {
  return UCUM_BY_ID.get(unitId) ?? null;
}

/** The UNECE unit ids that mean a UCUM unit; none for a unit that is not in the table. */
export function unitIdsOf(ucum: string): readonly number[] {
  return IDS_BY_UCUM.get(ucum) ?? [];
}

/** All of the table: UNECE unit id and UCUM unit. */
export const UCUM_BY_ID: ReadonlyMap<number, string> = new Map(
  Object.entries(UCUM_BY_CODE).map(([code, ucum]) => [idOf(code), ucum]),
);

const IDS_BY_UCUM: ReadonlyMap<string, readonly number[]> = new Map(
  [...Map.groupBy(UCUM_BY_ID, ([, ucum]) => ucum)].map(([ucum, pairs]) => [
    ucum,
    pairs.map(([id]) => id),
  ]),
);

function idOf(code: string): number {
  let id = 0;
  for (let place = 0; place < code.length; place += 1) {
    id = 256 * id + code.charCodeAt(place);
  }
  return id;
}
