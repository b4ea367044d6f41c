import { crc16 } from "../crc.ts";
import type { BadBytes } from "../device.ts";
import { LostBytes } from "../lost-bytes.ts";

/** One message of either side: `[TEXT]` and two bytes of checksum. */
export interface As50Frame {
  readonly kind: "message";
  /** What is between the brackets. */
  readonly text: string;
}

/** The bytes of a message. */
export function encodeMessage(text: string): Uint8Array {
  const message = Uint8Array.from(`[${text}]`, (character) => character.charCodeAt(0));
  const check = crc16(message, CRC_INITIAL);
  return Uint8Array.from([...message, check >> 8, check & 0xff]);
}

/**
 * Cuts a stream into messages: `[`, text, `]` and the CRC of all these, high byte first. The two bytes of the CRC may have any value,
 * also that of a bracket. What starts like a message and is none is given up to the next `[`. Memory is bounded by the
 * longest message.
 */
export class As50Frames {
  readonly #lost = new LostBytes("bytes that are no message");
  /** The start of a message whose end has not come yet. */
  #carry: Uint8Array = EMPTY;

  push(bytes: Uint8Array): (As50Frame | BadBytes)[] {
    const found: (As50Frame | BadBytes)[] = [];
    const data = joined(this.#carry, bytes);
    let place = 0;
    for (;;) {
      const start = data.indexOf(OPEN, place);
      const noise = (start < 0 ? data.length : start) - place;
      if (noise > 0) {
        found.push(...this.#lost.add(noise));
      }
      if (start < 0) {
        this.#carry = EMPTY;
        return found;
      }
      const close = closeOf(data, start);
      if (close === "not-yet" || (typeof close === "number" && close + CRC_BYTES >= data.length)) {
        this.#carry = data.slice(start);
        return found;
      }
      place = typeof close === "number" ? this.#use(data, start, close, found) : start + 1;
      if (close === "no-text") {
        found.push(...this.#lost.add(1));
      }
    }
  }

  /** The stream has ended. */
  end(): BadBytes[] {
    const bytes = this.#carry.length;
    this.#carry = EMPTY;
    const rest = bytes === 0 ? [] : [fault("truncated", bytes, "a message without its end")];
    return [...this.#lost.tell(), ...rest];
  }

  /** Uses what may be a message; gives the place of the first byte after it. */
  #use(data: Uint8Array, start: number, close: number, found: (As50Frame | BadBytes)[]): number {
    const end = close + 1 + CRC_BYTES;
    const check = ((data[close + 1] ?? 0) << 8) | (data[close + 2] ?? 0);
    found.push(...this.#lost.tell());
    if (crc16(data, CRC_INITIAL, start, close + 1) === check) {
      found.push({ kind: "message", text: LATIN_1.decode(data.subarray(start + 1, close)) });
      return end;
    }
    const next = data.subarray(0, end).indexOf(OPEN, start + 1);
    const after = next < 0 ? end : next;
    found.push(fault("checksum", after - start, "a message with a wrong checksum"));
    return after;
  }
}

const EMPTY = new Uint8Array(0);
const LATIN_1 = new TextDecoder("latin1");
const OPEN = 0x5b;
const CLOSE = 0x5d;
const CRC_INITIAL = 0;
const CRC_BYTES = 2;
/** Characters between the brackets, with room: the longest known message has a dozen. */
const TEXT_BYTES_MAX = 120;

/** The place of the closing bracket; "no-text" when something comes first that is in no message. */
function closeOf(data: Uint8Array, start: number): number | "not-yet" | "no-text" {
  const limit = start + 1 + TEXT_BYTES_MAX;
  for (let place = start + 1; place < data.length; place += 1) {
    const byte = data[place] ?? 0;
    if (byte === CLOSE) {
      return place;
    }
    if (byte < 0x20 || byte > 0x7e || byte === OPEN || place >= limit) {
      return "no-text";
    }
  }
  return "not-yet";
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) {
    return second;
  }
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
