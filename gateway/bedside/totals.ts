import type { BadBytes } from "../devices/device.ts";
import { CLASSES, type ClassName, type ClockQuality } from "../reading.ts";
import type { LineStatus, Outcome } from "../rooms.ts";
import type { DevicePlace } from "./lines.ts";
import type { EncodedTake } from "../takes/take-encoder.ts";

/** Items of one class since bedside started. */
export interface ClassTotals {
  taken: number;
  stored: number;
  withheld: number;
  refused: number;
  dropped: number;
  /** Given up because the buffer was full. */
  evicted: number;
}

/** What bedside reports about itself. */
export interface BedsideStats {
  readonly boot: string;
  readonly held: number;
  readonly heldBytes: number;
  readonly inFlight: number;
  readonly oldestUnsettledMs: number | null;
  readonly gapsWaiting: number;
  readonly classes: Readonly<Record<ClassName, ClassTotals>>;
  readonly faults: number;
  readonly badBytes: number;
  readonly lines: Readonly<Record<string, LineStatus>>;
  /** What is read, by device. */
  readonly read: Readonly<Record<string, DevicePlace>>;
  /** Of the gateway's time. */
  readonly clock: ClockQuality;
}

type Counted = Pick<EncodedTake, "class" | "count">;

/** Counts since bedside started. */
export class BedsideTotals {
  readonly #classes: Record<ClassName, ClassTotals> = {
    notice: zero(),
    vital: zero(),
    trend: zero(),
    wave: zero(),
  };
  #faults = 0;
  #badBytes = 0;
  #lines: Record<string, LineStatus> = {};

  taken(take: Counted): void {
    this.#classes[take.class].taken += take.count;
  }

  evicted(take: Counted): void {
    this.#classes[take.class].evicted += take.count;
  }

  settled(outcome: Outcome): void {
    const totals = this.#classes[outcome.class];
    totals.stored += outcome.stored;
    totals.withheld += outcome.withheld;
    totals.refused += outcome.refused;
    totals.dropped += outcome.dropped;
  }

  fault(fault: BadBytes): void {
    this.#faults += 1;
    this.#badBytes += fault.bytes;
  }

  lines(report: ReadonlyMap<string, LineStatus>): void {
    this.#lines = Object.fromEntries(report);
  }

  stats(now: Omit<BedsideStats, "classes" | "faults" | "badBytes" | "lines">): BedsideStats {
    const classes = { ...this.#classes };
    for (const name of CLASSES) {
      classes[name] = { ...classes[name] };
    }
    return {
      ...now,
      classes,
      faults: this.#faults,
      badBytes: this.#badBytes,
      lines: { ...this.#lines },
    };
  }
}

function zero(): ClassTotals {
  return { taken: 0, stored: 0, withheld: 0, refused: 0, dropped: 0, evicted: 0 };
}
