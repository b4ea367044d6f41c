import type { IncomingMessage } from "node:http";

import { WardError } from "../errors.ts";

/**
 * A body that says it is JSON: a form on another site cannot send one without being asked first. Rejects with WardError `WARD_PAGE_BODY`.
 */
export async function jsonOf(
  incoming: IncomingMessage,
): Promise<Readonly<Record<string, unknown>>> {
  if (incoming.headers["content-type"]?.split(";", 1)[0]?.trim() !== "application/json") {
    throw unusable("it is no JSON");
  }
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of incoming) {
    const chunk = Buffer.from(piece);
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) {
      throw unusable("it is too long");
    }
    pieces.push(chunk);
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(pieces).toString("utf8"));
  } catch {
    throw unusable("its JSON is broken");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unusable("it is no JSON object");
  }
  return Object.fromEntries(Object.entries(value));
}

/** A text of a body. Throws WardError `WARD_PAGE_BODY` when it is none, or longer. */
export function textIn(body: Readonly<Record<string, unknown>>, name: string, most = 200): string {
  const value = body[name];
  if (typeof value !== "string" || value.length > most) {
    throw unusable(`"${name}" is missing, or longer than ${most} characters`);
  }
  return value;
}

/** A list of texts of a body. Throws WardError `WARD_PAGE_BODY`. */
export function textsIn(body: Readonly<Record<string, unknown>>, name: string): string[] {
  const value = body[name];
  if (!Array.isArray(value) || value.length > LIST_MAX) {
    throw unusable(`"${name}" is no list of up to ${LIST_MAX}`);
  }
  return value.map((_, place) => textIn(Object.fromEntries(value.entries()), String(place), 64));
}

function unusable(why: string): WardError {
  return new WardError("WARD_PAGE_BODY", `Cannot use this request: ${why}.`);
}

const BODY_BYTES_MAX = 16 * 1024;
const LIST_MAX = 64;
