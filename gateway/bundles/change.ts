/** One difference of two bundles, as a person would say it. */
export interface BundleChange {
  readonly area: "flow" | "device" | "recipient" | "role" | "policy" | "runtime";
  readonly kind: "added" | "removed" | "changed" | "rewired" | "moved";
  /** The tab, or what it is part of; "" for the bundle as a whole. */
  readonly where: string;
  /** The node, device description, recipient or role. */
  readonly what: string;
  /** The field as the editor calls it, or "". */
  readonly field: string;
  readonly before: string;
  readonly after: string;
}

/** A change as one line: `Bed 4 tab: ward-filter "SpO2": By more than 1 → 2`. */
export function changeText(change: BundleChange): string {
  const { kind, where, what, field, before, after } = change;
  const place = where === "" ? "" : `${where}: `;
  switch (kind) {
    case "added":
    case "removed":
      return `${place}${what} ${kind}${after === "" ? "" : ` (${after})`}`;
    case "moved":
      return `${place}${what} moved`;
    case "rewired":
      return `${place}${what} rewired: ${[before, after].filter((text) => text !== "").join(", ")}`;
    case "changed":
      return `${place}${what}: ${field} ${before} → ${after}`;
  }
}

const VALUE_SHOWN = 120;

/** A value for people: bounded, and never more than one line. */
export function valueText(value: unknown): string {
  if (value === undefined) {
    return "(nothing)";
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const line = text.replaceAll(/[\p{C}\s]+/gu, " ");
  const shown = line.length > VALUE_SHOWN ? `${line.slice(0, VALUE_SHOWN)}...` : line;
  return shown === "" ? '""' : shown;
}
