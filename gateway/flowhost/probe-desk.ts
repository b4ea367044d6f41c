import { WardError } from "../errors.ts";
import type { FlowhostToBedside, Probe, ProbeView } from "../rooms.ts";

interface Looked {
  view: ProbeView | null;
  /** When somebody last asked for the view (milliseconds that never jump). */
  askedAt: number;
}

/**
 * Tests that engineers run from the editor: hands them to bedside and keeps what bedside tells until the browser asks. A browser
 * that is closed asks no more, and its test ends.
 */
export class ProbeDesk {
  readonly #send: (message: FlowhostToBedside) => void;
  readonly #now: () => number;
  readonly #looked = new Map<number, Looked>();
  #lastId = 0;

  constructor(
    send: (message: FlowhostToBedside) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#send = send;
    this.#now = now;
  }

  /** Begins a test; returns its id. */
  start(probe: Probe): number {
    this.tick();
    this.#lastId += 1;
    this.#looked.set(this.#lastId, { view: null, askedAt: this.#now() });
    this.#send({ t: "probe", id: this.#lastId, probe });
    return this.#lastId;
  }

  /** What is known of a test, null when nothing yet. Throws WardError `WARD_PROBE` for a test that is not there (any more). */
  view(id: number): ProbeView | null {
    const looked = this.#looked.get(id);
    if (looked === undefined) {
      throw new WardError("WARD_PROBE", "Cannot show this test: it has ended. Start it again.");
    }
    looked.askedAt = this.#now();
    return looked.view;
  }

  end(id: number): void {
    if (this.#looked.delete(id)) {
      this.#send({ t: "probe-end", id });
    }
  }

  /** What bedside tells of a test. */
  told(id: number, view: ProbeView): void {
    const looked = this.#looked.get(id);
    if (looked !== undefined) {
      looked.view = view;
    }
  }

  /** The link to bedside is new: what ran before is gone. */
  forgetAll(): void {
    this.#looked.clear();
  }

  /** To be called about every second: ends what nobody asks for any more. */
  tick(): void {
    const now = this.#now();
    for (const [id, { askedAt }] of this.#looked) {
      if (now - askedAt > ASKED_MS_MAX) {
        this.end(id);
      }
    }
  }
}

const ASKED_MS_MAX = 10_000;
