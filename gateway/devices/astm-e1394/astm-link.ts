import type { BadBytes } from "../device.ts";
import { LostBytes } from "../lost-bytes.ts";

/** A frame whose checksum is right, or which has none on a line where none has one. */
export interface AstmFrame {
  readonly kind: "frame";
  /** 0-7, or null where the analyser writes none. */
  readonly number: number | null;
  readonly text: string;
  /** ETX: its last record ends with it. ETB: that may go on in the next frame. */
  readonly isLast: boolean;
  readonly hasChecksum: boolean;
}

/** A message that came as records alone, without frames. */
export interface AstmPlainMessage {
  readonly kind: "plain";
  readonly text: string;
}

/** What stands between frames: ENQ, EOT, and the line feed after a frame's checksum. */
export interface AstmSign {
  readonly kind: "enquiry" | "end" | "line-feed";
}

/** A frame that is damaged or was broken off: the analyser may wait for an answer. */
export interface DamagedFrame {
  readonly kind: "damaged";
  readonly fault: BadBytes;
}

export type LinkEvent = AstmFrame | AstmPlainMessage | AstmSign | DamagedFrame | BadBytes;

/**
 * Cuts a stream into frames of ASTM E1381 (LIS01): STX, frame number, text, ETX or ETB, two hex digits, CR LF. The checksum is the sum from
 * frame number to ETX or ETB. Tolerant of what real analysers do: frames far longer than the standard's 247 bytes, any frame number or none,
 * missing CR or LF, missing checksum (but never on a line that has had one), and records without frames at all.
 */
export class AstmLink {
  readonly #lost = new LostBytes("bytes that are in no frame");
  #held = new Uint8Array(HELD_BYTES_FIRST);
  #length = 0;
  #sum = 0;
  #state: "outside" | "frame" | "trailer" | "plain" = "outside";
  #isLast = false;
  /** The first hex digit of a checksum, when it was seen. */
  #digit = "";
  /** Frames or their signs were seen, so that records without frames are the rests of damaged frames. */
  #hasFrames = false;
  #hasChecksums = false;
  #isLineStart = true;

  push(bytes: Uint8Array): LinkEvent[] {
    const events: LinkEvent[] = [];
    for (let place = 0; place < bytes.length; place += 1) {
      this.#take(bytes[place] ?? 0, events);
    }
    return events;
  }

  /** Bytes of a frame or message that has begun. */
  get begunBytes(): number {
    return this.#state === "outside" ? 0 : this.#length;
  }

  /** Nothing came for a short while: what was complete but for an optional part counts. */
  settle(): LinkEvent[] {
    const events: LinkEvent[] = [];
    this.#close(events);
    return events;
  }

  /** Nothing came for so long that nothing more will: what has begun is given up. */
  abandon(): LinkEvent[] {
    const events: LinkEvent[] = [];
    this.#close(events);
    this.#abort(events);
    events.push(...this.#lost.tell());
    return events;
  }

  #take(byte: number, events: LinkEvent[]): void {
    switch (this.#state) {
      case "frame":
        this.#takeText(byte, events);
        return;
      case "trailer":
        this.#takeTrailer(byte, events);
        return;
      case "plain":
        this.#takePlain(byte, events);
        return;
      case "outside":
        this.#takeOutside(byte, events);
    }
  }

  #takeOutside(byte: number, events: LinkEvent[]): void {
    const wasLineStart = this.#isLineStart;
    this.#isLineStart = byte === CR || byte === LF;
    switch (byte) {
      case STX:
        events.push(...this.#lost.tell());
        this.#begin("frame", byte);
        this.#sum = 0;
        return;
      case ENQ:
      case EOT:
        this.#hasFrames = true;
        events.push(...this.#lost.tell(), { kind: byte === ENQ ? "enquiry" : "end" });
        return;
      case LF:
        events.push({ kind: "line-feed" });
        return;
      case CR:
      case ACK:
      case NAK:
        return;
      default:
        if (byte === HEADER && wasLineStart && !this.#hasFrames) {
          events.push(...this.#lost.tell());
          this.#begin("plain", byte);
        } else {
          events.push(...this.#lost.add(1));
        }
    }
  }

  #takeText(byte: number, events: LinkEvent[]): void {
    if (byte === ETX || byte === ETB) {
      this.#sum = (this.#sum + byte) & 0xff;
      this.#length += 1;
      this.#isLast = byte === ETX;
      this.#digit = "";
      this.#state = "trailer";
    } else if (isText(byte) && this.#length < FRAME_BYTES_MAX) {
      this.#sum = (this.#sum + byte) & 0xff;
      this.#add(byte);
    } else {
      this.#abort(events);
      this.#takeOutside(byte, events);
    }
  }

  #takeTrailer(byte: number, events: LinkEvent[]): void {
    const digit = String.fromCharCode(byte);
    if (/[0-9A-Fa-f]/.test(digit)) {
      this.#length += 1;
      if (this.#digit === "") {
        this.#digit = digit;
      } else {
        this.#endFrame(Number.parseInt(this.#digit + digit, 16) === this.#sum, true, events);
      }
      return;
    }
    this.#endFrame(this.#digit === "" && !this.#hasChecksums && isSign(byte), false, events);
    this.#takeOutside(byte, events);
  }

  #takePlain(byte: number, events: LinkEvent[]): void {
    if (isText(byte) && this.#length < FRAME_BYTES_MAX) {
      if (byte === HEADER && this.#isAtLineStart()) {
        this.#close(events);
        this.#abort(events);
        this.#begin("plain", byte);
      } else {
        this.#add(byte);
      }
      return;
    }
    if (byte === ENQ || byte === STX || byte === EOT) {
      this.#close(events);
    }
    // ETX, ETB: this was a frame whose STX was lost.
    this.#abort(events);
    this.#takeOutside(byte, events);
  }

  /** Uses what is complete but for an optional end. */
  #close(events: LinkEvent[]): void {
    if (this.#state === "trailer" && this.#digit === "" && !this.#hasChecksums) {
      this.#endFrame(true, false, events);
    } else if (
      this.#state === "plain" &&
      PLAIN_END.test(this.#text(0).slice(-LINE_CHARACTERS_MAX))
    ) {
      events.push({ kind: "plain", text: this.#text(0) });
      this.#leave();
    }
  }

  #endFrame(isGood: boolean, hasChecksum: boolean, events: LinkEvent[]): void {
    this.#hasFrames = true;
    this.#hasChecksums ||= isGood && hasChecksum;
    const bytes = this.#length;
    if (isGood) {
      const first = (this.#held[1] ?? 0) - DIGIT_0;
      const number = bytes > 2 && first >= 0 && first <= 9 ? first : null;
      const text = this.#text(number === null ? 1 : 2, hasChecksum ? 3 : 1);
      events.push({ kind: "frame", number, text, isLast: this.#isLast, hasChecksum });
    } else {
      const text = "a frame with a wrong checksum";
      const fault: BadBytes = { kind: "fault", fault: "checksum", bytes, text };
      events.push({ kind: "damaged", fault });
    }
    this.#leave();
  }

  /** Gives up what has begun. */
  #abort(events: LinkEvent[]): void {
    if (this.#state === "outside") {
      return;
    }
    const isTooLong = this.#length >= FRAME_BYTES_MAX;
    const word = isTooLong ? "framing" : "truncated";
    const isFrame = this.#state !== "plain";
    const text = isFrame ? "a frame without its end" : "a message without its end";
    const fault: BadBytes = { kind: "fault", fault: word, bytes: this.#length, text };
    events.push(isFrame ? { kind: "damaged", fault } : fault);
    this.#leave();
  }

  #begin(state: "frame" | "plain", byte: number): void {
    this.#state = state;
    this.#length = 0;
    this.#add(byte);
  }

  #leave(): void {
    this.#state = "outside";
    this.#length = 0;
    this.#isLineStart = true;
    if (this.#held.length > HELD_BYTES_FIRST) {
      this.#held = new Uint8Array(HELD_BYTES_FIRST);
    }
  }

  #add(byte: number): void {
    if (this.#length === this.#held.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#held);
      this.#held = larger;
    }
    this.#held[this.#length] = byte;
    this.#length += 1;
  }

  #isAtLineStart(): boolean {
    const before = this.#held[this.#length - 1];
    return before === CR || before === LF;
  }

  #text(from: number, without = 0): string {
    return LATIN_1.decode(this.#held.subarray(from, Math.max(from, this.#length - without)));
  }
}

const STX = 0x02;
const ETX = 0x03;
const EOT = 0x04;
const ENQ = 0x05;
const ACK = 0x06;
const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const NAK = 0x15;
const ETB = 0x17;
/** The letter of the record that starts a message. */
const HEADER = 0x48;
const DIGIT_0 = 0x30;

const HELD_BYTES_FIRST = 4096;
/** Longer than any frame seen (26,647 bytes), and a bound all the same. */
const FRAME_BYTES_MAX = 65_536;
/** A message without frames is complete with its terminator record. */
const PLAIN_END = /[\r\n]L[^A-Za-z0-9\r\n][^\r\n]*[\r\n]*$/;
const LINE_CHARACTERS_MAX = 200;
const LATIN_1 = new TextDecoder("latin1");

/** Control characters other than CR, LF and TAB are never part of a text. */
function isText(byte: number): boolean {
  return byte >= 0x20 || byte === CR || byte === LF || byte === TAB;
}

/** What may follow a frame without a checksum. */
function isSign(byte: number): boolean {
  return byte === CR || byte === LF || byte === STX || byte === ENQ || byte === EOT;
}
