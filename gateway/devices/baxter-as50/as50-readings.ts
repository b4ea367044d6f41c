import type { BadBytes, Measured } from "../device.ts";

/** What is known of the thing a message is about. */
export interface As50Term {
  readonly code: string;
  readonly mdc: number | null;
  readonly path: string;
  /** A quantity; else a word that is handed on as it is. */
  readonly isNumber: boolean;
  /** The protocol does not say units. "rate" and "volume" follow the option; "" is a unit that nobody knows. */
  readonly unit: "rate" | "volume" | "" | "1";
}

/** The unit that the pump is set to; with "unknown" the rate and the volume have private codes and no unit. */
export type RateUnit = "mL/h" | "mL/min" | "unknown";

/** By the name in the message. */
export const TERMS: Readonly<Record<string, As50Term>> = {
  PRIRATE: { ...numberTerm("MDC_FLOW_FLUID_PUMP", "1.1.1"), mdc: 157784, unit: "rate" },
  PRIVTBI: { ...numberTerm("MDC_VOL_FLUID_TBI", "1.1.2"), mdc: 157884, unit: "volume" },
  BOLRAT: numberTerm("BAXTER_BOLRAT", "1.1.3"),
  BOLSIZ: numberTerm("BAXTER_BOLSIZ", "1.1.4"),
  LBOLUS: numberTerm("BAXTER_LBOLUS", "1.1.5"),
  STATUS: wordTerm("BAXTER_STATUS", "1.1.6"),
  DEV: wordTerm("BAXTER_DEV", "1.1.7"),
};

/** One answer, with the pump's own digits; null says that the pump refused to answer. */
export function readingOf(
  name: string,
  term: As50Term,
  answer: string | null,
  rateUnit: RateUnit,
): Measured | BadBytes {
  const { code, mdc, unit } = inUnit(name, term, rateUnit);
  const { path } = term;
  const text = answer?.trim() ?? "";
  if (text === "" || (term.isNumber && /^[-.]+$/.test(text))) {
    return {
      code,
      mdc,
      value: null,
      text: "",
      unit,
      quality: ["unavailable"],
      path,
      deviceAt: null,
    };
  }
  if (term.isNumber && !/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)$/.test(text)) {
    return {
      kind: "fault",
      fault: "unknown-field",
      bytes: 0,
      text: `an answer to ${name} that is no plain number`,
    };
  }
  const value = term.isNumber ? Number(text) : text;
  return { code, mdc, value, text, unit, quality: ["valid"], path, deviceAt: null };
}

function inUnit(
  name: string,
  { code, mdc, unit }: As50Term,
  rateUnit: RateUnit,
): { code: string; mdc: number | null; unit: string } {
  if (unit === "" || unit === "1") {
    return { code, mdc, unit };
  }
  if (rateUnit === "unknown") {
    return { code: `BAXTER_${name}`, mdc: null, unit: "" };
  }
  return { code, mdc, unit: unit === "rate" ? rateUnit : "mL" };
}

function numberTerm(code: string, path: string): As50Term {
  return { code, mdc: null, path, isNumber: true, unit: "" };
}

function wordTerm(code: string, path: string): As50Term {
  return { code, mdc: null, path, isNumber: false, unit: "1" };
}
