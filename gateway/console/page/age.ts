/** From here on a value is not of now any more: it fades. */
export const FADES_MS = 15_000;
/** From here on it is not shown any more. */
export const GONE_MS = 120_000;

export type Freshness = "live" | "fading" | "gone";

/** How a value may be shown at this age. One from the future (a clock that was set back) is not live either. */
export function freshnessOf(ageMs: number): Freshness {
  if (ageMs < -FADES_MS || ageMs >= GONE_MS) {
    return "gone";
  }
  return ageMs < FADES_MS ? "live" : "fading";
}

/** An age in the largest unit that fits: "3 s", "12 min", "5 h", "2 d". */
export function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.round(ageMs / 1000));
  if (seconds < 60) {
    return `${seconds} s`;
  }
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    return `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
}

/** The gateway's clock as this browser knows it: what it last said, and what has passed since. */
export class GatewayClock {
  readonly #steady: () => number;
  #said: { readonly at: number; readonly heard: number } | null = null;

  constructor(steady: () => number) {
    this.#steady = steady;
  }

  /** The gateway said that it is `at` (epoch milliseconds). */
  told(at: number): void {
    this.#said = { at, heard: this.#steady() };
  }

  /** Epoch milliseconds of the gateway, now. */
  now(): number {
    return this.#said === null ? Date.now() : this.#said.at + this.#steady() - this.#said.heard;
  }
}

/** A time of day, or with its date when that is not today. */
export function timeText(at: number, now: number, language: string): string {
  const [date, today] = [new Date(at), new Date(now)];
  const isToday = date.toDateString() === today.toDateString();
  return date.toLocaleString(language, {
    hour: "2-digit",
    minute: "2-digit",
    ...(isToday ? {} : { day: "numeric", month: "short" }),
  });
}

export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let [value, place] = [bytes, 0];
  while (value >= 1000 && place < units.length - 1) {
    value /= 1000;
    place += 1;
  }
  return `${value < 10 && place > 0 ? value.toFixed(1) : Math.round(value)} ${units[place]}`;
}
