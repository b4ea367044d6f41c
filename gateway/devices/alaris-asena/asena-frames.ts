import { crc16 } from "../crc.ts";
import type { BadBytes } from "../device.ts";
import { LostBytes } from "../lost-bytes.ts";

/** One message of either side: `!NAME^field^field|CRC4` and CR. */
export interface AsenaFrame {
  readonly kind: "message";
  readonly name: string;
  readonly fields: readonly string[];
  /** Bytes of the whole message. */
  readonly bytes: number;
}

/** The bytes of a message without fields, which is what a question is. */
export function encodeQuestion(name: string): Uint8Array {
  const text = Uint8Array.from(name, (character) => character.charCodeAt(0));
  const check = crc16(text, CRC_INITIAL).toString(16).toUpperCase().padStart(CHECK_DIGITS, "0");
  return Uint8Array.from(`!${name}|${check}\r`, (character) => character.charCodeAt(0));
}

/**
 * Cuts a stream into messages. A message ends with CR and is good when the four hex digits after its last `|` are the CRC of what is
 * between `!` and `|`. ESC breaks a message off. When a message is not good but one that starts later in the same bytes is, the
 * end of the first was lost, and the later one is used. Memory is bounded by the longest message.
 */
export class AsenaFrames {
  readonly #lost = new LostBytes("bytes that are no message");
  /** The start of a message whose end has not come yet. */
  #carry: Uint8Array = EMPTY;

  push(bytes: Uint8Array): (AsenaFrame | BadBytes)[] {
    const found: (AsenaFrame | BadBytes)[] = [];
    const data = joined(this.#carry, bytes);
    let place = 0;
    for (;;) {
      const start = data.indexOf(START, place);
      const noise = countNoise(data, place, start < 0 ? data.length : start);
      if (noise > 0) {
        found.push(...this.#lost.add(noise));
      }
      if (start < 0) {
        this.#carry = EMPTY;
        return found;
      }
      const end = endOf(data, start);
      if (end === null) {
        this.#carry = data.slice(start);
        return found;
      }
      place = end.kind === "too-long" ? start + 1 : end.place + 1;
      if (end.kind === "too-long") {
        found.push(...this.#lost.add(1));
      } else if (end.kind === "broken-off") {
        found.push(...this.#lost.tell(), fault("truncated", place - start, BROKEN_OFF));
      } else {
        this.#useMessage(data, start, end.place, found);
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

  #useMessage(
    data: Uint8Array,
    start: number,
    end: number,
    found: (AsenaFrame | BadBytes)[],
  ): void {
    found.push(...this.#lost.tell());
    for (let from = start; from >= 0 && from < end; from = data.indexOf(START, from + 1)) {
      if (isGood(data, from, end)) {
        if (from > start) {
          found.push(fault("truncated", from - start, "a message without its end"));
        }
        found.push(messageOf(data, from, end));
        return;
      }
    }
    found.push(fault("checksum", end + 1 - start, "a message with a wrong checksum"));
  }
}

const EMPTY = new Uint8Array(0);
const LATIN_1 = new TextDecoder("latin1");
const START = 0x21;
const BAR = 0x7c;
const ESCAPE = 0x1b;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const CRC_INITIAL = 0xff_ff;
const CHECK_DIGITS = 4;
/** Bytes of the longest message, with room: the longest known one has about 90. */
const MESSAGE_BYTES_MAX = 512;
const BROKEN_OFF = "a message that its sender broke off";

interface End {
  readonly kind: "complete" | "broken-off" | "too-long";
  readonly place: number;
}

function endOf(data: Uint8Array, start: number): End | null {
  const end = data.indexOf(CARRIAGE_RETURN, start);
  const escape = data.subarray(start, end < 0 ? data.length : end).indexOf(ESCAPE);
  const place = escape < 0 ? end : start + escape;
  const bytes = (place < 0 ? data.length : place) - start;
  if (bytes >= MESSAGE_BYTES_MAX) {
    return { kind: "too-long", place: start };
  }
  return place < 0 ? null : { kind: escape < 0 ? "complete" : "broken-off", place };
}

/** Line ends between messages are nobody's loss. */
function countNoise(data: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let place = from; place < to; place += 1) {
    count += data[place] === CARRIAGE_RETURN || data[place] === LINE_FEED ? 0 : 1;
  }
  return count;
}

function isGood(data: Uint8Array, start: number, end: number): boolean {
  const bar = end - CHECK_DIGITS - 1;
  if (bar <= start || data[bar] !== BAR) {
    return false;
  }
  let check = 0;
  for (let place = bar + 1; place < end; place += 1) {
    check = check * 16 + digitOf(data[place] ?? 0);
  }
  return check === crc16(data, CRC_INITIAL, start + 1, bar);
}

/** The value of a hex digit; what is none makes a number that is no checksum. */
function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) {
    return byte - 0x30;
  }
  const letter = byte & ~0x20;
  return letter >= 0x41 && letter <= 0x46 ? letter - 0x37 : NaN;
}

function messageOf(data: Uint8Array, start: number, end: number): AsenaFrame {
  const text = LATIN_1.decode(data.subarray(start + 1, end - CHECK_DIGITS - 1));
  const [name = "", ...fields] = text.split("^");
  return { kind: "message", name, fields, bytes: end + 1 - start };
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
