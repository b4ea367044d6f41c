import { createHash } from "node:crypto";

import { refused } from "./refusal.ts";

/**
 * JSON text that is the same for the same content: keys in order, no white space. Throws WardError `WARD_BUNDLE_CONTENT`
 * for what JSON cannot say, or nests deeper than 64.
 */
export function canonicalJson(value: unknown): string {
  return textOf(value, 0);
}

/**
 * What names a flow: SHA-256, hex, of its nodes in canonical form, in the order of their ids. Two flows with the same hash
 * do the same, whatever order an editor wrote them in.
 */
export function flowHash(nodes: readonly Readonly<Record<string, unknown>>[]): string {
  const ordered = nodes.toSorted((a, b) => (String(a["id"]) < String(b["id"]) ? -1 : 1));
  return sha256(canonicalJson(ordered));
}

/** SHA-256 as lower-case hex. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

const DEPTH_MAX = 64;

function textOf(value: unknown, depth: number): string {
  if (depth > DEPTH_MAX) {
    throw refused("WARD_BUNDLE_CONTENT", `JSON is nested deeper than ${DEPTH_MAX}`);
  }
  if (Array.isArray(value)) {
    return `[${value.map((entry) => textOf(entry, depth + 1)).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .filter(([, entry]) => entry !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const texts = entries.map(
      ([key, entry]) => `${JSON.stringify(key)}:${textOf(entry, depth + 1)}`,
    );
    return `{${texts.join(",")}}`;
  }
  const isPlain = typeof value === "string" || typeof value === "boolean" || value === null;
  if (isPlain || (typeof value === "number" && Number.isFinite(value))) {
    return JSON.stringify(value);
  }
  throw refused("WARD_BUNDLE_CONTENT", `JSON cannot say ${typeof value}`);
}
