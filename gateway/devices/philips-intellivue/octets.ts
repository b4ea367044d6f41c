/**
 * Reads the big-endian fields of one message one after the other. Beyond the end every field is 0 and `short` becomes true, so
 * a whole structure is read first and asked about once.
 */
export class Octets {
  readonly #bytes: Uint8Array;
  readonly #to: number;
  #at: number;
  #short = false;

  constructor(bytes: Uint8Array, from = 0, to: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#to = to;
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#to - this.#at;
  }

  /** True once something was read that is not there. */
  get short(): boolean {
    return this.#short;
  }

  u8(): number {
    return this.#has(1) ? (this.#bytes[this.#at++] ?? 0) : 0;
  }

  u16(): number {
    if (!this.#has(2)) {
      return 0;
    }
    const at = this.#at;
    this.#at += 2;
    return ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0);
  }

  u32(): number {
    return this.u16() * 0x1_00_00 + this.u16();
  }

  /** The next bytes as a reader of their own; none when fewer are there. */
  part(length: number): Octets {
    const from = this.#at;
    const length0 = this.#has(length) ? length : 0;
    this.#at += length0;
    return new Octets(this.#bytes, from, from + length0);
  }

  /** What is left, without copying. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#to);
  }

  #has(length: number): boolean {
    const has = length <= this.left;
    if (!has) {
      this.#short = true;
      this.#at = this.#to;
    }
    return has;
  }
}
