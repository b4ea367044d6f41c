import type { ColumnReader, ColumnWriter } from "../columns.ts";

/** Writes single bits into bytes, the highest bit of each byte first. */
export class BitWriter {
  readonly #writer: ColumnWriter;
  /** Fewer than eight bits that do not make a byte yet. */
  #bits = 0;
  #count = 0;

  constructor(writer: ColumnWriter) {
    this.#writer = writer;
  }

  /** The lowest `count` (0 to 24) bits of a whole number that has no others. */
  bits(value: number, count: number): void {
    this.#bits = ((this.#bits << count) | value) >>> 0;
    this.#count += count;
    while (this.#count >= 8) {
      this.#count -= 8;
      this.#writer.byte(this.#bits >>> this.#count);
      this.#bits &= 2 ** this.#count - 1;
    }
  }

  /** Fills the last byte up with zeros. */
  end(): void {
    if (this.#count > 0) {
      this.bits(0, 8 - this.#count);
    }
  }
}

/** Reads what BitWriter wrote. Throws what the reader throws when there is no more. */
export class BitReader {
  readonly #reader: ColumnReader;
  readonly #what: string;
  #bits = 0;
  #count = 0;

  /** @param what name of the part, for errors */
  constructor(reader: ColumnReader, what: string) {
    this.#reader = reader;
    this.#what = what;
  }

  /** A number of `count` (0 to 24) bits. */
  bits(count: number): number {
    while (this.#count < count) {
      this.#more();
    }
    const value = this.#bits >>> (this.#count - count);
    this.#drop(count);
    return value;
  }

  /** How many one-bits come before the next zero-bit, which is passed over; stops after `maximum` of them. */
  ones(maximum: number): number {
    let ones = 0;
    for (;;) {
      if (this.#count === 0) {
        this.#more();
      }
      const row = Math.min(this.#count, Math.clz32(~(this.#bits << (32 - this.#count))));
      const taken = Math.min(row, maximum - ones);
      this.#drop(taken);
      ones += taken;
      if (ones === maximum) {
        return ones;
      }
      if (this.#count > 0) {
        this.#drop(1);
        return ones;
      }
    }
  }

  /** True when what is left of the last byte is zeros. */
  isEnd(): boolean {
    return this.#bits === 0;
  }

  #more(): void {
    this.#bits = ((this.#bits << 8) | this.#reader.byte(this.#what, 0xff)) >>> 0;
    this.#count += 8;
  }

  #drop(count: number): void {
    this.#count -= count;
    this.#bits &= 2 ** this.#count - 1;
  }
}
