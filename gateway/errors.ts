/**
 * The one error type of the house. `code` is an interface and never changes once released; `message` is for people
 * and may. Message grammar: what failed, with what, why, and what to do: "Cannot open port /dev/ttyUSB0: permission
 * denied. Add the service user to group dialout."
 */
export class WardError extends Error {
  override readonly name = "WardError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The text of anything that was thrown, on one line and bounded, fit for a log line or a notice. It may quote what a stranger
 * has sent, and a terminal obeys control characters: none is left.
 */
export function errorText(thrown: unknown): string {
  return plainText(thrown)
    .slice(0, READ_LIMIT)
    .replaceAll(/[\p{C}\s]+/gu, " ")
    .slice(0, TEXT_LIMIT);
}

/** The stable code of anything that was thrown: a WardError's, a Node.js system error's, or `WARD_INTERNAL`. */
export function errorCode(thrown: unknown): string {
  if (thrown instanceof Error && "code" in thrown && typeof thrown.code === "string") {
    return thrown.code;
  }
  return "WARD_INTERNAL";
}

/** Anything that was thrown as a WardError: itself if it is one, else `WARD_INTERNAL` with its text. */
export function asWardError(thrown: unknown): WardError {
  return thrown instanceof WardError ? thrown : new WardError("WARD_INTERNAL", errorText(thrown));
}

/** Whatever was thrown: also an object that refuses to become text. */
function plainText(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "unknown error";
  }
}

const TEXT_LIMIT = 500;
/** Characters of a text that are looked at, at most. */
const READ_LIMIT = 10_000;
