/** Lines on their way into a file or stream, in memory that is used again. */
export class LineBuffer {
  #bytes: Buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  add(text: string): void {
    const needed = this.#length + text.length * UTF8_BYTES_MAX;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, needed));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#length += this.#bytes.write(text, this.#length, "utf8");
  }

  /** What was added; only until the next `add` or `clear`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  /** Begins anew. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > KEPT_BYTES_MAX) {
      this.#bytes = Buffer.allocUnsafe(FIRST_BYTES);
    }
  }
}

/** Of one UTF-16 code unit. */
const UTF8_BYTES_MAX = 3;
const FIRST_BYTES = 65_536;
const KEPT_BYTES_MAX = 16 * 2 ** 20;
