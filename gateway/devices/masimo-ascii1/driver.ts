import type { BadBytes, DeviceOptions, Output, StreamDecoder, StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { TextLines } from "../text-lines.ts";
import type { Ascii1Line } from "./ascii1-line.ts";
import { LINE_BYTES_MAX, parseLine } from "./ascii1-line.ts";
import { readingsOf } from "./ascii1-readings.ts";

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
  #shape: string | null = null;
  /** Another shape, seen in the line before; seen twice it is how the device prints now. */
  #otherShape: string | null = null;
  #serial: string | null = null;
  #lastSerial: string | null = null;

  constructor(options: DeviceOptions) {
    this.#hemoglobinUnit = options["hemoglobin-unit"] === "mmol/L" ? "mmol/L" : "g/dL";
  }

  push(bytes: Uint8Array): Output[] {
    return this.#lines
      .push(bytes)
      .flatMap((found) => (found.kind === "line" ? this.#useLine(found.text) : [found]));
  }

  tick(): Output[] {
    return [];
  }

  end(): Output[] {
    return this.#lines.end();
  }

  #useLine(text: string): Output[] {
    const line = parseLine(text);
    if (typeof line === "string") {
      return [fault("framing", text.length, line)];
    }
    if (!this.#hasUsualShape(line)) {
      return [fault("framing", text.length, "a line with other keys or widths than before")];
    }
    const readings = readingsOf(line, this.#hemoglobinUnit);
    const identity = this.#identityOf(line.values.get("SN"));
    return readings.length === 0 ? identity : [...identity, { kind: "frame", readings, waves: [] }];
  }

  #hasUsualShape({ shape, isPlain }: Ascii1Line): boolean {
    if (this.#otherShape === shape || (this.#shape === null && isPlain)) {
      this.#shape = shape;
    }
    this.#otherShape = this.#shape === shape ? null : shape;
    return this.#shape === shape;
  }

  /** A serial number counts when it came twice in a row: one damaged digit is no other device. */
  #identityOf(serial: string | undefined): Output[] {
    const isNew = serial !== this.#serial && serial === this.#lastSerial;
    this.#lastSerial = serial ?? null;
    if (serial === undefined || !isNew || !/[1-9]/.test(serial)) {
      return [];
    }
    this.#serial = serial;
    return [{ kind: "identity", serial }];
  }
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
