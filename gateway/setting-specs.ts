/** Percent of the outbox that classes of data may be given for their own, together. */
export const SHARES_MAX = 90;

/** A setting that is a whole number. */
export interface IntegerSpec {
  readonly type: "integer";
  readonly default: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly unit: string;
  readonly doc: string;
}

/** A setting that is a text of one form. */
export interface TextSpec {
  readonly type: "text";
  readonly default: string;
  readonly pattern: RegExp;
  readonly doc: string;
}

/** What a setting is: form, default, limits and what it is for. */
export type SettingSpec = IntegerSpec | TextSpec;

/** A whole number. */
export function int(
  fallback: number,
  minimum: number,
  maximum: number,
  unit: string,
  doc: string,
): IntegerSpec {
  return { type: "integer", default: fallback, minimum, maximum, unit, doc };
}

/** What a class of data is sure of. */
export function percent(fallback: number, what: string): IntegerSpec {
  const doc = `Part of outboxBytes that is always there for ${what}; more while others leave it free.`;
  return int(fallback, 0, SHARES_MAX, "%", doc);
}

/** How long something is kept. */
export function days(fallback: number, what: string): IntegerSpec {
  const doc = `${what} that waits longer than this, while the gateway runs, is given up; 0: never.`;
  return int(fallback, 0, 36_500, "days", doc);
}

/** What goes first when there is no room. */
export function whenFull(what: string): TextSpec {
  const doc = `Which ${what} are given up when there is no room: evict-old the oldest, refuse-new the newest.`;
  return text("evict-old", /^(evict-old|refuse-new)$/, doc);
}

/** A text. */
export function text(fallback: string, pattern: RegExp, doc: string): TextSpec {
  return { type: "text", default: fallback, pattern, doc };
}
