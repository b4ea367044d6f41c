import type { BadBytes } from "../device.ts";
import {
  CAN,
  COMMAND_BYTES_MAX,
  CR,
  DC1,
  DC3,
  ESC,
  ETX,
  hexDigit,
  NAK,
  RESPONSE_BYTES_MAX,
  SOH,
} from "./bytes.ts";

/** A command or a response whose checksum is right. */
export interface MedibusMessage {
  readonly kind: "command" | "response";
  readonly code: number;
  /** Argument or data, one character a byte. */
  readonly data: string;
  /** A command that came in the middle of a response. */
  readonly nested: boolean;
  /** All its bytes, from ESC or SOH to CR. */
  readonly bytes: number;
}

/** What slow bytes gave. `broken` is a whole message with a wrong checksum; its bytes are told by a fault. */
export type SlowEvent =
  | MedibusMessage
  | { readonly kind: "broken"; readonly what: "command" | "response" }
  | { readonly kind: "suspend" | "resume" }
  | BadBytes;

/**
 * Cuts slow bytes (bit 7 clear) into commands and responses. A command may come in the middle of a response; each has its
 * own checksum, so both are collected side by side. DC1, DC3 and CAN may come anywhere and belong to no message. Memory is
 * one longest response and one longest command.
 */
export class SlowMessages {
  readonly #response = new OpenMessage("response", RESPONSE_BYTES_MAX);
  readonly #command = new OpenMessage("command", COMMAND_BYTES_MAX);
  #lost = 0;
  #lostWhy: LostWhy = "truncated";

  /** Takes the slow bytes from a place on, up to the next realtime byte; returns the place of that one, or the end. */
  push(bytes: Uint8Array, from: number, events: SlowEvent[]): number {
    let place = from;
    let top = this.#top;
    for (; place < bytes.length; place += 1) {
      const byte = bytes[place] ?? 0;
      if (byte >= REALTIME_FLAG) {
        break;
      }
      if (byte < FIRST_TEXT || !top.add(byte)) {
        this.#take(byte, events);
        top = this.#top;
      }
    }
    return place;
  }

  #take(byte: number, events: SlowEvent[]): void {
    switch (byte) {
      case SOH:
        this.#giveUp(this.#command, "truncated");
        this.#giveUp(this.#response, "truncated");
        this.#response.start(SOH);
        break;
      case ESC:
        this.#giveUp(this.#command, "truncated");
        this.#command.start(ESC);
        break;
      case CR:
        this.#close(events);
        break;
      case DC1:
        events.push({ kind: "suspend" });
        break;
      case DC3:
        events.push({ kind: "resume" });
        break;
      case CAN:
        // Asks to abort what is being sent to the device; all that is ever sent is out long before.
        break;
      default:
        this.#add(byte);
    }
    if (this.#lost >= LOST_BYTES_MAX) {
      this.#tellLost(events);
    }
  }

  end(events: SlowEvent[]): void {
    this.#giveUp(this.#response, "truncated");
    this.#giveUp(this.#command, "truncated");
    this.#tellLost(events);
  }

  /** True while a response is being received. */
  get isReceiving(): boolean {
    return this.#response.length > 0;
  }

  get #top(): OpenMessage {
    return this.#command.length > 0 ? this.#command : this.#response;
  }

  /** A byte that is none of the above: text that fits no message, or a control character that belongs to one. */
  #add(byte: number): void {
    const message = this.#top;
    const isText = byte >= FIRST_TEXT || byte === ETX;
    const mayStand = isText || (byte === NAK && message.length === 1);
    if (mayStand && message.add(byte)) {
      return;
    }
    this.#giveUp(message, mayStand ? "framing" : "noise");
    this.#lose(isText ? "truncated" : "noise", 1);
  }

  #close(events: SlowEvent[]): void {
    const message = this.#top;
    if (message.length === 0) {
      this.#lose("truncated", 1);
      this.#tellLost(events);
      return;
    }
    const { kind, length } = message;
    const nested = kind === "command" && this.#response.length > 0;
    const content = message.content();
    message.clear();
    if (content === null) {
      this.#lose("checksum", length + 1);
    }
    this.#tellLost(events);
    events.push(
      content === null
        ? { kind: "broken", what: kind }
        : { kind, code: content.code, data: content.data, nested, bytes: length + 1 },
    );
  }

  #giveUp(message: OpenMessage, why: LostWhy): void {
    this.#lose(why, message.length);
    message.clear();
  }

  /** Counts lost bytes; the first reason of a run is the one that is told. */
  #lose(why: LostWhy, bytes: number): void {
    if (this.#lost === 0) {
      this.#lostWhy = why;
    }
    this.#lost += bytes;
  }

  #tellLost(events: SlowEvent[]): void {
    if (this.#lost > 0) {
      const fault = this.#lostWhy;
      events.push({ kind: "fault", fault, bytes: this.#lost, text: LOST_TEXTS[fault] });
    }
    this.#lost = 0;
  }
}

const REALTIME_FLAG = 0x80;
const FIRST_TEXT = 0x20;
/** Lost bytes are told at the latest after this many, so that endless noise is seen. */
const LOST_BYTES_MAX = 1000;

type LostWhy = "noise" | "checksum" | "truncated" | "framing";

const LOST_TEXTS: Readonly<Record<LostWhy, string>> = {
  noise: "bytes that are no MEDIBUS",
  checksum: "a message with a wrong checksum",
  truncated: "a message without its start or its end",
  framing: "a message that is longer than one may be",
};

/** A message that has started and not yet ended; none while `length` is 0. */
class OpenMessage {
  readonly kind: "command" | "response";
  readonly #bytes: Uint8Array;
  length = 0;

  constructor(kind: "command" | "response", bytesMax: number) {
    this.kind = kind;
    this.#bytes = new Uint8Array(bytesMax - 1);
  }

  start(byte: number): void {
    this.#bytes[0] = byte;
    this.length = 1;
  }

  /** False when no message has started, or when it is longer than one may be. */
  add(byte: number): boolean {
    if (this.length === 0 || this.length === this.#bytes.length) {
      return false;
    }
    this.#bytes[this.length] = byte;
    this.length += 1;
    return true;
  }

  clear(): void {
    this.length = 0;
  }

  /** Code and data, or null when the checksum, the low byte of the sum of all bytes before it, is wrong. */
  content(): { readonly code: number; readonly data: string } | null {
    const bytes = this.#bytes;
    const check = this.length - CHECK_BYTES;
    if (check < HEAD_BYTES) {
      return null;
    }
    let sum = 0;
    for (let place = 0; place < check; place += 1) {
      sum += bytes[place] ?? 0;
    }
    const high = hexDigit(bytes[check] ?? 0);
    const low = hexDigit(bytes[check + 1] ?? 0);
    return high < 0 || low < 0 || 16 * high + low !== (sum & 0xff)
      ? null
      : { code: bytes[1] ?? 0, data: textOf(bytes, check) };
  }
}

/** The text from the code on; all its bytes are ASCII. */
function textOf(bytes: Uint8Array, to: number): string {
  return to === HEAD_BYTES ? "" : ASCII.decode(bytes.subarray(HEAD_BYTES, to));
}

const ASCII = new TextDecoder();
const HEAD_BYTES = 2;
const CHECK_BYTES = 2;
