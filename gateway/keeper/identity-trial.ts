import type { WardError } from "../errors.ts";
import type { GatewayIdentity } from "../identity/identity.ts";

export interface TrialOptions {
  /** The identity in force, read afresh. */
  readonly current: () => GatewayIdentity;
  /** The one that waits to take its place, or null when none does. */
  readonly next: () => GatewayIdentity | null;
  /** The next one has connected. */
  readonly accepted: () => void;
  /** The broker does not take it, again and again. */
  readonly refused: (error: WardError) => void;
}

/**
 * Decides with which identity the next connection is made, and whether a new one has proved itself. While the old one is
 * connected, a new one is tried beside it; while nothing is connected they take turns, so that neither a bad new
 * certificate nor an old one that has ended keeps the gateway away.
 */
export class IdentityTrial {
  readonly #options: TrialOptions;
  /** With which one the last connection was begun, while nothing is known of it. */
  #trying: "next" | "current" | null = null;
  #wasNext = false;
  #refusals = 0;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  choose(isConnected: boolean): GatewayIdentity {
    const next = isConnected || !this.#wasNext ? this.#options.next() : null;
    this.#wasNext = next !== null;
    this.#trying = next === null ? "current" : "next";
    return next ?? this.#options.current();
  }

  /** The connection that was begun last is good. */
  succeeded(): void {
    const wasNext = this.#trying === "next";
    this.#trying = null;
    this.#wasNext = false;
    if (wasNext) {
      this.#refusals = 0;
      this.#options.accepted();
    }
  }

  /** A connection has ended, or could not be made. */
  failed(error: WardError): void {
    const wasNext = this.#trying === "next";
    this.#trying = null;
    if (wasNext && REFUSALS.has(error.code)) {
      this.#refusals += 1;
      if (this.#refusals >= REFUSALS_MAX) {
        this.#refusals = 0;
        this.#options.refused(error);
      }
    }
  }
}

/** What says that it is the identity that is not taken: anything else may be the network. */
const REFUSALS: ReadonlySet<string> = new Set([
  "WARD_IDENTITY_REFUSED",
  "WARD_IDENTITY_UNUSABLE",
  "WARD_BROKER_REFUSED",
]);
/** A broker that is restarted hangs up too. */
const REFUSALS_MAX = 3;
