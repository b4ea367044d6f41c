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

/** Some models fill the time before a line with these. */
const FILL_BYTE = 0x00;
const FILL = /^\0+/;

class MasimoDecoder implements StreamDecoder {
  readonly #hemoglobinUnit: string;
  readonly #lines = new TextLines(LINE_BYTES_MAX, [FILL_BYTE]);
  /** Keys and widths as this device prints them; a lost digit or letter changes them. */
  #layout: Ascii1Layout | null = null;
  /** Another shape, seen in the line before; seen twice it is how the device prints now. */
  #otherShape: string | null = null;
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
    return this.#lines.end();
  }

  #useLine(printed: string, outputs: Output[]): void {
    const text = printed.charCodeAt(0) === FILL_BYTE ? printed.replace(FILL, "") : printed;
    if (text === "") {
      return;
    }
    const line = parseLine(text, this.#layout);
    if (typeof line === "string") {
      outputs.push(fault("framing", printed.length, line));
    } else if (!this.#hasUsualShape(line)) {
      const why = "a line with other keys or widths than before";
      outputs.push(fault("framing", printed.length, why));
    } else {
      this.#identify(valueOf(line, "SN"), outputs);
      const readings = readingsOf(line, this.#hemoglobinUnit);
      outputs.push({ kind: "frame", readings, waves: [] });
    }
  }

  #hasUsualShape(line: Ascii1Line): boolean {
    if (line.layout !== this.#layout) {
      const { shape } = line.layout;
      const isUsual = this.#layout === null ? isPlain(line) : this.#layout.shape === shape;
      if (!isUsual && this.#otherShape !== shape) {
        this.#otherShape = shape;
        return false;
      }
      this.#layout = line.layout;
    }
    this.#otherShape = null;
    return true;
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

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
