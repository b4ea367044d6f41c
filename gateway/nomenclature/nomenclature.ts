import { TERM_LINES } from "./terms.ts";
import { UNIT_CODES } from "./units.ts";

/** One term of the IEEE 11073-10101 nomenclature. */
export interface Term {
  /** Reference id such as `MDC_PULS_OXIM_SAT_O2`; null where none was seen. */
  readonly refId: string | null;
  /** Context-free code, partition * 65536 + term; null where none was seen. */
  readonly code: number | null;
  /** True when reference id and code were seen to belong together. Only such terms are found by lookups. */
  readonly verified: boolean;
  /** Letters that name the sources, see terms.ts. */
  readonly evidence: string;
  readonly group: string;
  /** Plain English name. */
  readonly name: string;
  /** Earlier reference ids of the same term. */
  readonly synonyms: readonly string[];
  /** LOINC codes, first the closest; empty where no source names one. */
  readonly loinc: readonly string[];
  /** The usual unit, UCUM. */
  readonly ucum: string;
  /** The same unit as an MDC reference id. */
  readonly unitRefId: string;
  /** Below this the value is physically impossible, in `ucum`; null for a waveform. */
  readonly low: number | null;
  readonly high: number | null;
}

/** The range of what is physically possible; not a clinical limit. */
export interface Gate {
  readonly low: number;
  readonly high: number;
  /** The unit the two limits are in, UCUM. */
  readonly ucum: string;
}

/** The verified term of a reference id or of one of its synonyms. */
export function termOf(refId: string): Term | undefined {
  return byRefId.get(refId);
}

/** The verified term of a context-free code. */
export function termOfCode(code: number): Term | undefined {
  return byCode.get(code);
}

/** The context-free code of a reference id; null for a private, unknown or unverified one. */
export function codeOf(refId: string): number | null {
  return byRefId.get(refId)?.code ?? null;
}

/** The plausibility gate of a reference id, or undefined where there is none. */
export function gateOf(refId: string): Gate | undefined {
  const term = byRefId.get(refId);
  return term === undefined || term.low === null || term.high === null
    ? undefined
    : { low: term.low, high: term.high, ucum: term.ucum };
}

/**
 * Whether a code and a reference id belong together. Either alone can look right: 150017 with MDC_PRESS_BLD_NONINV_SYS is in several public
 * samples and is invasive pressure. "unknown" when neither is in the table.
 */
export function judgePair(refId: string, code: number | null): "right" | "wrong" | "unknown" {
  const term = byRefId.get(refId);
  if (term !== undefined) {
    return term.code === code ? "right" : "wrong";
  }
  return code !== null && byCode.has(code) ? "wrong" : "unknown";
}

/** The context-free code of an MDC unit, or null. */
export function unitCodeOf(unitRefId: string): number | null {
  return UNIT_CODES[unitRefId] ?? null;
}

const COLUMNS = 12;

/** All terms, also those that are not verified. */
export const TERMS: readonly Term[] = TERM_LINES.trim().split("\n").map(parseTerm);

const byRefId = new Map<string, Term>();
const byCode = new Map<number, Term>();
for (const term of TERMS) {
  if (term.verified && term.refId !== null && term.code !== null) {
    for (const refId of [term.refId, ...term.synonyms]) {
      byRefId.set(refId, term);
    }
    byCode.set(term.code, term);
  }
}

function parseTerm(line: string): Term {
  const cells = line.split(" | ").map((cell) => (cell === "-" ? "" : cell));
  if (cells.length !== COLUMNS) {
    throw new TypeError(`Cannot read nomenclature line "${line}": not ${COLUMNS} columns`);
  }
  const cell = (place: number): string => cells[place] ?? "";
  return {
    refId: cell(0) === "" ? null : cell(0),
    code: numberOrNull(cell(1)),
    verified: cell(2) === "yes",
    evidence: cell(3),
    group: cell(4),
    name: cell(5),
    synonyms: words(cell(6)),
    loinc: words(cell(7)),
    ucum: cell(8),
    unitRefId: cell(9),
    low: numberOrNull(cell(10)),
    high: numberOrNull(cell(11)),
  };
}

function numberOrNull(cell: string): number | null {
  return cell === "" ? null : Number(cell);
}

function words(cell: string): string[] {
  return cell === "" ? [] : cell.split(" ");
}
