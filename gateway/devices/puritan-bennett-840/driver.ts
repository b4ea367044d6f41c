import type {
  Ask,
  BadBytes,
  DeviceOptions,
  IdentityFound,
  Output,
  ReadVerb,
  StreamDecoder,
  StreamDriver,
} from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { TextLines } from "../text-lines.ts";
import { Pb840Breaths } from "./pb840-breaths.ts";
import { readingsOf, serialOf } from "./pb840-readings.ts";
import { parseReply } from "./pb840-reply.ts";

/**
 * Puritan Bennett 840 and 980 ventilators, DCI. Asked with SNDF or SNDA the ventilator answers with one line of settings and monitored data. A
 * port that is set to waveforms sends flow and pressure of every breath by itself.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "puritan-bennett-840",
    maker: "Medtronic",
    protocol: "Puritan Bennett DCI (SNDA, SNDF) and waveform output",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "active",
    source:
      "Puritan Bennett 800 Series Technical Reference Manual, RS-232 commands, MISCA and MISCF; OpenICE (mdpnp/mdpnp)",
    quietMs: 15_000,
  },
  serial: { baud: 9600, format: "8N1", flow: "rtscts" },
  demographics: "none",
  verbs: [
    readVerb("send-full", "SNDF", "Asks for settings, monitored data and alarm information."),
    readVerb("send-short", "SNDA", "Asks for the shorter report of settings and monitored data."),
  ],
  options: [
    {
      name: "port",
      doc: "What the port of the ventilator is set to: data answers questions, waves sends breaths by itself at 38400 baud.",
      default: "data",
      choices: ["data", "waves"],
    },
    {
      name: "report",
      doc: "Which report to ask for: full (SNDF) or short (SNDA).",
      default: "full",
      choices: ["full", "short"],
    },
    {
      name: "interval",
      doc: "How often to ask.",
      default: 5,
      minimum: 2,
      maximum: 10,
      unit: "s",
    },
  ],
  open: (options) => new Pb840Decoder(options),
};

/** The longest reply has 1248 bytes. */
const LINE_BYTES_MAX = 1600;
const STX = 0x02;
const ETX = 0x03;
/** An answer starts within this time, and no pause in it is longer (milliseconds). */
const ANSWER_MS = 3000;
/** A sample comes every 20 ms: after so long without a byte some of a breath are missing (milliseconds). */
const PAUSE_MS = 3000;
const INTERVAL_DEFAULT_S = 5;
/** What a recording of both directions holds of the questions. */
const QUESTIONS: ReadonlySet<string> = new Set(["SNDA", "SNDF", "RSET"]);

class Pb840Decoder implements StreamDecoder {
  readonly #lines = new TextLines(LINE_BYTES_MAX, [STX, ETX]);
  readonly #breaths = new Pb840Breaths();
  readonly #question: Ask | null;
  readonly #intervalMs: number;
  #shape: string | null = null;
  #otherShape: string | null = null;
  #serial = "";
  #lastSerial = "";
  /** When the last question was asked, while its answer is still due. */
  #waitingSince: number | null = null;
  #heardAt = 0;
  #nextAt = 0;

  constructor({ port, report, interval }: DeviceOptions) {
    const seconds = typeof interval === "number" ? interval : INTERVAL_DEFAULT_S;
    this.#intervalMs = seconds * 1000;
    const question = report === "short" ? ask("send-short", "SNDA") : ask("send-full", "SNDF");
    this.#question = port === "waves" ? null : question;
  }

  push(bytes: Uint8Array, at: number): Output[] {
    if (at - this.#heardAt >= PAUSE_MS) {
      this.#breaths.spoil();
    }
    this.#heardAt = at;
    const outputs: Output[] = [];
    for (const found of this.#lines.push(bytes)) {
      if (found.kind === "line") {
        this.#useLine(found.text.trim(), outputs);
      } else {
        this.#breaths.spoil();
        outputs.push(found);
      }
    }
    return outputs;
  }

  /** One question at a time. What the ventilator did not understand is ended by the next question's CR, so no reset is needed. */
  tick(at: number): Output[] {
    const isWaiting =
      this.#waitingSince !== null && at - Math.max(this.#waitingSince, this.#heardAt) < ANSWER_MS;
    if (
      this.#question === null ||
      isWaiting ||
      (this.#waitingSince === null && at < this.#nextAt)
    ) {
      return [];
    }
    this.#waitingSince = at;
    this.#nextAt = at + this.#intervalMs;
    return [this.#question];
  }

  end(): Output[] {
    const outputs: Output[] = [];
    this.#breaths.end(outputs);
    return [...outputs, ...this.#lines.end()];
  }

  #useLine(line: string, outputs: Output[]): void {
    if (this.#breaths.take(line, outputs) || QUESTIONS.has(line)) {
      return;
    }
    this.#breaths.spoil();
    this.#waitingSince = null;
    const reply = parseReply(line);
    if (typeof reply === "string") {
      outputs.push(fault(line, reply));
    } else if (this.#hasUsualShape(reply)) {
      outputs.push(...this.#identity(serialOf(reply)));
      outputs.push({ kind: "frame", readings: readingsOf(reply), waves: [] });
    } else {
      outputs.push(fault(line, "a reply with more or fewer bytes than it says"));
    }
  }

  /** Counts that do not fit must do so in the same way twice in a row: then it is how this ventilator counts. */
  #hasUsualShape({
    shape,
    isPlain,
  }: {
    readonly shape: string;
    readonly isPlain: boolean;
  }): boolean {
    const isUsual = isPlain || shape === this.#shape || shape === this.#otherShape;
    this.#otherShape = isUsual ? null : shape;
    if (isUsual && !isPlain) {
      this.#shape = shape;
    }
    return isUsual;
  }

  /** A serial number counts when it came twice in a row. */
  #identity(serial: string): IdentityFound[] {
    const isNew = serial !== this.#serial && serial === this.#lastSerial && serial !== "";
    this.#lastSerial = serial;
    if (!isNew) {
      return [];
    }
    this.#serial = serial;
    return [{ kind: "identity", serial }];
  }
}

function ask(verb: string, question: string): Ask {
  const bytes = Uint8Array.from(`${question}\r`, (character) => character.charCodeAt(0));
  return { kind: "ask", verb, bytes };
}

/** Four letters and CR, nothing before and nothing after. */
function readVerb(verb: string, letters: string, doc: string): ReadVerb {
  return {
    verb,
    doc,
    matches: (bytes) =>
      bytes.length === letters.length + 1 &&
      bytes[letters.length] === 0x0d &&
      String.fromCharCode(...bytes.subarray(0, letters.length)) === letters,
  };
}

function fault(line: string, text: string): BadBytes {
  return { kind: "fault", fault: "framing", bytes: line.length, text };
}
