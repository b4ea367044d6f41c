import { readFileSync } from "node:fs";

import { errorCode, WardError } from "../errors.ts";
import { replaceDurably } from "../outbox/disk-sync.ts";

/**
 * The latest time that it certainly has been: what others have signed, kept over restarts. A clock before it is wrong, and
 * TLS with it would judge certificates by a wrong time: the connection waits, collecting does not.
 *
 * Only times that somebody else has signed raise it (when certificates and lists were made, the hub's receipts), and those
 * never beyond our own clock: a clock that once ran ahead does not lock the gateway out for good.
 */
export class ClockFloor {
  readonly #path: string;
  #floor: number;
  #kept: number;

  constructor(path: string) {
    this.#path = path;
    this.#kept = readKept(path);
    this.#floor = this.#kept;
  }

  /** Somebody else said that it was `time`, when our clock said `now` (epoch milliseconds). */
  heard(time: number, now: number): void {
    this.raise(Math.min(time, now));
  }

  /** It has been `time`, whatever our clock says: something was made then that we hold. */
  raise(time: number): void {
    this.#floor = Math.max(this.#floor, time);
    if (this.#floor - this.#kept >= KEEP_MS) {
      this.#kept = this.#floor;
      replaceDurably(this.#path, Buffer.from(`${this.#floor}\n`));
    }
  }

  /** Why a clock that says `now` cannot be right, or null. */
  fault(now: number): WardError | null {
    if (now >= this.#floor - TOLERANCE_MS) {
      return null;
    }
    const [said, was] = [now, this.#floor].map((time) => new Date(time).toISOString().slice(0, 16));
    return new WardError(
      "WARD_CLOCK",
      `Cannot connect: the clock says ${said} UTC, but ${was} has been already. Set the clock, or let it synchronise; until ` +
        `then readings are collected and kept. If the clock is right, remove ${this.#path}.`,
    );
  }
}

/** Not written for less: it is a small file on a card that wears. */
const KEEP_MS = 3_600_000;
/** Clocks are never the same. */
const TOLERANCE_MS = 300_000;
/** The beginning of the year in which this was written. */
const FIRST_MS = Date.UTC(2026, 0, 1);

function readKept(path: string): number {
  try {
    const time = Number(readFileSync(path, "utf8").trim());
    return Number.isSafeInteger(time) ? Math.max(FIRST_MS, time) : FIRST_MS;
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      return FIRST_MS;
    }
    throw error;
  }
}
