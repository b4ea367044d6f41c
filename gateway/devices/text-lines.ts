import type { BadBytes } from "./device.ts";

/** A whole line without its end, or bytes that are none. */
export type LineOrFault = { readonly kind: "line"; readonly text: string } | BadBytes;

/**
 * Cuts a stream of printable ASCII into lines at CR or LF, whichever come, and gives up what is no text: bytes outside
 * 20-7E, and lines longer than `lineBytesMax`, up to the next line's end. Empty lines are left out. A protocol with bytes of its own
 * among the text (STX, for example) says so with `alsoText`. Memory is bounded by one line.
 */
export class TextLines {
  readonly #lineBytesMax: number;
  readonly #alsoText: ReadonlySet<number>;
  #codes: number[] = [];
  /** Bytes of a line that got too long or had a byte that is no text; 0 while the line is good. */
  #noise = 0;

  constructor(lineBytesMax: number, alsoText: readonly number[] = []) {
    this.#lineBytesMax = lineBytesMax;
    this.#alsoText = new Set(alsoText);
  }

  push(bytes: Uint8Array): LineOrFault[] {
    const found: LineOrFault[] = [];
    for (const byte of bytes) {
      if (byte === CARRIAGE_RETURN || byte === LINE_FEED) {
        this.#endLine(found);
      } else {
        this.#addByte(byte, found);
      }
    }
    return found;
  }

  /** The stream has ended. A line without its end may be a piece of one, even when it looks whole. */
  end(): BadBytes[] {
    const bytes = this.#noise + this.#codes.length;
    this.#codes = [];
    this.#noise = 0;
    const text = "a line without its end";
    return bytes === 0 ? [] : [{ kind: "fault", fault: "truncated", bytes, text }];
  }

  #addByte(byte: number, found: LineOrFault[]): void {
    const isText = (byte >= 0x20 && byte <= 0x7e) || this.#alsoText.has(byte);
    if (this.#noise === 0 && isText && this.#codes.length < this.#lineBytesMax) {
      this.#codes.push(byte);
      return;
    }
    this.#noise += this.#codes.length + 1;
    this.#codes = [];
    if (this.#noise >= NOISE_BYTES_MAX) {
      found.push(noise(this.#noise - 1));
      // One byte stays counted, so that what follows up to the line's end is known to be part of a bad line.
      this.#noise = 1;
    }
  }

  #endLine(found: LineOrFault[]): void {
    if (this.#noise > 0) {
      found.push(noise(this.#noise));
    } else if (this.#codes.length > 0) {
      const text = String.fromCharCode(...this.#codes);
      if (text.trim() !== "") {
        found.push({ kind: "line", text });
      }
    }
    this.#codes = [];
    this.#noise = 0;
  }
}

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
/** Noise is told at the latest after this many bytes, so that a line that never ends is seen. */
const NOISE_BYTES_MAX = 1000;

function noise(bytes: number): BadBytes {
  return { kind: "fault", fault: "noise", bytes, text: "bytes that are no text line" };
}
