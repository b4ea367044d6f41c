import type { BadBytes } from "../device.ts";

/** How the lines of a device are told apart. */
export interface LineForm {
  /** The character that every line starts with and that stands nowhere else, or null. */
  readonly start: number | null;
  /** One to four characters. When they are CR and LF, any of them ends a line, whichever come. */
  readonly end: readonly number[];
  /** Characters in a line without its end, at most. */
  readonly charactersMax: number;
  /** 256 entries: 1 for each byte that may be part of a line. Never 80-9F, which stand for no character. */
  readonly text: Uint8Array;
}

/** A whole line with its start and without its end, or bytes that are none. */
export type CutLine = { readonly kind: "line"; readonly text: string } | BadBytes;

/**
 * Cuts a stream of bytes into lines, and gives up what is no text, too long, or between lines. Memory is bounded by one line. What
 * comes out does not depend on how the bytes were cut.
 */
export class LineCutter {
  readonly #start: number | null;
  readonly #text: Uint8Array;
  /** 256 entries: 1 for each character that never starts or ends a line. */
  readonly #plain: Uint8Array;
  readonly #endsAtBreaks: boolean;
  /** The characters of the end in one number, and which bits of the last bytes to compare with it. */
  readonly #end: number;
  readonly #endMask: number;
  /** Characters of the end that are in the line when its last one comes. */
  readonly #endHeld: number;
  readonly #held: Uint8Array;
  /** Bytes of a line that has begun; 0 between lines. */
  #length = 0;
  /** Bytes given up up to here; 0 while all is well. */
  #noise = 0;
  #last = 0;

  constructor({ start, end, charactersMax, text }: LineForm) {
    this.#start = start;
    this.#text = text;
    const special = new Set([start, ...end, CARRIAGE_RETURN, LINE_FEED]);
    this.#plain = text.map((isText, byte) => (special.has(byte) ? 0 : isText));
    this.#endsAtBreaks = end.every(isBreak);
    this.#end = end.reduce((sum, code) => (sum << 8) | code, 0);
    this.#endMask = end.reduce((mask) => (mask << 8) | 0xff, 0);
    this.#endHeld = this.#endsAtBreaks ? 0 : end.length - 1;
    this.#held = new Uint8Array(charactersMax + this.#endHeld);
  }

  push(bytes: Uint8Array): CutLine[] {
    const found: CutLine[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      const run = this.#runEnd(bytes, at);
      if (run > at) {
        this.#addRun(bytes.subarray(at, run), found);
        at = run - 1;
      } else {
        this.#useByte(bytes[at] ?? 0, found);
      }
    }
    return found;
  }

  /** The stream has ended. A line without its end may be a piece of one, even when it looks whole. */
  end(): BadBytes[] {
    const bytes = this.#noise + this.#length;
    this.#noise = 0;
    this.#length = 0;
    return bytes === 0 ? [] : [fault("truncated", bytes, UNENDED)];
  }

  /** Where the characters end that do nothing but make a line longer. */
  #runEnd(bytes: Uint8Array, from: number): number {
    let at = from;
    if (this.#length > 0) {
      while (at < bytes.length && this.#plain[bytes[at] ?? 0] === 1) {
        at += 1;
      }
    }
    return at;
  }

  #addRun(run: Uint8Array, found: CutLine[]): void {
    const length = this.#length + run.length;
    // None of these characters is part of an end.
    this.#last = 0;
    if (length > this.#held.length) {
      this.#length = 0;
      this.#giveUp(length, found);
      return;
    }
    this.#held.set(run, this.#length);
    this.#length = length;
  }

  #useByte(byte: number, found: CutLine[]): void {
    this.#last = ((this.#last << 8) | byte) & this.#endMask;
    if (byte === this.#start) {
      this.#startLine(byte, found);
    } else if (this.#endsAtBreaks ? isBreak(byte) : this.#last === this.#end) {
      this.#endLine(found);
    } else if (this.#noise > 0) {
      this.#giveUp(1, found);
    } else if (this.#length > 0 || (this.#start === null && !isBreak(byte))) {
      this.#addByte(byte, found);
    } else if (!isBreak(byte)) {
      this.#giveUp(1, found);
    }
  }

  #startLine(byte: number, found: CutLine[]): void {
    if (this.#length > 0) {
      found.push(fault("truncated", this.#length, UNENDED));
    }
    this.#tellNoise(found);
    this.#held[0] = byte;
    this.#length = 1;
  }

  #addByte(byte: number, found: CutLine[]): void {
    if (this.#text[byte] !== 1 || this.#length === this.#held.length) {
      const bytes = this.#length + 1;
      this.#length = 0;
      this.#giveUp(bytes, found);
      return;
    }
    this.#held[this.#length] = byte;
    this.#length += 1;
  }

  #endLine(found: CutLine[]): void {
    const length = this.#length - this.#endHeld;
    if (length > 0) {
      const text = LATIN_1.decode(this.#held.subarray(0, length));
      if (text.trim() !== "") {
        found.push({ kind: "line", text });
      }
    }
    this.#length = 0;
    this.#last = 0;
    this.#tellNoise(found);
  }

  #giveUp(bytes: number, found: CutLine[]): void {
    this.#noise += bytes;
    // One byte stays counted, so that what follows up to the line's end is known to be part of a bad line.
    for (; this.#noise > NOISE_BYTES_MAX; this.#noise -= NOISE_BYTES_MAX) {
      found.push(fault("noise", NOISE_BYTES_MAX, NOISE));
    }
  }

  #tellNoise(found: CutLine[]): void {
    if (this.#noise > 0) {
      found.push(fault("noise", this.#noise, NOISE));
      this.#noise = 0;
    }
  }
}

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const LATIN_1 = new TextDecoder("latin1");
/** Noise is told at the latest after this many bytes, so that a line that never ends is seen. */
const NOISE_BYTES_MAX = 1000;
const NOISE = "bytes that are no line of text";
const UNENDED = "a line without its end";

function isBreak(byte: number): boolean {
  return byte === CARRIAGE_RETURN || byte === LINE_FEED;
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
