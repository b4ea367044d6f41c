import type { Waveform } from "../reading.ts";

/**
 * Blocks of waveforms of the devices that somebody watches, until they are taken; all others are let go at once. There is room for so
 * many samples between one `refill` and the next; what finds none is lost.
 */
export class BoardWaves {
  #watched: ReadonlySet<string> = new Set();
  #waiting: Waveform[] = [];
  #room = ROOM_SAMPLES;
  #onWaiting: () => void = () => undefined;

  /** Watches these devices only; `onWaiting` is called when a first block waits to be taken. */
  watch(devices: readonly string[], onWaiting: () => void): void {
    this.#watched = new Set(devices);
    this.#onWaiting = onWaiting;
    this.#waiting = this.#waiting.filter(({ device }) => this.#watched.has(device));
  }

  /** Keeps a block of a watched device. */
  show(wave: Waveform): void {
    const size = wave.samples.length + BLOCK_SAMPLES;
    if (!this.#watched.has(wave.device) || size > this.#room) {
      return;
    }
    this.#room -= size;
    this.#waiting.push(wave);
    if (this.#waiting.length === 1) {
      this.#onWaiting();
    }
  }

  /** The blocks that wait, oldest first. */
  take(): Waveform[] {
    const waves = this.#waiting;
    this.#waiting = [];
    return waves;
  }

  /** To be called regularly: there is room again. */
  refill(): void {
    this.#room = ROOM_SAMPLES;
  }
}

/** With 25 characters a sample, all that there is room for fits one frame. */
const ROOM_SAMPLES = 32_768;
/** The names of a block take as much as so many samples. */
const BLOCK_SAMPLES = 64;
