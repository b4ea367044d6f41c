/**
 * Tells whether a text is a unit of the Unified Code for Units of Measure (UCUM), as far as devices on a ward need it: the syntax, and
 * the unit symbols below. It finds what people write instead ("°C", "bpm", "mmHg"), which a receiver could not read.
 */

/** Null for a good unit, else what to write instead. */
export function unitProblem(unit: string): string | null {
  const usual = Object.hasOwn(USUAL, unit) ? USUAL[unit] : undefined;
  if (usual !== undefined) {
    return `Write "${usual}"`;
  }
  const isGood = unit.replace(/^\//, "").split(/[./]/).every(isComponent);
  return isGood ? null : 'Write UCUM, for example "kg", "Cel", "mm[Hg]", "/min"; "1" for none';
}

/** A number, an annotation, or a symbol that may have an exponent and an annotation. */
function isComponent(component: string): boolean {
  if (NUMBER.test(component) || ANNOTATION.test(component)) {
    return true;
  }
  const [, symbol = ""] = SYMBOL.exec(component) ?? [];
  return isSymbol(symbol);
}

function isSymbol(symbol: string): boolean {
  return (
    METRIC.has(symbol) ||
    OTHERS.has(symbol) ||
    PREFIXES.some((prefix) => symbol.startsWith(prefix) && METRIC.has(symbol.slice(prefix.length)))
  );
}

const SYMBOL =
  /^((?:[A-Za-z%']|\[[A-Za-z0-9_'%]{1,12}\]){1,20})(?:[+-]?[1-9])?(?:\{[!-z|~]{1,24}\})?$/;
const NUMBER = /^(?:[1-9]\d{0,6}|10[*^][+-]?\d{1,2})(?:\{[!-z|~]{1,24}\})?$/;
const ANNOTATION = /^\{[!-z|~]{1,24}\}$/;

const PREFIXES: readonly string[] = "da Y Z E P T G M k h d c m u n p f a".split(" ");

/** Symbols that take a prefix. */
const METRIC: ReadonlySet<string> = new Set(
  [
    "m s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv kat L l bar t eV u cal",
    "Bd bit By dyn P St m[H2O] m[Hg] eq osm U [IU] [iU] B B[V] Np",
  ].flatMap((symbols) => symbols.split(" ")),
);

/** Symbols that take none. */
const OTHERS: ReadonlySet<string> = new Set(
  [
    "% [ppth] [ppm] [ppb] [pptr] ' '' deg gon min h d wk mo a att atm [degF] [degR] [psi] [in_i] [ft_i] [yd_i] [mi_i] [sft_i] [cin_i]",
    "[cft_i] [gal_us] [qt_us] [pt_us] [foz_us] [lb_av] [oz_av] [gr] [lbf_av] [in_i'H2O] [in_i'Hg] [Cal] [HP] [Ch] [pH] [drp] [diop]",
    "[CFU] [PFU] [MET]",
  ].flatMap((symbols) => symbols.split(" ")),
);

/** What people write, and its UCUM unit. C is the coulomb, which nobody measures on a ward. */
const USUAL: Readonly<Record<string, string>> = {
  "°C": "Cel",
  ºC: "Cel",
  C: "Cel",
  degC: "Cel",
  "°F": "[degF]",
  ºF: "[degF]",
  degF: "[degF]",
  bpm: "/min",
  BPM: "/min",
  rpm: "/min",
  mmHg: "mm[Hg]",
  cmH2O: "cm[H2O]",
  psi: "[psi]",
  lb: "[lb_av]",
  lbs: "[lb_av]",
  oz: "[oz_av]",
  Kg: "kg",
  KG: "kg",
  in: "[in_i]",
  inch: "[in_i]",
  ft: "[ft_i]",
  cfm: "[cft_i]/min",
  CFM: "[cft_i]/min",
  ppm: "[ppm]",
  ppb: "[ppb]",
  sec: "s",
  hour: "h",
  day: "d",
  Ω: "Ohm",
  ohm: "Ohm",
  µg: "ug",
  µL: "uL",
  µV: "uV",
  mcg: "ug",
  cc: "mL",
  IU: "[IU]",
  pH: "[pH]",
  "%RH": "%",
  percent: "%",
  none: "1",
};
