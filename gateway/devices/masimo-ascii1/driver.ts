import type { BadBytes, DeviceOptions, Output, StreamDecoder, StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { TextLines } from "../text-lines.ts";
import type { Ascii1Layout, Ascii1Line } from "./ascii1-line.ts";
import { isPlain, LINE_BYTES_MAX, parseLine } from "./ascii1-line.ts";
import { readingsOf, valueOf } from "./ascii1-readings.ts";

/**
 * Masimo Rad-5, Rad-8, Radical-7 and Root, serial output "ASCII 1": one text line a second,
 * `MM/DD/YY HH:MM:SS KEY=VALUE ...` and CR LF. The protocol has no checksum; therefore a line is used only when all of it has
 * the form it must have, and not at all otherwise.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "masimo-ascii1",
    maker: "Masimo",
    protocol: "Serial output ASCII 1",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "passive",
    source: "Masimo Rad-8 Operator's Manual, serial interface specification, ASCII 1",
    quietMs: 5000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  verbs: [],
  demographics: "none",
  options: [
    {
      name: "hemoglobin-unit",
      doc: "Unit that the device is set to for SpHb; the line does not say it.",
      default: "g/dL",
      choices: ["g/dL", "mmol/L"],
    },
  ],
  open: (options) => new MasimoDecoder(options),
};

class MasimoDecoder implements StreamDecoder {
  readonly #hemoglobinUnit: string;
  readonly #lines = new TextLines(LINE_BYTES_MAX);
  /** Keys and widths as this device prints them; a lost digit or letter changes them. */
  #layout: Ascii1Layout | null = null;
  /** Another shape, seen in the line before; seen twice it is how the device prints now. */
  #otherShape: string | null = null;
  /** While no shape is known: the line before, which waits for a second one that has its shape. */
  #first: HeldLine | null = null;
  #serial: string | null = null;
  #lastSerial: string | null = null;

  constructor(options: DeviceOptions) {
    this.#hemoglobinUnit = options["hemoglobin-unit"] === "mmol/L" ? "mmol/L" : "g/dL";
  }

  push(bytes: Uint8Array): Output[] {
    const outputs: Output[] = [];
    for (const found of this.#lines.push(bytes)) {
      if (found.kind === "line") {
        this.#useLine(found.text, outputs);
      } else {
        outputs.push(found);
      }
    }
    return outputs;
  }

  tick(): Output[] {
    return [];
  }

  end(): Output[] {
    const first = this.#first;
    this.#first = null;
    return [...(first === null ? [] : [refusalOf(first)]), ...this.#lines.end()];
  }

  #useLine(text: string, outputs: Output[]): void {
    const line = parseLine(text, this.#layout);
    if (typeof line === "string") {
      outputs.push(fault("framing", text.length, line));
    } else {
      this.#judgeShape({ line, bytes: text.length }, outputs);
    }
  }

  /** A shape other than usual counts when it comes twice in a row. */
  #judgeShape(held: HeldLine, outputs: Output[]): void {
    const { line } = held;
    const { shape } = line.layout;
    const first = this.#first;
    this.#first = null;
    const isAgain = this.#otherShape === shape;
    const isUsual = this.#layout === null ? isPlain(line) : this.#layout.shape === shape;
    if (first !== null) {
      // At the start there was nothing to compare the first line with; later it may have been damaged like the second.
      if (isAgain) {
        this.#read(first.line, outputs);
      } else {
        outputs.push(refusalOf(first));
      }
    }
    if (isUsual || isAgain) {
      this.#layout = line.layout;
      this.#otherShape = null;
      this.#read(line, outputs);
      return;
    }
    this.#otherShape = shape;
    if (this.#layout === null) {
      this.#first = held;
    } else {
      outputs.push(refusalOf(held));
    }
  }

  #read(line: Ascii1Line, outputs: Output[]): void {
    this.#identify(valueOf(line, "SN"), outputs);
    outputs.push({
      kind: "frame",
      readings: readingsOf(line, this.#hemoglobinUnit),
      waves: [],
    });
  }

  /** A serial number counts when it came twice in a row: one damaged digit is no other device. */
  #identify(serial: string | undefined, outputs: Output[]): void {
    const isNew = serial !== this.#serial && serial === this.#lastSerial;
    this.#lastSerial = serial ?? null;
    if (serial !== undefined && isNew && /[1-9]/.test(serial)) {
      this.#serial = serial;
      outputs.push({ kind: "identity", serial });
    }
  }
}

interface HeldLine {
  readonly line: Ascii1Line;
  readonly bytes: number;
}

function refusalOf({ bytes }: HeldLine): BadBytes {
  return fault("framing", bytes, "a line with other keys or widths than before");
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
