/** Small checks that the validators of this room share. */
export type Fields = Readonly<Record<string, unknown>>;

/** True for an object that is not a list. */
export function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for a whole number from 0. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** True for well-formed text of at most `charsMax` UTF-16 code units. */
export function isText(value: unknown, charsMax: number): value is string {
  return typeof value === "string" && value.length <= charsMax && value.isWellFormed();
}

/** True for a list of at most `most` entries that all pass. */
export function isListOf<T>(
  value: unknown,
  each: (entry: unknown) => entry is T,
  most: number,
): value is T[] {
  return Array.isArray(value) && value.length <= most && value.every((entry) => each(entry));
}
