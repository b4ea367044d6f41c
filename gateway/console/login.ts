import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * One-time logins, in memory only. One is open at a time; using it closes it. Wrong tokens are slowed down by the caller's answer time, not by
 * a lock that a stranger could use against the engineer.
 */
export class Logins {
  readonly #now: () => number;
  #open: { readonly hash: Buffer; readonly issuedAt: number } | null = null;

  /** `now` gives milliseconds of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** A new one-time token (256 bits, base64url), good for 10 minutes; the one before it no longer works. */
  issue(): string {
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    this.#open = { hash: hashOf(token), issuedAt: this.#now() };
    return token;
  }

  /** True while a token can be used. */
  get waiting(): boolean {
    return this.#open !== null && !this.#expired(this.#open.issuedAt);
  }

  /** True when there is no unused token, not even an expired one. */
  get due(): boolean {
    return this.#open === null;
  }

  /** Uses a token up: null when it was good, or why not: it is not the open one (used, replaced, invented), or was too old. */
  redeem(token: string): "unknown" | "expired" | null {
    if (this.#open === null || !timingSafeEqual(hashOf(token), this.#open.hash)) {
      return "unknown";
    }
    if (this.#expired(this.#open.issuedAt)) {
      return "expired";
    }
    this.#open = null;
    return null;
  }

  #expired(issuedAt: number): boolean {
    return this.#now() - issuedAt > TOKEN_MS;
  }
}

const TOKEN_BYTES = 32;
/** An address that was printed and not used must not open the editor forever. */
const TOKEN_MS = 10 * 60 * 1000;

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
