import { numberAt } from "../json-value.ts";
import { CLASSES, type ClassName } from "../reading.ts";

/** Counts of one class over a whole run; items are readings, waveform blocks and notices. */
export interface ClassReport {
  /** Counted by bedside. */
  readonly taken: number;
  /** Ended by a filter: selected away, and accounted for. */
  readonly withheld: number;
  /** Ended by a check: impossible, and accounted for with a reason. */
  readonly refused: number;
  /** On the gateway's disk, sealed. */
  readonly stored: number;
  /** Acknowledged by the broker. */
  readonly forwarded: number;
  /** At the hub, opened, each once. */
  readonly opened: number;
  /** Came to the hub more than once and were dropped there. */
  readonly duplicates: number;
  /** Lost, and named by a gap or a tally. */
  readonly accounted: number;
  /** Lost without a word. The promise is 0. */
  readonly unaccounted: number;
}

/** The report file of `wardgate demo --report`. */
export interface DemoReport {
  readonly seconds: number;
  readonly classes: Readonly<Record<ClassName, ClassReport>>;
  readonly latencyMs: { readonly p50: number | null; readonly p99: number | null };
  readonly memoryMb: Readonly<Record<string, number>>;
  readonly startMs: { readonly ready: number; readonly firstOpened: number | null };
  readonly beds: number;
  readonly broker: string;
  readonly restarts: Readonly<Record<string, number>>;
}

/** What is known at the end, from three witnesses: bedside, keeper and hub. */
export interface Witnesses {
  /** Items per class as bedside counted them. */
  readonly bedside: unknown;
  /** Items per class the keeper stored and forwarded. */
  readonly keeper: unknown;
  /** Items per class the hub opened, and its ledger. */
  readonly hub: unknown;
}

/** One row per class. */
export function classReports(witnesses: Witnesses): Record<ClassName, ClassReport> {
  const row = (name: ClassName): ClassReport => {
    const bedside = (field: string): number => numberAt(witnesses.bedside, "classes", name, field);
    const hub = (field: string): number => numberAt(witnesses.hub, "classes", name, field);
    const taken = bedside("taken");
    const withheld = bedside("withheld");
    const refused = bedside("refused");
    const opened = hub("opened");
    const accounted = bedside("dropped") + bedside("evicted");
    return {
      taken,
      withheld,
      refused,
      stored: bedside("stored"),
      forwarded: numberAt(witnesses.keeper, "classes", name, "forwardedItems"),
      opened,
      duplicates: hub("duplicates"),
      accounted,
      unaccounted: taken - withheld - refused - accounted - opened,
    };
  };
  return Object.assign({}, ...CLASSES.map((name) => ({ [name]: row(name) })));
}
