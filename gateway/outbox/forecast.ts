/** Measures how fast the outbox fills, and says how long that can go on. */
export class Forecast {
  readonly #samples: { readonly at: number; readonly bytes: number }[] = [];

  /** Notes how many bytes were held at a time (monotonic milliseconds). */
  note(at: number, bytes: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && at - last.at < SAMPLE_MS) {
      return;
    }
    this.#samples.push({ at, bytes });
    if (this.#samples.length > SAMPLES_MAX) {
      this.#samples.shift();
    }
  }

  /** Bytes a second over the last ten minutes, or since the start; negative while it empties, null before it can be known. */
  get bytesPerSecond(): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < KNOWN_MS) {
      return null;
    }
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }

  /** Milliseconds until `bytesMax` are held when it goes on like this; null when it does not fill, or nobody knows yet. */
  fullInMs(bytesMax: number): number | null {
    const rate = this.bytesPerSecond;
    const held = this.#samples.at(-1)?.bytes ?? 0;
    return rate === null || rate <= 0 ? null : (Math.max(0, bytesMax - held) * 1000) / rate;
  }
}

const SAMPLE_MS = 10_000;
const SAMPLES_MAX = 61;
/** Before this much was seen, a rate says nothing. */
const KNOWN_MS = 60_000;
