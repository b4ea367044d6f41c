/** One place in a JSON value that two versions have differently. */
export interface LeafChange {
  /** `points[3].scale`; "" for the value itself. */
  readonly path: string;
  /** undefined where there was nothing. */
  readonly before: unknown;
  /** undefined where there is nothing any more. */
  readonly after: unknown;
}

/**
 * Where two JSON values differ, down to single values; lists are compared place by place, lists of things with an id, name or
 * address by that. At most `most` places, and one more that says how many are left out.
 */
export function leafChanges(before: unknown, after: unknown, most: number): LeafChange[] {
  const found: LeafChange[] = [];
  compare({ path: "", before, after }, found, 0);
  const rest = found.length - most;
  return rest > 0
    ? [...found.slice(0, most), { path: `and ${rest} more`, before: undefined, after: undefined }]
    : found;
}

const DEPTH_MAX = 32;
const NAMES = ["id", "name", "address", "node", "code"] as const;

function compare({ path, before, after }: LeafChange, found: LeafChange[], depth: number): void {
  if (JSON.stringify(before) === JSON.stringify(after)) {
    return;
  }
  const [one, two] = [childrenOf(before), childrenOf(after)];
  if (one === null || two === null || depth >= DEPTH_MAX) {
    found.push({ path, before, after });
    return;
  }
  for (const key of new Set([...one.keys(), ...two.keys()])) {
    const child = { path: `${path}${key}`, before: one.get(key), after: two.get(key) };
    const place = path === "" ? child.path.replace(/^\./, "") : child.path;
    compare({ ...child, path: place }, found, depth + 1);
  }
}

/** The parts of a list or object by how they are called, or null for a plain value. */
function childrenOf(value: unknown): Map<string, unknown> | null {
  if (Array.isArray(value)) {
    const entries: readonly unknown[] = value;
    const name = NAMES.find((field) => isNameOf(field, entries));
    return new Map(
      entries.map((entry, place) => [
        name === undefined ? `[${place}]` : `[${name} ${String(Reflect.get(Object(entry), name))}]`,
        entry,
      ]),
    );
  }
  return typeof value === "object" && value !== null
    ? new Map(Object.entries(value).map(([key, entry]) => [`.${key}`, entry]))
    : null;
}

/** A field names the entries of a list when all have it and no two have the same. */
function isNameOf(field: string, entries: readonly unknown[]): boolean {
  const names = entries.map((entry): unknown => Reflect.get(Object(entry), field));
  const isName = names.every((name) => typeof name === "string" || typeof name === "number");
  return entries.length > 0 && isName && new Set(names).size === entries.length;
}
