import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * One-time logins and the sessions they open, in memory only. One login is open at a time; using it closes it. Wrong
 * tokens are slowed down by the caller's answer time, not by a lock that a stranger could use against the engineer.
 */
export class Logins {
  readonly #now: () => number;
  readonly #sessions = new Map<string, number>();
  #openHash: Buffer | null = null;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A new one-time token (256 bits, base64url); the one before it no longer works. */
  issue(): string {
    const token = randomBytes(TOKEN_BYTES).toString("base64url");
    this.#openHash = hashOf(token);
    return token;
  }

  /** True while a token waits to be used. */
  get waiting(): boolean {
    return this.#openHash !== null;
  }

  /** Exchanges a token for a session id, or null. */
  redeem(token: string): string | null {
    if (this.#openHash === null || !timingSafeEqual(hashOf(token), this.#openHash)) {
      return null;
    }
    this.#openHash = null;
    const session = randomBytes(TOKEN_BYTES).toString("base64url");
    if (this.#sessions.size >= SESSIONS_MAX) {
      const oldest = this.#sessions.keys().next();
      this.#sessions.delete(oldest.value ?? "");
    }
    this.#sessions.set(session, this.#now());
    return session;
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
}

const TOKEN_BYTES = 32;
const SESSIONS_MAX = 32;
/** A session that nobody used for this long ends. */
const IDLE_MS = 8 * 3600 * 1000;

function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
