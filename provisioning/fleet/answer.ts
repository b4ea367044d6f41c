/** Looks into what the API answered: nothing of its form is taken for granted. */

/** The entries of an answer that is a list. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A field that is a list, as everything expanded is. */
export function list(value: unknown, name: string): readonly unknown[] {
  return asArray(field(value, name));
}

export function text(value: unknown, name: string): string {
  const found = field(value, name);
  return typeof found === "string" ? found : "";
}

/** 0 for what is no number: no id of the API is. */
export function number(value: unknown, name: string): number {
  const found = field(value, name);
  return typeof found === "number" ? found : 0;
}

export function flag(value: unknown, name: string): boolean {
  return field(value, name) === true;
}

/** The id of the one entry of a list, or null for an empty one. */
export function idOf([first]: readonly unknown[]): number | null {
  return number(first, "id") || null;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
