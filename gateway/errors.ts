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

/** The text of anything that was thrown, on one line and bounded, fit for a log line or a notice. */
export function errorText(thrown: unknown): string {
  return plainText(thrown).replaceAll(/\s+/g, " ").slice(0, TEXT_LIMIT);
}

/** The stable code of anything that was thrown: a WardError's, a Node.js system error's, or `WARD_INTERNAL`. */
export function errorCode(thrown: unknown): string {
  if (thrown instanceof Error && "code" in thrown && typeof thrown.code === "string") {
    return thrown.code;
  }
  return "WARD_INTERNAL";
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
