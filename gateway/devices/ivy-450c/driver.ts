import type { BadBytes, DeviceOptions, Output, StreamDecoder, StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { LostBytes } from "../lost-bytes.ts";
import { AnsarReadings } from "./ansar-readings.ts";
import { parseText } from "./ansar-text.ts";
import { WAVE_BYTES, WAVE_MS, wavesOf } from "./ansar-waves.ts";

/**
 * Ivy Biomedical 450C monitor, serial protocol "Ansar B": one message a second. FF, `ANSAR-B `, 400 waveform bytes, text lines
 * that each end with CR, FE. There is no checksum; a message is used only when all of it has its form.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "ivy-450c",
    maker: "Ivy Biomedical",
    protocol: "Ansar B",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "passive",
    source: "OpenICE (mdpnp/mdpnp) AnsarB.java and its recording of 27 messages of a 450C",
    quietMs: 5000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  verbs: [],
  options: [
    {
      name: "temperature-unit",
      doc: "Unit that the monitor is set to for temperatures; the message does not say it.",
      default: "Cel",
      choices: ["Cel", "[degF]"],
    },
    {
      name: "co2-unit",
      doc: "Unit that the monitor is set to for etCO2; the message does not say it.",
      default: "mm[Hg]",
      choices: ["mm[Hg]", "kPa", "%"],
    },
  ],
  open: (options) => new IvyDecoder(options),
};

const START = Uint8Array.from([0xff, ...Array.from("ANSAR-B ", (letter) => letter.charCodeAt(0))]);
const END = 0xfe;
const FIXED_BYTES = START.length + WAVE_BYTES;
/** Nine lines take about 150 bytes; more than this is no text of one message. */
const MESSAGE_BYTES_MAX = FIXED_BYTES + 1024;
/** One byte on a line of 9600 baud: the message takes this long after its last sample. */
const BYTE_MS = 10_000 / 9600;
/** Names of unknown parameters that are remembered as told, at most. */
const TOLD_MAX = 32;

class IvyDecoder implements StreamDecoder {
  readonly #readings: AnsarReadings;
  readonly #lost = new LostBytes("bytes that are in no message");
  readonly #held = new Uint8Array(2 * MESSAGE_BYTES_MAX);
  readonly #told = new Set<string>();
  #length = 0;
  #hasStarted = false;
  #lastSkipped: number | undefined;
  /** A message was used, so that from now on lost bytes are a gap. */
  #hasGiven = false;
  #gap = false;

  constructor(options: DeviceOptions) {
    const temperature = options["temperature-unit"] === "[degF]" ? "[degF]" : "Cel";
    const co2 = options["co2-unit"];
    this.#readings = new AnsarReadings({
      temperature,
      co2: co2 === "kPa" || co2 === "%" ? co2 : "mm[Hg]",
    });
  }

  push(bytes: Uint8Array): Output[] {
    const outputs: Output[] = [];
    for (let from = 0; from < bytes.length;) {
      const piece = bytes.subarray(from, from + this.#held.length - this.#length);
      this.#held.set(piece, this.#length);
      this.#length += piece.length;
      from += piece.length;
      this.#takeMessages(outputs);
    }
    return outputs;
  }

  tick(): Output[] {
    return [];
  }

  end(): Output[] {
    const outputs: Output[] = [];
    const start = this.#find(0, this.#length);
    this.#skip(0, start, outputs);
    this.#tellSkipped(outputs);
    if (start < this.#length) {
      outputs.push(fault("truncated", this.#length - start, "a message without its end"));
    }
    this.#length = 0;
    return outputs;
  }

  #takeMessages(outputs: Output[]): void {
    let from = 0;
    for (;;) {
      const start = this.#find(from, this.#length);
      this.#skip(from, start, outputs);
      from = start;
      const bytes = this.#messageBytes(start);
      if (bytes === null) {
        break;
      }
      this.#tellSkipped(outputs);
      this.#useMessage(start, bytes, outputs);
      from = start + bytes;
    }
    this.#held.copyWithin(0, from, this.#length);
    this.#length -= from;
  }

  /** How many bytes to take from a message's start: all of it, or what can be none. Null while that is not known. */
  #messageBytes(start: number): number | null {
    const most = Math.min(this.#length, start + MESSAGE_BYTES_MAX);
    if (start === this.#length || this.#length - start < START.length) {
      return null;
    }
    const next = this.#find(start + 1, most);
    const end = this.#held.subarray(0, most).indexOf(END, start + FIXED_BYTES);
    if (end >= 0 && end < next) {
      return end + 1 - start;
    }
    if (next + START.length <= most) {
      return next - start;
    }
    return most - start === MESSAGE_BYTES_MAX ? next - start : null;
  }

  /** Where the next message starts, or may start at the end of what is held; `to` where none does. */
  #find(from: number, to: number): number {
    const held = this.#held.subarray(0, to);
    for (let at = held.indexOf(0xff, from); at >= 0; at = held.indexOf(0xff, at + 1)) {
      let matched = 1;
      while (matched < START.length && held[at + matched] === START[matched]) {
        matched += 1;
      }
      if (matched === START.length || at + matched >= to) {
        return at;
      }
    }
    return to;
  }

  #skip(from: number, to: number, outputs: Output[]): void {
    if (to > from) {
      outputs.push(...this.#lost.add(to - from));
      this.#lastSkipped = this.#held[to - 1];
      this.#gap ||= this.#hasGiven;
    }
  }

  /** Whoever joins in the middle of a message has missed its start: that is no noise. */
  #tellSkipped(outputs: Output[]): void {
    const isRest = !this.#hasStarted && this.#lastSkipped === END;
    for (const lost of this.#lost.tell()) {
      outputs.push(
        isRest ? fault("truncated", lost.bytes, "a message whose start was missed") : lost,
      );
    }
    this.#hasStarted = true;
  }

  #useMessage(start: number, bytes: number, outputs: Output[]): void {
    const message = this.#held.subarray(start, start + bytes);
    const problem =
      bytes > FIXED_BYTES && message[bytes - 1] === END
        ? this.#readMessage(message, outputs)
        : { word: "truncated", text: "a message without its end" };
    if (problem !== null) {
      outputs.push(fault(problem.word, bytes, problem.text));
      this.#gap ||= this.#hasGiven;
    }
  }

  #readMessage(
    message: Uint8Array,
    outputs: Output[],
  ): { readonly word: string; readonly text: string } | null {
    const text = textOf(message.subarray(FIXED_BYTES, message.length - 1));
    const parsed = text === null ? "a message whose text has bytes that are none" : parseText(text);
    if (typeof parsed === "string") {
      return { word: "framing", text: parsed };
    }
    const readings = parsed.lines.flatMap((line) => this.#readings.of(line));
    const spanMs = WAVE_MS + message.length * BYTE_MS;
    const samples = message.subarray(START.length, FIXED_BYTES);
    const waves = wavesOf(samples, readings, { gap: this.#gap, spanMs });
    outputs.push(...this.#unknownNames(parsed.unknown), { kind: "frame", readings, waves });
    this.#hasGiven = true;
    this.#gap = false;
    return null;
  }

  /** A parameter that this driver does not know is told once. */
  #unknownNames(names: readonly string[]): BadBytes[] {
    const news = names.filter((name) => !this.#told.has(name));
    return news.slice(0, TOLD_MAX - this.#told.size).map((name) => {
      this.#told.add(name);
      return fault("unknown-field", 0, `the parameter ${name} is not known and not read`);
    });
  }
}

function textOf(bytes: Uint8Array): string | null {
  for (let place = 0; place < bytes.length; place += 1) {
    const byte = bytes[place] ?? 0;
    if (byte > 0x7e || (byte < 0x20 && byte !== CARRIAGE_RETURN && byte !== LINE_FEED)) {
      return null;
    }
  }
  return LATIN_1.decode(bytes);
}

const LATIN_1 = new TextDecoder("latin1");
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
