import type { BadBytes } from "../device.ts";
import { LostBytes } from "../lost-bytes.ts";

/** A whole record, its checksum found right and taken off. */
export interface DriRecord {
  readonly kind: "record";
  readonly bytes: DataView;
}

/** The bytes of a record on the line: flag, record and checksum with 7E and 7D escaped, flag. */
export function encodeFrame(record: Uint8Array): Uint8Array {
  const check = record.reduce((sum, byte) => (sum + byte) & 0xff, 0);
  const body = [...record, check].flatMap((byte) =>
    byte === FLAG || byte === ESCAPE ? [ESCAPE, byte & ~ESCAPED_BIT] : [byte],
  );
  return Uint8Array.from([FLAG, ...body, FLAG]);
}

/**
 * Cuts a stream at its flags and gives the records between them: unescaped, with a right checksum, and as long as they say
 * themselves. The checksum is only a sum of eight bits, so the length counts as much. What cannot be a record is given up as soon
 * as that is clear, at the latest at the next flag. Memory is bounded by the longest record.
 */
export class DriFrames {
  readonly #lost = new LostBytes("bytes that are no record");
  readonly #record = new Uint8Array(RECORD_BYTES_MAX + 1);
  /** Bytes since the last flag, as they came. */
  #raw = 0;
  /** Bytes since the last flag, unescaped. */
  #length = 0;
  #sum = 0;
  #escaped = false;
  /** What came since the last flag is no record. */
  #bad = false;

  push(bytes: Uint8Array): (DriRecord | BadBytes)[] {
    const found: (DriRecord | BadBytes)[] = [];
    for (const byte of bytes) {
      if (byte === FLAG) {
        this.#endRecord(found);
      } else if (this.#bad) {
        found.push(...this.#lost.add(1));
      } else {
        this.#take(byte, found);
      }
    }
    return found;
  }

  /** The stream has ended. */
  end(): BadBytes[] {
    const bytes = this.#bad ? 0 : this.#raw;
    this.#start();
    const rest = bytes === 0 ? [] : [fault("truncated", bytes, "a record without its end")];
    return [...this.#lost.tell(), ...rest];
  }

  #take(byte: number, found: (DriRecord | BadBytes)[]): void {
    this.#raw += 1;
    let plain = byte;
    if (this.#escaped) {
      plain = byte | ESCAPED_BIT;
      this.#escaped = false;
      if (byte !== (FLAG & ~ESCAPED_BIT) && byte !== (ESCAPE & ~ESCAPED_BIT)) {
        this.#giveUp(found);
        return;
      }
    } else if (byte === ESCAPE) {
      this.#escaped = true;
      return;
    }
    this.#record[this.#length] = plain;
    this.#sum = (this.#sum + plain) & 0xff;
    this.#length += 1;
    const isFilled = this.#length === 2 && this.#record[0] === 0 && this.#raw <= 1 + ZEROS_MAX;
    if (isFilled && !this.#hasLength()) {
      // A monitor that begins a record anew sometimes sends a zero before it. It changes no sum.
      this.#record[0] = plain;
      this.#record[1] = 0;
      this.#length = 1;
      return;
    }
    if (this.#length >= 2 && (!this.#hasLength() || this.#length > this.#ownLength() + 1)) {
      this.#giveUp(found);
    }
  }

  /** Whether the length that the record says is one that a record may have. */
  #hasLength(): boolean {
    const length = this.#ownLength();
    return length >= HEADER_BYTES && length <= RECORD_BYTES_MAX;
  }

  /** The record's length as it says itself. */
  #ownLength(): number {
    return (this.#record[0] ?? 0) | ((this.#record[1] ?? 0) << 8);
  }

  #giveUp(found: (DriRecord | BadBytes)[]): void {
    this.#bad = true;
    found.push(...this.#lost.add(this.#raw));
  }

  #endRecord(found: (DriRecord | BadBytes)[]): void {
    if (!this.#bad && this.#raw > 0) {
      found.push(...this.#lost.tell());
      const length = this.#length - 1;
      const check = this.#record[length] ?? 0;
      const isWhole = this.#hasLength() && length === this.#ownLength() && !this.#escaped;
      const isGood = isWhole && ((this.#sum - check) & 0xff) === check;
      found.push(
        isGood
          ? { kind: "record", bytes: new DataView(this.#record.slice(0, length).buffer) }
          : length < this.#ownLength()
            ? fault("truncated", this.#raw, "a piece of a record")
            : fault("checksum", this.#raw, "a record with a wrong checksum"),
      );
    }
    this.#start();
  }

  #start(): void {
    this.#raw = 0;
    this.#length = 0;
    this.#sum = 0;
    this.#escaped = false;
    this.#bad = false;
  }
}

export const HEADER_BYTES = 40;
const FLAG = 0x7e;
const ESCAPE = 0x7d;
const ESCAPED_BIT = 0x20;
/** Zeros before a record that are passed over, at most. */
const ZEROS_MAX = 4;
/** The specification allows 1490; newer monitors send more waveforms in one record. */
const RECORD_BYTES_MAX = 4096;

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
