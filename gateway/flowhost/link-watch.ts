import { WardError } from "../errors.ts";

/** The rooms that the flow host is linked to. */
export type Peer = "bedside" | "keeper";

/**
 * Watches that the flow host stays linked. A link that broke on something unusable, or that nobody has made anew for a
 * minute, is never made again by itself: only a new process gets new links.
 */
export class LinkWatch {
  readonly #fatal: (error: WardError) => void;
  readonly #missingMs: number;
  readonly #missing = new Map<Peer, NodeJS.Timeout>();

  constructor(fatal: (error: WardError) => void, missingMs: number = MISSING_MS) {
    this.#fatal = fatal;
    this.#missingMs = missingMs;
  }

  /** A link ended: on its own end when `reason` is null, which is what happens when the other room ends. */
  ended(peer: Peer, reason: WardError | null): void {
    if (reason !== null) {
      this.#fatal(reason);
      return;
    }
    this.linked(peer);
    const timer = setTimeout(() => {
      this.#fatal(
        new WardError(
          "WARD_LINK_MISSING",
          `Cannot go on: no link to the ${peer} for ${this.#missingMs / 1000} s. The flow host is started again.`,
        ),
      );
    }, this.#missingMs);
    timer.unref();
    this.#missing.set(peer, timer);
  }

  /** There is a link again. */
  linked(peer: Peer): void {
    clearTimeout(this.#missing.get(peer));
    this.#missing.delete(peer);
  }
}

/** Longer than main waits before it starts a room again. */
const MISSING_MS = 60_000;
