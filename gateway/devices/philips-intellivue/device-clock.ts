import { utcOf } from "../calendar.ts";
import type { Octets } from "./octets.ts";

/**
 * The monitor's clock. Results carry only its time since power-on, in 1/8 ms; what time of day that is follows from one
 * instant that is known on both clocks, which the MDS attributes give.
 */
export class DeviceClock {
  #absolute: number | null = null;
  #relative = 0;

  /** Tells an instant on both clocks; `absolute` is in epoch milliseconds, null when the monitor's is not set. */
  set(absolute: number | null, relative: number): void {
    this.#absolute = absolute;
    this.#relative = relative;
  }

  /** The time of day at a relative time in whole milliseconds; null while it is not known. */
  at(relative: number): number | null {
    if (this.#absolute === null) {
      return null;
    }
    // The relative time starts again after 149 hours; what was measured shortly before the known instant counts too.
    const ticks = (relative - this.#relative) | 0;
    return this.#absolute + Math.floor(ticks / TICKS_PER_MS);
  }
}

export const TICKS_PER_MS = 8;

/**
 * Century, year, month, day, hour, minute, second and fraction, two decimal digits in each byte; epoch milliseconds with the
 * fields read as UTC, since the monitor does not say its time zone. Null for FF ... FF and for what is no time.
 */
export function readAbsoluteTime(octets: Octets): number | null {
  const fields = octets.part(8);
  const century = decimalOf(fields.u8());
  if (century < 0) {
    return null;
  }
  const [year = -1, month = -1, day = -1, hour = -1, minute = -1, second = -1] = Array.from(
    { length: 6 },
    () => decimalOf(fields.u8()),
  );
  const isWhole = !fields.short && Math.min(year, month, day, hour, minute, second) >= 0;
  return isWhole ? utcOf({ year: 100 * century + year, month, day, hour, minute, second }) : null;
}

/** A byte of two decimal digits, -1 when it is none. */
function decimalOf(byte: number): number {
  const high = byte >> 4;
  const low = byte & 0x0f;
  return high <= 9 && low <= 9 ? 10 * high + low : -1;
}
