import type { Piece, RecordingHeader } from "./recording.ts";
import { bad, LINE_CHARACTERS_MAX, parseHeader, parsePiece } from "./recording.ts";

/** What a reader finds: first the header, then pieces. */
export type Found =
  | { readonly kind: "header"; readonly header: RecordingHeader }
  | { readonly kind: "piece"; readonly piece: Piece };

/** Reads a recording as it comes, cut anywhere, in memory that is bounded by its longest line. Throws WardError `WARD_RECORDING`. */
export class RecordingReader {
  #held: Buffer[] = [];
  #heldBytes = 0;
  #lines = 0;
  #lastMs = 0;

  /** What became whole with these bytes. */
  *push(bytes: Uint8Array): Generator<Found> {
    let from = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, from)) {
      this.#hold(bytes.subarray(from, end));
      from = end + 1;
      yield* this.#endLine();
    }
    this.#hold(bytes.subarray(from));
  }

  /** The recording has ended. Throws when it breaks off. */
  end(): void {
    if (this.#heldBytes > 0) {
      throw bad(this.#lines + 1, "it breaks off", "The pieces before it are good");
    }
    if (this.#lines === 0) {
      throw bad(1, "there is no header", "It may be another kind of file");
    }
  }

  #hold(bytes: Uint8Array): void {
    if (this.#heldBytes + bytes.length > LINE_CHARACTERS_MAX) {
      throw bad(
        this.#lines + 1,
        "it is too long",
        `Write at most ${LINE_CHARACTERS_MAX} characters`,
      );
    }
    if (bytes.length > 0) {
      this.#held.push(Buffer.from(bytes));
      this.#heldBytes += bytes.length;
    }
  }

  *#endLine(): Generator<Found> {
    const text = Buffer.concat(this.#held).toString("latin1");
    this.#held = [];
    this.#heldBytes = 0;
    this.#lines += 1;
    if (this.#lines === 1) {
      yield { kind: "header", header: parseHeader(text) };
    } else if (text.trim() !== "") {
      const piece = parsePiece(text, this.#lines, this.#lastMs);
      this.#lastMs = piece.ms;
      yield { kind: "piece", piece };
    }
  }
}

const LINE_FEED = 0x0a;
