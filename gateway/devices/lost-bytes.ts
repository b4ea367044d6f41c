import type { BadBytes } from "./device.ts";

/**
 * Counts bytes between frames that belong to none, and tells of them: when the next frame comes, when the stream ends, and
 * at the latest after every 1000, so that endless noise is seen. How the bytes were cut into pieces makes no difference.
 */
export class LostBytes {
  readonly #text: string;
  #bytes = 0;

  /** `text` says in plain words what the bytes are not. */
  constructor(text: string) {
    this.#text = text;
  }

  /** So many more bytes are given up; what is to be told of them now. */
  add(bytes: number): BadBytes[] {
    this.#bytes += bytes;
    const faults: BadBytes[] = [];
    while (this.#bytes >= LOST_BYTES_MAX) {
      this.#bytes -= LOST_BYTES_MAX;
      faults.push(this.#fault(LOST_BYTES_MAX));
    }
    return faults;
  }

  /** What is not told yet. */
  tell(): BadBytes[] {
    const bytes = this.#bytes;
    this.#bytes = 0;
    return bytes === 0 ? [] : [this.#fault(bytes)];
  }

  #fault(bytes: number): BadBytes {
    return { kind: "fault", fault: "noise", bytes, text: this.#text };
  }
}

const LOST_BYTES_MAX = 1000;
