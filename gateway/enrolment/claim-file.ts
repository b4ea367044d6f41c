import { X509Certificate, createPublicKey } from "node:crypto";

import { WardError } from "../errors.ts";
import { isGatewayId } from "../reading.ts";

/**
 * What a gateway is given to become one: who it is, the token that proves it once, and whom to believe. A JSON file, or the
 * same text in `WARD_CLAIM`. Only the first two must be there; another maker's EST server knows nothing of the others.
 */
export interface ClaimFile {
  readonly gateway: string;
  readonly token: string;
  /** The EST server, `https://...`. */
  readonly server?: string;
  /** Who vouches for the EST server and for the broker, PEM. */
  readonly serversRoot?: string;
  /** Whose signature counts on the settings: Ed25519 public key, PEM. */
  readonly settingsSigner?: string;
  /** Epoch milliseconds; only to say why a claim no longer counts. */
  readonly expiresAt?: number;
}

/** Reads a claim. Throws WardError `WARD_CLAIM` that says what is wrong, never with the token in it. */
export function parseClaim(text: string): ClaimFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unusable("it is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unusable("it is not a JSON object");
  }
  for (const [name, problem] of Object.entries(FIELDS)) {
    const field: unknown = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
    const isMissing = field === undefined && name !== "gateway" && name !== "token";
    if (!isMissing && !problem(field)) {
      throw unusable(`its ${name} cannot be used`);
    }
  }
  if (!isClaim(value)) {
    throw unusable("it is incomplete");
  }
  return value;
}

const FIELDS: Readonly<Record<keyof ClaimFile, (value: unknown) => boolean>> = {
  gateway: (value) => typeof value === "string" && isGatewayId(value),
  token: (value) => typeof value === "string" && /^[\x21-\x7e]{1,200}$/.test(value),
  server: (value) => typeof value === "string" && URL.canParse(value),
  serversRoot: (value) => typeof value === "string" && isMade(() => new X509Certificate(value)),
  settingsSigner: (value) => typeof value === "string" && isMade(() => createPublicKey(value)),
  expiresAt: (value) => Number.isSafeInteger(value),
};

/** The guard is as good as FIELDS, which were checked before. */
function isClaim(value: object): value is ClaimFile {
  return "gateway" in value && "token" in value;
}

function isMade(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}

function unusable(why: string): WardError {
  return new WardError("WARD_CLAIM", `Cannot use the claim: ${why}. Have a new one made.`);
}
