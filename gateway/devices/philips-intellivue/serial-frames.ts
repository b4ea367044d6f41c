import type { BadBytes } from "../device.ts";
import { fcsOf, isIntact } from "./fcs.ts";
import type { FaultSink, LostWhy } from "./lost-bytes.ts";
import { LostBytes } from "./lost-bytes.ts";
import type { Message, MessageStream } from "./message.ts";
import { PDU_BYTES_MAX, readMessage } from "./message.ts";

const BEGIN = 0xc0;
const END = 0xc1;
const ESCAPE = 0x7d;
const ESCAPED = 0x20;
/** Protocol "Data Export", its only kind of frame. The length of the message follows in two bytes. */
const PROTOCOL = 0x11;
const FRAME_KIND = 0x01;
const HEAD_BYTES = 4;
const CHECK_BYTES = 2;

/**
 * The framing of the RS-232 port ("fixed baudrate protocol"): C0, head, message, check sequence, C1. C0, C1 and 7D inside
 * are sent as 7D and the byte with bit 5 changed; 7D C1 is a frame that its sender gave up. Memory is bounded by one frame.
 */
export class SerialFrames implements MessageStream {
  readonly #body = new Uint8Array(HEAD_BYTES + PDU_BYTES_MAX + CHECK_BYTES + 1);
  readonly #lost = new LostBytes();
  #length = 0;
  /** Bytes of the line since C0; 0 outside of a frame. */
  #raw = 0;
  #isEscaped = false;

  push(bytes: Uint8Array): (Message | BadBytes)[] {
    const found: (Message | BadBytes)[] = [];
    for (let place = 0; place < bytes.length; place += 1) {
      const byte = bytes[place] ?? 0;
      if (byte === BEGIN) {
        this.#giveUp("truncated", found);
        this.#raw = 1;
      } else if (this.#raw === 0) {
        this.#lost.add("noise", 1, found);
      } else if (byte === END) {
        this.#raw += 1;
        this.#endFrame(found);
      } else if (byte === ESCAPE || this.#isEscaped || this.#length < HEAD_BYTES) {
        this.#raw += 1;
        this.#addByte(byte, found);
      } else {
        place += this.#addRun(bytes, place) - 1;
        this.#checkLength(found);
      }
    }
    return found;
  }

  end(): BadBytes[] {
    const found: BadBytes[] = [];
    this.#giveUp("truncated", found);
    this.#lost.tell(found);
    return found;
  }

  #addByte(byte: number, found: (Message | BadBytes)[]): void {
    if (byte === ESCAPE && !this.#isEscaped) {
      this.#isEscaped = true;
      return;
    }
    this.#body[this.#length] = this.#isEscaped ? byte ^ ESCAPED : byte;
    this.#isEscaped = false;
    this.#length += 1;
    this.#checkLength(found);
  }

  /** Takes plain bytes from `from` on, as many as there are and as the frame may have; at least one. */
  #addRun(bytes: Uint8Array, from: number): number {
    const to = Math.min(bytes.length, from + this.#frameBytes() + 1 - this.#length);
    let length = this.#length;
    let place = from;
    for (; place < to; place += 1) {
      const byte = bytes[place] ?? 0;
      if (byte === BEGIN || byte === END || byte === ESCAPE) {
        break;
      }
      this.#body[length] = byte;
      length += 1;
    }
    this.#length = length;
    this.#raw += place - from;
    return place - from;
  }

  /** Gives up what is no frame, or longer than it says. */
  #checkLength(found: (Message | BadBytes)[]): void {
    if (this.#length <= HEAD_BYTES ? !this.#hasHead() : this.#length > this.#frameBytes()) {
      this.#giveUp(this.#length <= HEAD_BYTES ? "noise" : "framing", found);
    }
  }

  /** False as soon as the head, as far as it has come, is none. */
  #hasHead(): boolean {
    const [protocol = 0, kind = 0] = this.#body;
    return (
      protocol === PROTOCOL &&
      (this.#length < 2 || kind === FRAME_KIND) &&
      (this.#length < HEAD_BYTES || this.#frameBytes() < this.#body.length)
    );
  }

  #frameBytes(): number {
    return HEAD_BYTES + (((this.#body[2] ?? 0) << 8) | (this.#body[3] ?? 0)) + CHECK_BYTES;
  }

  #endFrame(found: (Message | BadBytes)[]): void {
    const length = this.#length;
    if (length < HEAD_BYTES || length !== this.#frameBytes() || this.#isEscaped) {
      this.#giveUp("truncated", found);
    } else if (!isIntact(this.#body, length)) {
      this.#giveUp("checksum", found);
    } else {
      const message = readMessage(this.#body.slice(HEAD_BYTES, length - CHECK_BYTES));
      if (message === null) {
        this.#giveUp("framing", found);
        return;
      }
      this.#lost.tell(found);
      found.push(message);
      this.#restart();
    }
  }

  #giveUp(why: LostWhy, sink: FaultSink): void {
    if (this.#raw > 0) {
      this.#lost.add(why, this.#raw, sink);
    }
    this.#restart();
  }

  #restart(): void {
    this.#raw = 0;
    this.#length = 0;
    this.#isEscaped = false;
  }
}

/** A message framed for the RS-232 port. */
export function serialFrame(pdu: Uint8Array): Uint8Array {
  const body = Uint8Array.from([
    PROTOCOL,
    FRAME_KIND,
    pdu.length >> 8,
    pdu.length & 0xff,
    ...pdu,
    0,
    0,
  ]);
  const checked = body.length - CHECK_BYTES;
  const check = fcsOf(body, checked);
  body[checked] = check & 0xff;
  body[checked + 1] = check >> 8;
  const escaped: number[] = [];
  for (const byte of body) {
    if (byte === BEGIN || byte === END || byte === ESCAPE) {
      escaped.push(ESCAPE, byte ^ ESCAPED);
    } else {
      escaped.push(byte);
    }
  }
  return Uint8Array.from([BEGIN, ...escaped, END]);
}
