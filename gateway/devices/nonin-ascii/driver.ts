import type { BadBytes, Output, StreamDecoder, StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { TextLines } from "../text-lines.ts";
import type { NoninLine } from "./nonin-line.ts";
import { LINE_BYTES_MAX, parseLine } from "./nonin-line.ts";
import { readingsOf } from "./nonin-readings.ts";

/**
 * Nonin handheld and bedside oximeters, real-time text output: `SPO2=XXX HR=YYY` and CR LF once a second, on some models with
 * the time before it and with marks behind it; a heading at power-up. The protocol has no checksum; therefore a line is used
 * only when all of it has the form it must have.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "nonin-ascii",
    maker: "Nonin",
    protocol: "Real-time ASCII output",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "passive",
    source:
      "Nonin operator's manuals 8500 p. 15, 2500 p. 18, 8600V p. 22, 9847 p. 37, Avant 9600 p. 5-3, BT4000 p. 29, 7500FO p. 23",
    quietMs: 5000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  verbs: [],
  demographics: "none",
  options: [],
  open: () => new NoninAsciiDecoder(),
};

class NoninAsciiDecoder implements StreamDecoder {
  readonly #lines = new TextLines(LINE_BYTES_MAX);
  readonly #padding = new Padding();

  push(bytes: Uint8Array): Output[] {
    return this.#lines
      .push(bytes)
      .flatMap((found) => (found.kind === "line" ? this.#useLine(found.text) : [found]));
  }

  tick(): Output[] {
    return [];
  }

  end(): Output[] {
    return [...this.#padding.end(), ...this.#lines.end()];
  }

  #useLine(text: string): Output[] {
    const line = parseLine(text);
    switch (line.kind) {
      case "heading":
        return [];
      case "bad":
        return [fault(line.fault, text.length, line.text)];
      case "values":
        return this.#padding.take({ line, bytes: text.length });
    }
  }
}

interface HeldLine {
  readonly line: NoninLine;
  readonly bytes: number;
}

/**
 * Whether this device fills its numbers up to three places. It does, as far as the manuals go; then a number of one or two places has
 * lost a digit. Only where no number was ever filled up, and short ones come line after line, are they believed.
 */
class Padding {
  #isPadded = false;
  #hasShort = false;
  /** The first short line, while it waits for a second one. */
  #first: HeldLine | null = null;

  take(held: HeldLine): Output[] {
    const { padding } = held.line;
    if (padding === "short" && !this.#isPadded && !this.#hasShort) {
      this.#hasShort = true;
      this.#first = held;
      return [];
    }
    const isBelieved = padding !== "short" || !this.#isPadded;
    const first = this.#first;
    this.#first = null;
    this.#isPadded ||= padding === "filled";
    const before = first === null ? [] : [padding === "short" ? frameOf(first) : refusalOf(first)];
    return [...before, isBelieved ? frameOf(held) : refusalOf(held)];
  }

  /** The stream has ended: the first short line stays alone. */
  end(): Output[] {
    const first = this.#first;
    this.#first = null;
    return first === null ? [] : [refusalOf(first)];
  }
}

function frameOf({ line }: HeldLine): Output {
  return { kind: "frame", readings: readingsOf(line), waves: [] };
}

function refusalOf({ bytes }: HeldLine): BadBytes {
  return fault("framing", bytes, "a line with fewer digits than before");
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
