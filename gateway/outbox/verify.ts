import { setTimeout as sleep } from "node:timers/promises";

import { errorText } from "../errors.ts";
import type { ChainRange } from "./outbox.ts";
import type { StoredRecord } from "./records.ts";

/** What a check needs of an outbox. */
export interface VerifiedOutbox {
  waiting(): ChainRange[];
  missingEpochs(): Promise<readonly string[]>;
  look(
    place: ChainRange,
    countMax: number,
    bytesMax: number,
  ): Promise<{
    readonly records: readonly StoredRecord[];
    readonly bad: readonly number[];
    readonly next: number;
  }>;
}

/** How far a check has come. */
export interface VerifyProgress {
  readonly state: "running" | "done" | "failed";
  /** Records to look at when it began, and how many were looked at and right. */
  readonly total: number;
  readonly good: number;
  readonly bytes: number;
  /** Records that are damaged or missing, and where the first of them are: `<class>/<store> <sequence>`. */
  readonly bad: number;
  readonly where: readonly string[];
  /** Epoch keys that records need and that cannot be read: their records can be opened only if the hub has them already. */
  readonly epochsMissing: number;
  /** Why it failed, or "". */
  readonly text: string;
}

/**
 * Looks at every stored record once, a little at a time, and compares it with what was written. `bad` is told of what is not
 * right; `pauseMs` leaves the disk to others in between.
 */
export class Verification {
  readonly #outbox: VerifiedOutbox;
  readonly #bad: (place: ChainRange, sequences: readonly number[]) => void;
  readonly #pauseMs: number;
  readonly #ranges: readonly ChainRange[];
  readonly #where: string[] = [];
  #state: VerifyProgress["state"] = "running";
  #good = 0;
  #bytes = 0;
  #badCount = 0;
  #epochsMissing = 0;
  #text = "";

  constructor(
    outbox: VerifiedOutbox,
    bad: (place: ChainRange, sequences: readonly number[]) => void,
    pauseMs: number,
  ) {
    this.#outbox = outbox;
    this.#bad = bad;
    this.#pauseMs = pauseMs;
    this.#ranges = outbox.waiting();
  }

  get progress(): VerifyProgress {
    return {
      state: this.#state,
      total: this.#ranges.reduce((sum, { range }) => sum + range[1] - range[0] + 1, 0),
      good: this.#good,
      bytes: this.#bytes,
      bad: this.#badCount,
      where: this.#where,
      epochsMissing: this.#epochsMissing,
      text: this.#text,
    };
  }

  /** Looks at everything; never throws. `stop` ends it early. */
  async run(stop: AbortSignal): Promise<void> {
    try {
      this.#epochsMissing = (await this.#outbox.missingEpochs()).length;
      for (const range of this.#ranges) {
        await this.#check(range, stop);
      }
      this.#state = "done";
    } catch (error) {
      this.#state = "failed";
      this.#text = errorText(error);
    }
  }

  async #check({ range: [from, to], ...place }: ChainRange, stop: AbortSignal): Promise<void> {
    for (let at = from; at <= to;) {
      stop.throwIfAborted();
      const rest: ChainRange = { ...place, range: [at, to] };
      const { records, bad, next } = await this.#outbox.look(rest, STEP_RECORDS, STEP_BYTES);
      this.#good += records.length;
      this.#bytes += records.reduce((sum, { bytes }) => sum + bytes.length, 0);
      this.#badCount += bad.length;
      if (bad.length > 0) {
        const names = bad.map((sequence) => `${place.class}/${place.store} ${sequence}`);
        this.#where.push(...names.slice(0, WHERE_MAX - this.#where.length));
        this.#bad(rest, bad);
      }
      at = next;
      await sleep(this.#pauseMs);
    }
  }
}

const STEP_RECORDS = 256;
const STEP_BYTES = 2 ** 20;
const WHERE_MAX = 20;
