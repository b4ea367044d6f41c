/**
 * Looks into JSON that came from another process and whose form is not promised: an absent or unfit value is an answer,
 * not an error.
 */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let here: unknown = value;
  for (const step of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, step)) {
      return undefined;
    }
    here = Object.entries(here).find(([name]) => name === step)?.[1];
  }
  return here;
}

/** A number deep in a JSON value; 0 when there is none. */
export function numberAt(value: unknown, ...path: readonly string[]): number {
  const found = valueAt(value, ...path);
  return typeof found === "number" && Number.isFinite(found) ? found : 0;
}

/** A text deep in a JSON value; "" when there is none. */
export function textAt(value: unknown, ...path: readonly string[]): string {
  const found = valueAt(value, ...path);
  return typeof found === "string" ? found : "";
}
