import type { BadBytes } from "../device.ts";
import { LostBytes } from "../lost-bytes.ts";

/** A message whose checksum is right and whose end was seen. */
export interface CapnoMessage {
  readonly kind: "message";
  readonly code: number;
  readonly data: Uint8Array;
  /** Bytes it had on the line. */
  readonly bytes: number;
}

/**
 * Cuts messages out of a stream: 85, length, code, data, checksum. A byte 85 or 80 inside a message is sent as 80 05 or 80 00, so that 85
 * always starts a message. The checksum is the XOR of all bytes between header and checksum; 80 XOR 05 is 85, so it does not matter
 * whether it is taken before or after that. A message counts when the next one starts, the line falls quiet or ends: if
 * more bytes come instead, a byte was doubled, and one XOR does not always notice that.
 */
export class CapnoFrames {
  /** Length, code, data and checksum, without escapes. */
  readonly #held = new Uint8Array(HELD_BYTES);
  readonly #lost = new LostBytes("bytes that are in no message");
  #length = 0;
  /** Bytes on the line since the header, with it; 0 outside of messages. */
  #bytes = 0;
  #isEscaped = false;
  #isWhole = false;

  push(bytes: Uint8Array): (CapnoMessage | BadBytes)[] {
    const found: (CapnoMessage | BadBytes)[] = [];
    for (let place = 0; place < bytes.length; place += 1) {
      const byte = bytes[place] ?? 0;
      if (byte === HEADER) {
        this.#finish(found);
        this.#start(found);
      } else if (this.#bytes === 0) {
        found.push(...this.#lost.add(1));
      } else if (this.#isWhole) {
        this.#giveUp("framing", "a message that is longer than it says", found);
        found.push(...this.#lost.add(1));
      } else {
        this.#bytes += 1;
        this.#add(byte, found);
      }
    }
    return found;
  }

  /** Nothing more comes for now: a whole message counts. */
  settle(): (CapnoMessage | BadBytes)[] {
    const found: (CapnoMessage | BadBytes)[] = [];
    if (this.#isWhole) {
      this.#finish(found);
    }
    return found;
  }

  /** The stream has ended. */
  end(): (CapnoMessage | BadBytes)[] {
    const found: (CapnoMessage | BadBytes)[] = [];
    this.#finish(found);
    found.push(...this.#lost.tell());
    return found;
  }

  #add(byte: number, found: (CapnoMessage | BadBytes)[]): void {
    if (this.#isEscaped && byte !== 0x00 && byte !== 0x05) {
      this.#giveUp("framing", "an escape that is none", found);
      return;
    }
    if (byte === ESCAPE && !this.#isEscaped) {
      this.#isEscaped = true;
      return;
    }
    this.#held[this.#length] = this.#isEscaped ? ESCAPE + byte : byte;
    this.#isEscaped = false;
    this.#length += 1;
    const said = this.#held[0] ?? 0;
    if (said === 0) {
      this.#giveUp("framing", "a message of length 0", found);
    } else if (this.#length === said + 2) {
      this.#check(found);
    }
  }

  #check(found: (CapnoMessage | BadBytes)[]): void {
    let sum = 0;
    for (let place = 0; place < this.#length; place += 1) {
      sum ^= this.#held[place] ?? 0;
    }
    if (sum === 0) {
      this.#isWhole = true;
    } else {
      this.#giveUp("checksum", "a message with a wrong checksum", found);
    }
  }

  #start(found: (CapnoMessage | BadBytes)[]): void {
    found.push(...this.#lost.tell());
    this.#bytes = 1;
  }

  #finish(found: (CapnoMessage | BadBytes)[]): void {
    if (this.#isWhole) {
      const code = this.#held[1] ?? 0;
      const data = this.#held.slice(2, this.#length - 1);
      found.push({ kind: "message", code, data, bytes: this.#bytes });
      this.#reset();
    } else if (this.#bytes > 0) {
      this.#giveUp("truncated", "a message without its end", found);
    }
  }

  #giveUp(word: string, text: string, found: (CapnoMessage | BadBytes)[]): void {
    found.push({ kind: "fault", fault: word, bytes: this.#bytes, text });
    this.#reset();
  }

  #reset(): void {
    this.#length = 0;
    this.#bytes = 0;
    this.#isEscaped = false;
    this.#isWhole = false;
  }
}

/** One message with escapes and checksum. */
export function messageOf(code: number, data: readonly number[] = []): Uint8Array {
  const body = [data.length + 1, code, ...data];
  const checksum = body.reduce((sum, byte) => sum ^ byte, 0);
  const escaped = [...body, checksum].flatMap((byte) =>
    byte === ESCAPE || byte === HEADER ? [ESCAPE, byte - ESCAPE] : [byte],
  );
  return Uint8Array.from([HEADER, ...escaped]);
}

/** Also the first byte of what is sent. */
export const HEADER = 0x85;
const ESCAPE = 0x80;
/** A length byte, what it counts (at most 255), and the checksum. */
const HELD_BYTES = 257;
