import {
  crcOf,
  CRC_START,
  feedByte,
  feedText,
  isAscii,
  type Shift,
  shifted,
  shiftOf,
} from "./crc-state.ts";
import type { Reading } from "./reading.ts";

/** What all readings of one series have in common, as far as a digest sees it. */
export type SeriesFields = Pick<Reading, "index" | "code" | "unit" | "quality" | "path">;

/** The times of a reading, fed once for all readings that share them. */
export interface TimesDigest {
  readonly length: number;
  /** The state that they alone give. */
  readonly state: number;
}

/** The times of readings: `at` and `deviceAt` of each. */
export function timesDigest(at: number, deviceAt: number | null): TimesDigest {
  const times = `${at}|${deviceAt}`;
  return { length: times.length, state: feedText(0, times) };
}

/**
 * Digests of readings of one series, each equal to `itemDigest` of the reading. Only value and text are fed to the CRC-32 reading by
 * reading: what a series begins and ends with is fed once, the times once per take.
 */
export class SeriesDigest {
  /** State after the index and the code. */
  readonly #head: number;
  /** What stands between text and times, and after them. */
  readonly #unit: string;
  readonly #tail: string;
  /** The length of times that what follows is for. */
  #timesLength = -1;
  /** Over unit, times and tail; over the tail. */
  #restShift: Shift = shiftOf(0);
  #tailShift: Shift = shiftOf(0);
  /** The state that unit and tail alone give, with as many zeros between them as the times are long. */
  #constant = 0;

  private constructor({ index, code, unit, quality, path }: SeriesFields) {
    this.#head = feedText(CRC_START, `${index}|${code}|`);
    this.#unit = `|${unit}|`;
    this.#tail = `|${quality.join(" ")}|${path}`;
  }

  /** Null for a series that is not of ASCII text alone: its readings go the long way. */
  static of(series: SeriesFields): SeriesDigest | null {
    const { code, unit, path } = series;
    return [code, unit, path].every(isAscii) ? new SeriesDigest(series) : null;
  }

  /** The digest of a reading whose value, as text, and text are these, both of ASCII characters. */
  digest(value: string, text: string, times: TimesDigest): number {
    if (times.length !== this.#timesLength) {
      this.#fit(times.length);
    }
    const state = feedText(feedByte(feedText(this.#head, value), BAR), text);
    const rest = shifted(this.#tailShift, times.state) ^ this.#constant;
    return crcOf(shifted(this.#restShift, state) ^ rest);
  }

  #fit(timesLength: number): void {
    const [unit, tail] = [this.#unit, this.#tail];
    const behindUnit = timesLength + tail.length;
    this.#timesLength = timesLength;
    this.#restShift = shiftOf(unit.length + behindUnit);
    this.#tailShift = shiftOf(tail.length);
    this.#constant = shifted(shiftOf(behindUnit), feedText(0, unit)) ^ feedText(0, tail);
  }
}

const BAR = 0x7c;
