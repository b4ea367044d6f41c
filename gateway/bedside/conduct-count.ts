import { createHash } from "node:crypto";

import { STRANGERS_MAX } from "../conduct-shape.ts";
import type { BadBytes, Frame, LineState } from "../devices/device.ts";
import type { DeviceConduct } from "../conduct.ts";
import type { Subscription } from "../rooms.ts";

/** Counts how one device behaves while it is open: an addition for each frame, and nothing for each reading. */
export class ConductCount {
  readonly #asked: string;
  readonly #opened: number;
  #frames = 0;
  #items = 0;
  #refused = 0;
  #faults = 0;
  #certificates = 0;
  #identity: string | null = null;
  readonly #strangers = new Set<number>();
  #clockLeadMs = Number.NEGATIVE_INFINITY;
  #state: LineState = "closed";
  #wasAway = true;

  /** `opened`: another number for each device that is opened. */
  constructor(subscription: Subscription, opened: number) {
    this.#asked = hash(JSON.stringify(subscription));
    this.#opened = opened;
  }

  /** `at` is when it arrived. */
  frame({ readings, waves }: Frame, at: number): void {
    this.#frames += 1;
    this.#items += readings.length + waves.length;
    const deviceAt = readings[0]?.deviceAt ?? null;
    // What is old when it comes says less about the clock than what is new.
    if (deviceAt !== null && deviceAt - at > this.#clockLeadMs) {
      this.#clockLeadMs = deviceAt - at;
    }
  }

  fault({ fault, unit }: BadBytes): void {
    if (fault === "certificate-changed") {
      this.#certificates += 1;
    } else if (fault !== "exception") {
      this.#faults += 1;
    }
    if (unit !== undefined && this.#strangers.size < STRANGERS_MAX) {
      this.#strangers.add(unit);
    }
  }

  refused(count: number): void {
    this.#refused += count;
  }

  identity(serial: string): void {
    this.#identity = hash(serial);
  }

  state(state: LineState): void {
    this.#state = state;
    this.#wasAway ||= state !== "online";
  }

  /** What has been counted; `readUnits` are the units of its line that the flow reads. */
  take(device: string, line: string, readUnits: ReadonlySet<number | null>): DeviceConduct {
    const isOnline = this.#state === "online" && !this.#wasAway;
    const lead = this.#clockLeadMs;
    this.#wasAway = this.#state !== "online";
    this.#clockLeadMs = Number.NEGATIVE_INFINITY;
    return {
      device,
      line,
      opened: this.#opened,
      asked: this.#asked,
      isOnline,
      frames: this.#frames,
      items: this.#items,
      refused: this.#refused,
      faults: this.#faults,
      certificates: this.#certificates,
      identity: this.#identity,
      clockLeadMs: Number.isFinite(lead) ? Math.round(lead) : null,
      strangers: [...this.#strangers].filter((unit) => !readUnits.has(unit)),
    };
  }
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
