import type { BadBytes } from "../device.ts";
import { LostBytes } from "../lost-bytes.ts";

/** One thing that came over the link, in either direction. */
export type LinkEvent = LinkMessage | LinkSign | BadBytes;

/** A message with a good checksum: an address digit (or none), then a command or an answer. */
export interface LinkMessage {
  readonly kind: "message";
  readonly text: string;
}

/** A single character of the link: ENQ asks whether somebody is there. */
export interface LinkSign {
  readonly kind: "enquiry" | "accepted" | "refused";
}

/** The bytes of a message: STX, text, checksum (FF less the low byte of the sum, two hex digits), ETX. */
export function encodeMessage(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length + 4);
  bytes[0] = STX;
  let sum = 0;
  for (let place = 0; place < text.length; place += 1) {
    const character = text.charCodeAt(place);
    bytes[place + 1] = character;
    sum += character;
  }
  const check = 0xff - (sum & 0xff);
  bytes[text.length + 1] = HEX.charCodeAt(check >> 4);
  bytes[text.length + 2] = HEX.charCodeAt(check & 0x0f);
  bytes[text.length + 3] = ETX;
  return bytes;
}

/**
 * Cuts the characters of the link into messages and single signs. ENQ, ACK and DC4 may come in the middle of a message and are no part of
 * it. A message that breaks off is given up at the first character that cannot be in it. Memory is one message.
 */
export class AgiliaLink {
  readonly #lost = new LostBytes("bytes that are no message");
  readonly #body = new Uint8Array(BODY_BYTES_MAX);
  /** Bytes of the message that has started, or null outside of one. */
  #length: number | null = null;
  /** NAK came, and the character that says why follows. */
  #reason = false;

  push(bytes: Uint8Array): LinkEvent[] {
    const events: LinkEvent[] = [];
    for (let place = 0; place < bytes.length; place += 1) {
      const byte = bytes[place] ?? 0;
      if (this.#reason && byte >= REASON_FIRST && byte <= REASON_LAST) {
        this.#reason = false;
      } else {
        this.#reason = false;
        this.#take(byte, events);
      }
    }
    return events;
  }

  /** The stream has ended. */
  end(): BadBytes[] {
    const bytes = this.#length === null ? 0 : this.#length + 1;
    this.#length = null;
    const rest = bytes === 0 ? [] : [fault("truncated", bytes, UNENDED)];
    return [...this.#lost.tell(), ...rest];
  }

  #take(byte: number, events: LinkEvent[]): void {
    switch (byte) {
      case STX:
        this.#breakOff(events);
        this.#length = 0;
        return;
      case ENQ:
        events.push({ kind: "enquiry" });
        return;
      case ACK:
        events.push({ kind: "accepted" });
        return;
      case DC4:
        return;
      case NAK:
        this.#breakOff(events);
        this.#reason = true;
        events.push({ kind: "refused" });
        return;
      default:
        this.#takeText(byte, events);
    }
  }

  #takeText(byte: number, events: LinkEvent[]): void {
    if (this.#length === null) {
      events.push(...this.#lost.add(1));
    } else if (byte === ETX) {
      this.#endMessage(this.#length, events);
    } else if (byte < 0x20 || byte > 0x7e || this.#length === BODY_BYTES_MAX) {
      this.#breakOff(events);
      events.push(...this.#lost.add(1));
    } else {
      this.#body[this.#length] = byte;
      this.#length += 1;
    }
  }

  #endMessage(length: number, events: LinkEvent[]): void {
    this.#length = null;
    events.push(...this.#lost.tell());
    const end = length - CHECK_DIGITS;
    let sum = 0;
    for (let place = 0; place < end; place += 1) {
      sum += this.#body[place] ?? 0;
    }
    const check = 0xff - (sum & 0xff);
    const isGood =
      this.#body[end] === HEX.charCodeAt(check >> 4) &&
      this.#body[end + 1] === HEX.charCodeAt(check & 0x0f);
    events.push(
      end > 0 && isGood
        ? { kind: "message", text: LATIN_1.decode(this.#body.subarray(0, end)) }
        : fault("checksum", length + 2, "a message with a wrong checksum"),
    );
  }

  #breakOff(events: LinkEvent[]): void {
    if (this.#length !== null) {
      events.push(...this.#lost.tell(), fault("truncated", this.#length + 1, UNENDED));
      this.#length = null;
    }
  }
}

const STX = 0x02;
const ETX = 0x03;
const ENQ = 0x05;
const ACK = 0x06;
const DC4 = 0x14;
const NAK = 0x15;
/** The characters after NAK that say why. */
const REASON_FIRST = 0x31;
const REASON_LAST = 0x38;
const CHECK_DIGITS = 2;
const HEX = "0123456789ABCDEF";
/** Characters of the longest message (80, says the protocol's own error list), with room. */
const BODY_BYTES_MAX = 128;
const UNENDED = "a message without its end";
const LATIN_1 = new TextDecoder("latin1");

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
