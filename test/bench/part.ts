import type { Goal } from "./goal.ts";
import type { Table } from "./table.ts";

/** What a part of the bench is given. */
export interface BenchContext {
  /** Length of one steady measurement (seconds). */
  readonly seconds: number;
  /** A directory of its own, which goes when the part has ended. */
  readonly directory: string;
  /** Results of the parts that this run has measured before, by name: for goals that compare parts. */
  readonly earlier: ReadonlyMap<string, object>;
  /** Aborted when the bench is to end early: whoever measures then throws. */
  readonly signal: AbortSignal;
  /** Tells the person who waits what is measured now. */
  readonly say: (text: string) => void;
}

/** What a part has measured, in figures for programs and in tables for people. */
export interface PartReport {
  /** Every figure, as it goes into the JSON file. */
  readonly results: object;
  readonly table: Table;
  /** What the table cannot say in figures, one sentence or a few each. */
  readonly notes: readonly string[];
  readonly goals: readonly Goal[];
  /** The few rows that the README shows. */
  readonly headline?: Table;
  /** A picture beside docs/benchmarks.md. */
  readonly picture?: { readonly file: string; readonly alt: string; readonly svg: string };
  /** What must not be, whatever the figures: readings that nobody accounts for, say. */
  readonly problem?: string | null;
}

/** One thing that `npm run bench` measures; `--only NAME` measures it alone. */
export interface BenchPart {
  readonly name: string;
  /** Heading of its section in docs/benchmarks.md. */
  readonly title: string;
  measure(context: BenchContext): Promise<PartReport>;
}
