import type { BadBytes, Output, StreamDecoder, StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { TextLines } from "../text-lines.ts";
import type { Row } from "./page-line.ts";
import { LINE_BYTES_MAX, parseLine } from "./page-line.ts";
import { readingsOf } from "./row-readings.ts";

/**
 * Nellcor N-595, N-560, N-395, NPB-290 and NPB-295 oximeters, real-time ASCII pages: a heading of two or three lines, then a row
 * every two seconds. There is no checksum; therefore a row is used only when its numbers stand in the columns where they have to stand.
 *
 * The same port prints stored trends in the same rows, below a heading of their own. Those are old: they are left out.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "nellcor-n595",
    maker: "Nellcor",
    protocol: "Data port, real-time ASCII pages",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "passive",
    source:
      "Nellcor operator's manuals N-395 p. 92 and NPB-295 p. 75-78, data port protocol; OpenICE nellcor-n595.spec",
    quietMs: 10_000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  verbs: [],
  demographics: "none",
  options: [],
  open: () => new NellcorDecoder(),
};

class NellcorDecoder implements StreamDecoder {
  readonly #lines = new TextLines(LINE_BYTES_MAX);
  /** The columns of this device; a lost or doubled character shifts them. */
  #columns: string | null = null;
  /** Other columns, seen in the row before; seen twice it is how the device prints now. */
  #otherColumns: string | null = null;
  /** While no columns are known: the row before, which waits for a second one that has its columns. */
  #first: HeldRow | null = null;
  /** The rows that follow are stored ones. */
  #isTrend = false;

  push(bytes: Uint8Array): Output[] {
    return this.#lines
      .push(bytes)
      .flatMap((found) => (found.kind === "line" ? this.#useLine(found.text) : [found]));
  }

  tick(): Output[] {
    return [];
  }

  end(): Output[] {
    const first = this.#first;
    this.#first = null;
    return [...(first === null ? [] : [refusalOf(first)]), ...this.#lines.end()];
  }

  #useLine(printed: string): Output[] {
    const line = parseLine(printed);
    switch (line.kind) {
      case "heading":
        this.#isTrend = line.isTrend ?? this.#isTrend;
        return [];
      case "bad":
        return [fault(line.fault, printed.length, line.text)];
      case "row":
        return this.#useRow({ row: line, bytes: printed.length, isTrend: this.#isTrend });
    }
  }

  #useRow(held: HeldRow): Output[] {
    const { columns, isPlain } = held.row;
    const first = this.#first;
    this.#first = null;
    const isAgain = this.#otherColumns === columns;
    if (columns === this.#columns || isAgain || (this.#columns === null && isPlain)) {
      this.#columns = columns;
      this.#otherColumns = null;
      const before = first === null ? [] : isAgain ? framesOf(first) : [refusalOf(first)];
      return [...before, ...framesOf(held)];
    }
    this.#otherColumns = columns;
    const before = first === null ? [] : [refusalOf(first)];
    if (this.#columns === null) {
      this.#first = held;
      return before;
    }
    return [...before, refusalOf(held)];
  }
}

interface HeldRow {
  readonly row: Row;
  readonly bytes: number;
  readonly isTrend: boolean;
}

function framesOf({ row, isTrend }: HeldRow): Output[] {
  return isTrend ? [] : [{ kind: "frame", readings: readingsOf(row), waves: [] }];
}

function refusalOf({ bytes }: HeldRow): BadBytes {
  return fault("framing", bytes, "a row whose numbers are not in the usual columns");
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
