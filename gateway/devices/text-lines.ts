import type { BadBytes } from "./device.ts";

/** A whole line without its end, or bytes that are none. */
export type LineOrFault = { readonly kind: "line"; readonly text: string } | BadBytes;

/**
 * Cuts a stream of printable ASCII into lines at CR or LF, whichever come, and gives up what is no text: bytes outside
 * 20-7E, and lines longer than `lineBytesMax`, up to the next line's end. Empty lines are left out, and so are zero bytes before a
 * line: some devices fill the time with them, and a port that is switched on gives one. A protocol with bytes of its own among the
 * text (STX, for example) says so with `alsoText`. Memory is bounded by one line.
 */
export class TextLines {
  /** For each of the 256 bytes whether it is text, ends a line, fills the time or is none of these. */
  readonly #kinds: Uint8Array;
  /** The first `#held` bytes are those of a line whose end has not come yet; `#room` is how many there may be. */
  readonly #line: Uint8Array;
  #held = 0;
  #room: number;
  /** Bytes of a line that got too long or had a byte that is no text; 0 while the line is good. */
  #noise = 0;

  constructor(lineBytesMax: number, alsoText: readonly number[] = []) {
    if (alsoText.some((byte) => byte >= 0x80 && byte <= 0x9f)) {
      throw new TypeError("Cannot cut lines with bytes 80-9F as text: they stand for no character");
    }
    this.#kinds = kindsOf(alsoText);
    this.#line = new Uint8Array(lineBytesMax);
    this.#room = lineBytesMax;
  }

  push(bytes: Uint8Array): LineOrFault[] {
    const found: LineOrFault[] = [];
    const kinds = this.#kinds;
    const line = this.#line;
    const { length } = bytes;
    let held = this.#held;
    for (let at = 0; at < length; at += 1) {
      const byte = bytes[at] ?? 0;
      const kind = kinds[byte];
      if (kind === TEXT && held < this.#room) {
        line[held] = byte;
        held += 1;
      } else {
        this.#held = held;
        if (kind === LINE_END) {
          this.#endLine(found);
        } else if (kind !== FILL || held > 0 || this.#noise > 0) {
          this.#spoil(found);
        }
        held = this.#held;
      }
    }
    this.#held = held;
    return found;
  }

  /** The stream has ended. A line without its end may be a piece of one, even when it looks whole. */
  end(): BadBytes[] {
    const bytes = this.#noise + this.#held;
    this.#startLine();
    const text = "a line without its end";
    return bytes === 0 ? [] : [{ kind: "fault", fault: "truncated", bytes, text }];
  }

  /** Counts a byte that makes the line a bad one, or is part of a bad one. */
  #spoil(found: LineOrFault[]): void {
    this.#noise += this.#held + 1;
    this.#held = 0;
    this.#room = 0;
    if (this.#noise >= NOISE_BYTES_MAX) {
      found.push(noise(this.#noise - 1));
      // One byte stays counted, so that what follows up to the line's end is known to be part of a bad line.
      this.#noise = 1;
    }
  }

  #endLine(found: LineOrFault[]): void {
    if (this.#noise > 0) {
      found.push(noise(this.#noise));
    } else if (this.#held > 0) {
      const text = LATIN_1.decode(this.#line.subarray(0, this.#held));
      if (text.trim() !== "") {
        found.push({ kind: "line", text });
      }
    }
    this.#startLine();
  }

  #startLine(): void {
    this.#held = 0;
    this.#noise = 0;
    this.#room = this.#line.length;
  }
}

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const TEXT = 1;
const LINE_END = 2;
const FILL = 3;
/** Noise is told at the latest after this many bytes, so that a line that never ends is seen. */
const NOISE_BYTES_MAX = 1000;
const LATIN_1 = new TextDecoder("latin1");

function kindsOf(alsoText: readonly number[]): Uint8Array {
  const kinds = new Uint8Array(256).fill(TEXT, 0x20, 0x7f);
  kinds[0] = FILL;
  for (const byte of alsoText) {
    kinds[byte] = TEXT;
  }
  kinds[CARRIAGE_RETURN] = LINE_END;
  kinds[LINE_FEED] = LINE_END;
  return kinds;
}

function noise(bytes: number): BadBytes {
  return { kind: "fault", fault: "noise", bytes, text: "bytes that are no text line" };
}
