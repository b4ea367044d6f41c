import type { Table } from "./table.ts";

/** What was wanted, and what came of it. */
export interface Goal {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  /** Null when it could not be measured here. */
  readonly isMet: boolean | null;
}

/** A figure that must be so large or larger; `measured` null where it could not be measured. */
export function atLeast(
  what: string,
  limit: number,
  measured: number | null,
  text: (value: number) => string,
): Goal {
  return goalOf({ what, limit, measured, text, sign: "\u2265", isMet: (value) => value >= limit });
}

/** A figure that must be so small or smaller; `measured` null where it could not be measured. */
export function atMost(
  what: string,
  limit: number,
  measured: number | null,
  text: (value: number) => string,
): Goal {
  return goalOf({ what, limit, measured, text, sign: "\u2264", isMet: (value) => value <= limit });
}

export function goalTable(goals: readonly Goal[]): Table {
  const rows = goals.map(({ what, goal, measured, isMet }) => [
    what,
    goal,
    measured,
    isMet === null ? "-" : isMet ? "yes" : "**no**",
  ]);
  return { heads: ["goal", "wanted", "measured", "met"], rows };
}

function goalOf({
  what,
  limit,
  measured,
  text,
  sign,
  isMet,
}: {
  readonly what: string;
  readonly limit: number;
  readonly measured: number | null;
  readonly text: (value: number) => string;
  readonly sign: string;
  readonly isMet: (value: number) => boolean;
}): Goal {
  return {
    what,
    goal: `${sign} ${text(limit)}`,
    measured: measured === null ? "not measured" : text(measured),
    isMet: measured === null ? null : isMet(measured),
  };
}
