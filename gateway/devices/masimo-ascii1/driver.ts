import type { BadBytes, DeviceOptions, Output, StreamDecoder, StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
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

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

class MasimoDecoder implements StreamDecoder {
  readonly #hemoglobinUnit: string;
  /** The line being collected, without its end. */
  #line = "";
  /** Bytes of a line that got too long or had a byte that is no text; 0 while the line is good. */
  #noise = 0;
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
    const outputs: Output[] = [];
    for (const byte of bytes) {
      if (byte === CARRIAGE_RETURN || byte === LINE_FEED) {
        this.#endLine(outputs);
      } else {
        this.#addByte(byte, outputs);
      }
    }
    return outputs;
  }

  tick(): Output[] {
    return [];
  }

  end(): Output[] {
    // A line without its end may be a piece of one, even when it looks whole.
    const bytes = this.#noise + this.#line.length;
    this.#line = "";
    this.#noise = 0;
    return bytes === 0 ? [] : [fault("truncated", bytes, "a line without its end")];
  }

  #addByte(byte: number, outputs: Output[]): void {
    const isText = byte >= 0x20 && byte <= 0x7e;
    if (this.#noise === 0 && isText && this.#line.length < LINE_BYTES_MAX) {
      this.#line += String.fromCodePoint(byte);
      return;
    }
    this.#noise += this.#line.length + 1;
    this.#line = "";
    if (this.#noise >= NOISE_BYTES_MAX) {
      outputs.push(fault("noise", this.#noise - 1, "bytes that are no text line"));
      // One byte stays counted, so that what follows up to the line's end is known to be part of a bad line.
      this.#noise = 1;
    }
  }

  #endLine(outputs: Output[]): void {
    const text = this.#line;
    const noise = this.#noise;
    this.#line = "";
    this.#noise = 0;
    if (noise > 0) {
      outputs.push(fault("noise", noise, "bytes that are no text line"));
    } else if (text.trim() !== "") {
      outputs.push(...this.#useLine(text));
    }
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

const NOISE_BYTES_MAX = 1000;

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
