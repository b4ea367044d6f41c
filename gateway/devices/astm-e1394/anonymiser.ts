import type { Anonymiser } from "../device.ts";
import { AnonymisedRecords } from "./anonymised-records.ts";

/**
 * Keeps patients out of a recording of ASTM E1381: the records in each frame are masked, and its checksum is computed anew. Kept are frames
 * whose checksum is right or that have none, signs between frames, and lines outside of frames, masked as well. All else is left out: nobody knows what a
 * damaged frame says.
 */
export class AstmAnonymiser implements Anonymiser {
  readonly #records = new AnonymisedRecords();
  /** Text of a frame from its number on, or of a line outside of frames. */
  #text = "";
  #state: "outside" | "frame" | "trailer" | "line" | "lost" = "outside";
  /** ETX or ETB of the frame whose checksum is awaited, and the digits of that so far. */
  #endSign: string = ETX;
  #digits = "";

  push(bytes: Uint8Array): Uint8Array {
    let kept = "";
    for (const byte of bytes) {
      kept += this.#take(String.fromCharCode(byte));
    }
    return bytesOf(kept);
  }

  /** A frame that did not end is left out. */
  end(): Uint8Array {
    return bytesOf(this.#finish());
  }

  /** Takes one character and gives what may be kept by now. */
  #take(character: string): string {
    if (character === STX || character === ENQ || character === EOT) {
      const before = this.#finish();
      this.#begin(character === STX ? "frame" : "outside");
      return character === STX ? before : before + character;
    }
    switch (this.#state) {
      case "frame":
        return this.#takeText(character);
      case "trailer":
        return this.#takeTrailer(character);
      default:
        return this.#takeOutside(character);
    }
  }

  #takeText(character: string): string {
    if (character === ETX || character === ETB) {
      this.#endSign = character;
      this.#digits = "";
      this.#state = "trailer";
    } else {
      this.#add(character);
    }
    return "";
  }

  #takeTrailer(character: string): string {
    if (!/[0-9A-Fa-f]/.test(character)) {
      return this.#finish() + this.#takeOutside(character);
    }
    this.#digits += character;
    return this.#digits.length === 2 ? this.#finish() : "";
  }

  #takeOutside(character: string): string {
    if (character === CR || character === LF || character === ACK || character === NAK) {
      return this.#finish() + character;
    }
    if (character < " " && character !== TAB) {
      this.#begin("lost");
    } else if (this.#state !== "lost") {
      this.#state = "line";
      this.#add(character);
    }
    return "";
  }

  /** Something ends, in order or not: what of it is kept. */
  #finish(): string {
    const [state, text, digits] = [this.#state, this.#text, this.#digits];
    this.#begin("outside");
    if (state === "line") {
      return this.#records.mask(text, true);
    }
    const isWhole =
      state === "trailer" && (digits === "" || digits.toUpperCase() === this.#sum(text));
    if (isWhole) {
      const [number = ""] = /^\d?/.exec(text) ?? [];
      const masked = number + this.#records.mask(text.slice(number.length), this.#endSign === ETX);
      return `${STX}${masked}${this.#endSign}${digits === "" ? "" : this.#sum(masked)}`;
    }
    if (state !== "outside") {
      this.#records.lose();
    }
    return "";
  }

  #add(character: string): void {
    if (this.#text.length < TEXT_CHARACTERS_MAX) {
      this.#text += character;
    } else {
      this.#records.lose();
      this.#begin("lost");
    }
  }

  #begin(state: "outside" | "frame" | "lost"): void {
    this.#state = state;
    this.#text = "";
  }

  /** The checksum of a frame: the sum from its number to ETX or ETB, modulo 256, in two hex digits. */
  #sum(text: string): string {
    const sum = bytesOf(text + this.#endSign).reduce((before, code) => (before + code) & 0xff, 0);
    return sum.toString(16).toUpperCase().padStart(2, "0");
  }
}

const STX = "\u0002";
const ETX = "\u0003";
const EOT = "\u0004";
const ENQ = "\u0005";
const ACK = "\u0006";
const TAB = "\t";
const LF = "\n";
const CR = "\r";
const NAK = "\u0015";
const ETB = "\u0017";
/** Longer than any frame seen, and a bound all the same. */
const TEXT_CHARACTERS_MAX = 65_536;

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
