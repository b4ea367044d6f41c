import type { Measured } from "../device.ts";
import type { Quality } from "../../reading.ts";
import type { AnsarLine, AnsarName } from "./ansar-text.ts";

/** What the monitor is set to; its lines do not say it. */
export interface AnsarUnits {
  readonly temperature: string;
  readonly co2: string;
}

/**
 * Makes readings of the lines of one message after the other. The text has no checksum and no fixed widths, so a lost or doubled
 * digit makes another number. Two things give such a number away, and then it is no value: systolic, mean and diastolic that
 * are not in this order; and a number with more or fewer digits than in the message before and more than three times as large or
 * small. The same again in the next message counts.
 */
export class AnsarReadings {
  readonly #units: AnsarUnits;
  /** The last number of each path that was used, and one after it that was not. */
  readonly #used = new Map<string, string>();
  readonly #doubtful = new Map<string, string>();

  constructor(units: AnsarUnits) {
    this.#units = units;
  }

  of(line: AnsarLine): Measured[] {
    const { name, values, label, hasMessage } = line;
    const quality: Quality = hasMessage ? "in-alarm" : "valid";
    const texts = name === "SPO2" ? [...values, pulseOf(label)] : values;
    const isPossible = isOrdered(name, texts);
    const readings = texts.map((text, place) => {
      const term = this.#termOf(name, place, label);
      const isSteady = this.#isSteady(term.path, text);
      return measured(term, text, isPossible && isSteady ? quality : "invalid");
    });
    const source = name === "HR" ? label.trim() : "";
    return source === "" ? readings : [...readings, sourceOf(source)];
  }

  #termOf(name: AnsarName, place: number, label: string): Term {
    const term = TERMS[name][place] ?? UNKNOWN;
    switch (name) {
      case "HR":
        // The rate can come from another sensor than the ECG; then the label names no lead.
        return label.trim() === "" || label.startsWith("ECG") ? term : OTHER_RATE;
      case "ETCO2":
        return this.#units.co2 === "%" ? CO2_PERCENT : { ...term, unit: this.#units.co2 };
      case "T1":
      case "T2":
        return { ...term, unit: this.#units.temperature };
      default:
        return term;
    }
  }

  #isSteady(path: string, text: string): boolean {
    if (!isNumber(text)) {
      this.#used.delete(path);
      this.#doubtful.delete(path);
      return true;
    }
    const [used = text, doubtful] = [this.#used.get(path), this.#doubtful.get(path)];
    const isSteady = isNear(used, text) || (doubtful !== undefined && isNear(doubtful, text));
    this.#doubtful.delete(path);
    (isSteady ? this.#used : this.#doubtful).set(path, text);
    return isSteady;
  }
}

/** As many digits as before, or about as large. */
function isNear(before: string, text: string): boolean {
  const [last, next] = [Math.abs(Number(before)), Math.abs(Number(text))];
  return before.length === text.length || Math.max(last, next) <= JUMP_MAX * Math.min(last, next);
}

type Term = Pick<Measured, "code" | "mdc" | "unit" | "path">;

const JUMP_MAX = 3;

const RATE = "/min";
const PRESSURE = "mm[Hg]";
const UNKNOWN: Term = { code: "IVY_UNKNOWN", mdc: null, unit: "", path: "" };
const OTHER_RATE: Term = { code: "IVY_HR", mdc: null, unit: RATE, path: "1.1.1" };
const CO2_PERCENT: Term = { code: "MDC_CONC_AWAY_CO2_ET", mdc: 151708, unit: "%", path: "1.1.3" };

const TERMS: Readonly<Record<AnsarName, readonly Term[]>> = {
  HR: [{ code: "MDC_ECG_HEART_RATE", mdc: 147842, unit: RATE, path: "1.1.1" }],
  RR: [{ code: "MDC_RESP_RATE", mdc: 151562, unit: RATE, path: "1.1.2" }],
  ETCO2: [{ code: "MDC_AWAY_CO2_ET", mdc: 151728, unit: PRESSURE, path: "1.1.3" }],
  SPO2: [
    { code: "MDC_PULS_OXIM_SAT_O2", mdc: 150456, unit: "%", path: "1.1.4" },
    { code: "MDC_PULS_OXIM_PULS_RATE", mdc: 149530, unit: RATE, path: "1.1.5" },
  ],
  NIBP: [
    { code: "MDC_PRESS_BLD_NONINV_SYS", mdc: 150021, unit: PRESSURE, path: "1.1.6" },
    { code: "MDC_PRESS_BLD_NONINV_DIA", mdc: 150022, unit: PRESSURE, path: "1.1.7" },
    { code: "MDC_PRESS_BLD_NONINV_MEAN", mdc: 150023, unit: PRESSURE, path: "1.1.8" },
    { code: "MDC_PULS_RATE_NON_INV", mdc: 149546, unit: RATE, path: "1.1.9" },
  ],
  P1: invasive("1.2"),
  P2: invasive("1.3"),
  T1: [{ code: "MDC_TEMP", mdc: 150344, unit: "Cel", path: "1.1.10" }],
  T2: [{ code: "MDC_TEMP", mdc: 150344, unit: "Cel", path: "1.1.11" }],
};

function invasive(channel: string): readonly Term[] {
  return [
    { code: "MDC_PRESS_BLD_SYS", mdc: 150017, unit: PRESSURE, path: `${channel}.1` },
    { code: "MDC_PRESS_BLD_DIA", mdc: 150018, unit: PRESSURE, path: `${channel}.2` },
    { code: "MDC_PRESS_BLD_MEAN", mdc: 150019, unit: PRESSURE, path: `${channel}.3` },
  ];
}

/** `PR=80 `: the label of SPO2 carries the pulse rate. */
function pulseOf(label: string): string {
  const [, pulse = ""] = /^PR= *(\d{1,3}) *$/.exec(label) ?? [];
  return pulse;
}

/** Systolic, diastolic and mean as the monitor lists them. Where one is missing there is nothing to compare. */
function isOrdered(name: AnsarName, texts: readonly string[]): boolean {
  const [systolic = "", diastolic = "", mean = ""] = texts;
  const isPressure = name === "NIBP" || name === "P1" || name === "P2";
  if (!isPressure || ![systolic, diastolic, mean].every(isNumber)) {
    return true;
  }
  return Number(systolic) >= Number(mean) && Number(mean) >= Number(diastolic);
}

function isNumber(text: string): boolean {
  return /^-?\d/.test(text);
}

function measured(term: Term, text: string, quality: Quality): Measured {
  if (!isNumber(text) || quality === "invalid") {
    const why: Quality = isNumber(text) ? "invalid" : "unavailable";
    return { ...term, value: null, text: "", quality: [why], deviceAt: null };
  }
  return { ...term, value: Number(text), text, quality: [quality], deviceAt: null };
}

function sourceOf(source: string): Measured {
  const text = source.slice(0, SOURCE_CHARACTERS_MAX);
  return {
    code: "IVY_HR_SOURCE",
    mdc: null,
    value: text,
    text,
    unit: "1",
    quality: ["valid"],
    path: "1.1.0",
    deviceAt: null,
  };
}

const SOURCE_CHARACTERS_MAX = 40;
