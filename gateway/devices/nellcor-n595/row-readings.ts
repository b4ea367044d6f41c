import type { Quality } from "../../reading.ts";
import type { Measured } from "../device.ts";
import type { Cell, Row } from "./page-line.ts";

/** What one row means. The status words decide whether its numbers may be used; they are handed on as they were printed. */
export function readingsOf({ spo2, rate, amplitude, status, deviceAt }: Row): Measured[] {
  const hasValue = !status.some((word) => NO_VALUE.has(word));
  const isQuestionable = status.some((word) => !SAYS_NOTHING.has(word));
  const circumstances = { hasValue, isQuestionable, deviceAt };
  const words = status.length === 0 ? "none" : status.join(" ");
  return [
    number(SPO2, spo2, circumstances),
    number(RATE, rate, circumstances),
    number(AMPLITUDE, amplitude, circumstances),
    { ...STATUS, value: words, text: words, quality: ["valid"], deviceAt },
  ];
}

/** Sensor disconnected, sensor off, pulse search, loss of pulse, loss of pulse with motion: there is no measurement. */
const NO_VALUE: ReadonlySet<string> = new Set(["SD", "SO", "PS", "LP", "LM"]);
/**
 * Words that say nothing against the numbers: alarm off, alarm silenced, low battery, and limits that were passed. Motion (MO), and
 * words that are not in the manuals, make them questionable.
 */
const SAYS_NOTHING: ReadonlySet<string> = new Set(["AO", "AS", "LB", "PH", "PL", "SH", "SL"]);

const SPO2 = { code: "MDC_PULS_OXIM_SAT_O2", mdc: 150456, unit: "%", path: "1.1.1" } as const;
const RATE = { code: "MDC_PULS_OXIM_PULS_RATE", mdc: 149530, unit: "/min", path: "1.1.2" } as const;
const AMPLITUDE = {
  code: "NELLCOR_PULSE_AMPLITUDE",
  mdc: null,
  unit: "1",
  path: "1.1.3",
} as const;
const STATUS = { code: "NELLCOR_STATUS", mdc: null, unit: "1", path: "1.1.0" } as const;

interface Circumstances {
  readonly hasValue: boolean;
  readonly isQuestionable: boolean;
  readonly deviceAt: number | null;
}

function number(
  term: Pick<Measured, "code" | "mdc" | "unit" | "path">,
  { digits, isOutside }: Cell,
  { hasValue, isQuestionable, deviceAt }: Circumstances,
): Measured {
  // Some models print zeros when the pulse was lost; zero is no measurement of any of the three.
  if (!hasValue || Number(digits) === 0) {
    return { ...term, value: null, text: "", quality: ["unavailable"], deviceAt };
  }
  const quality = isOutside ? IN_ALARM : VALID;
  return {
    ...term,
    value: Number(digits),
    text: digits,
    quality: isQuestionable ? quality.questionable : quality.good,
    deviceAt,
  };
}

interface Qualities {
  readonly good: readonly Quality[];
  readonly questionable: readonly Quality[];
}

const VALID: Qualities = { good: ["valid"], questionable: ["questionable"] };
const IN_ALARM: Qualities = { good: ["in-alarm"], questionable: ["questionable", "in-alarm"] };
