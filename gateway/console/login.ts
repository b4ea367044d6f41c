import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * One-time logins and the sessions they open, in memory only. One login is open at a time; using it closes it. Wrong
 * tokens are slowed down by the caller's answer time, not by a lock that a stranger could use against the engineer.
 */
export class Logins {
  readonly #now: () => number;
  readonly #sessions = new Map<string, number>();
  #open: { readonly hash: Buffer; readonly issuedAt: number } | null = null;

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

  /** Exchanges a token for a session id. */
  redeem(token: string): Redeemed {
    if (this.#open === null || !timingSafeEqual(hashOf(token), this.#open.hash)) {
      return { refused: "unknown" };
    }
    if (this.#expired(this.#open.issuedAt)) {
      return { refused: "expired" };
    }
    this.#open = null;
    const session = randomBytes(TOKEN_BYTES).toString("base64url");
    if (this.#sessions.size >= SESSIONS_MAX) {
      const oldest = this.#sessions.keys().next();
      this.#sessions.delete(oldest.value ?? "");
    }
    this.#sessions.set(session, this.#now());
    return { session };
  }

  /** True for a live session; using it keeps it alive. */
  isLive(session: string): boolean {
    const usedAt = this.#sessions.get(session);
    if (usedAt === undefined) {
      return false;
    }
    if (this.#now() - usedAt > IDLE_MS) {
      this.#sessions.delete(session);
      return false;
    }
    this.#sessions.delete(session);
    this.#sessions.set(session, this.#now());
    return true;
  }

  #expired(issuedAt: number): boolean {
    return this.#now() - issuedAt > TOKEN_MS;
  }
}

/** A session, or why there is none: a token that is not the open one (used, replaced, invented), or was too old. */
export type Redeemed = { readonly session: string } | { readonly refused: "unknown" | "expired" };

const TOKEN_BYTES = 32;
/** An address that was printed and not used must not open the editor forever. */
const TOKEN_MS = 10 * 60 * 1000;
const SESSIONS_MAX = 32;
/** A session that nobody used for this long ends. */
const IDLE_MS = 8 * 3600 * 1000;

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
