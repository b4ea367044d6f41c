/**
 * Masks who the patient is in the records of ASTM E1394 (LIS02): what is not on the list below is masked, so that fields of one maker's
 * own are too. Letters become X and digits 0, delimiters and blanks stay; so a text keeps its length and its form.
 */
export class AnonymisedRecords {
  /** A record that goes on in the next frame. */
  #open: OpenRecord | null = null;

  /** The text of a frame, masked. `isLast` is false when its last record may go on in the next frame. */
  mask(text: string, isLast: boolean): string {
    const masked = text.replaceAll(/[^\r\n]+|[\r\n]+/g, (piece) => {
      if (/^[\r\n]/.test(piece)) {
        this.#open = null;
        return piece;
      }
      return this.#maskRecord(piece);
    });
    if (isLast) {
      this.#open = null;
    }
    return masked;
  }

  /** A frame was left out: what follows may be the rest of any record. */
  lose(): void {
    this.#open = UNKNOWN;
  }

  #maskRecord(piece: string): string {
    const form = this.#open === null ? RECORD_START : NUMBERED_START;
    const [start, letter = "", delimiter = ""] = form.exec(piece) ?? [];
    const isStart = start !== undefined && Object.hasOwn(KEPT, letter);
    const record = isStart ? { letter, delimiter, field: 1 } : (this.#open ?? UNKNOWN);
    const fields = record.delimiter === "" ? [piece] : piece.split(record.delimiter);
    const kept = KEPT[record.letter] ?? NOTHING;
    this.#open = { ...record, field: record.field + fields.length - 1 };
    return fields
      .map((field, place) => (kept.has(record.field + place) ? field : maskText(field)))
      .join(record.delimiter);
  }
}

interface OpenRecord {
  readonly letter: string;
  /** Between fields; "" when it is not known. */
  readonly delimiter: string;
  /** The field that its text has come to, counted from 1, the letter. */
  readonly field: number;
}

const UNKNOWN: OpenRecord = { letter: "", delimiter: "", field: 1 };
const NOTHING: ReadonlySet<number> = new Set();

/** Letter, field delimiter, and a number of few digits, or the other delimiters in a header; only blanks may stand before it. */
const RECORD_START = /^ *([A-Z])([^\w\s])(?:\d{0,4}(?:\2|$)|(?<=H.)[^\w\s]{3})/;
/** Where a record may go on, its letter alone does not make another one of it: the rest of `...^L|` would look like that. */
const NUMBERED_START = /^ *([A-Z])([^\w\s])(?:\d{1,4}(?:\2|$)|(?<=H.)[^\w\s]{3})/;

/**
 * What says nothing about a person: of a header the delimiters, the sender, the processing id, version and time; of an order the test, its times,
 * and whether it is quality control; of a result all but the operator. Names, ids, specimens, comments and makers' own records are not here.
 */
const KEPT: Readonly<Record<string, ReadonlySet<number>>> = {
  H: new Set([1, 2, 5, 12, 13, 14]),
  P: new Set([1, 2]),
  O: new Set([1, 2, 5, 6, 7, 8, 9, 10, 12, 15, 16, 23, 26]),
  R: new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14]),
  C: new Set([1, 2, 3, 5]),
  Q: new Set([1, 2, 5]),
  M: new Set([1, 2]),
  S: new Set([1, 2]),
  L: new Set([1, 2, 3]),
};

function maskText(text: string): string {
  return text.replaceAll(/[0-9]/g, "0").replaceAll(/[A-Za-z\u0080-\uffff]/g, "X");
}
