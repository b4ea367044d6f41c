import type { BadBytes, DeviceOptions, Output, StreamDecoder, StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { QuestionRound } from "../question-round.ts";
import type { AsenaFrame } from "./asena-frames.ts";
import { AsenaFrames, encodeQuestion } from "./asena-frames.ts";
import type { AsenaAnswer } from "./asena-readings.ts";
import {
  rateOf,
  STATUS_FIELDS_MIN,
  statusOf,
  syringeOf,
  volumeOf,
  volumeToInfuseOf,
} from "./asena-readings.ts";
import { VERBS } from "./asena-verbs.ts";

/**
 * Alaris Asena syringe pumps (GS, GH, CC, TIVA, PK): questions and answers of the form `!NAME^field^field|CRC4` and CR.
 *
 * Only names without a field are ever sent, and of those only four that ask. The pump is never told to accept remote control: its
 * answers are taken as they come, and when it answers other questions but not the one for its state, that is said.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "alaris-asena",
    maker: "Alaris (Cardinal Health, CareFusion, BD)",
    protocol: "Asena communications protocol, revision 2.1.5",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "active",
    source:
      "Two independent public programs and answers of two pumps printed in one of them; the maker's protocol is in its Technical Service Manual",
    quietMs: 10_000,
  },
  serial: { baud: 38_400, format: "8N1", flow: "none" },
  demographics: "none",
  verbs: VERBS,
  options: [
    {
      name: "interval",
      doc: "How often the state of the infusion is asked for.",
      default: 2,
      minimum: 1,
      maximum: 5,
      unit: "s",
    },
  ],
  open: (options) => new AsenaDecoder(options),
};

/** The pump itself says that it may take 4 s; it usually takes less than half a second. */
const DEADLINE_MS = 2000;
const SYRINGE_EVERY_MS = 30_000;
const SERIAL_EVERY_MS = 60_000;
/** So many unanswered questions in a row, while others are answered, are told. */
const MISSED_TOLD = 3;

/** The name of each message that is asked for, and the verb that asks. */
const VERB_OF: Readonly<Record<string, string>> = {
  INF: "ask-infusion",
  INF_VTBI: "ask-volume-to-infuse",
  SYRINGE_STATUS: "ask-syringe",
  INST_SERIALNO: "ask-serial-number",
};

class AsenaDecoder implements StreamDecoder {
  readonly #frames = new AsenaFrames();
  readonly #round: QuestionRound;
  #serial: string | null = null;
  /** Questions of somebody else are on the line as well, so that what looks like an answer may be an order. */
  #hearsHost = false;
  /** The name in the message before, when it was a question. */
  #question: string | null = null;
  /** Answers to other questions since the last one to INF. */
  #otherAnswers = 0;
  #told = false;

  constructor({ interval }: DeviceOptions) {
    const everyMs = 1000 * (typeof interval === "number" ? interval : 2);
    const ask = (name: string, askEveryMs: number) => ({
      verb: VERB_OF[name] ?? name,
      bytes: encodeQuestion(name),
      everyMs: askEveryMs,
    });
    this.#round = new QuestionRound(
      [
        ask("INST_SERIALNO", SERIAL_EVERY_MS),
        ask("INF", everyMs),
        ask("INF_VTBI", everyMs),
        ask("SYRINGE_STATUS", SYRINGE_EVERY_MS),
      ],
      DEADLINE_MS,
    );
  }

  push(bytes: Uint8Array): Output[] {
    return this.#frames
      .push(bytes)
      .flatMap((found) => (found.kind === "message" ? this.#useMessage(found) : [found]));
  }

  tick(at: number): Output[] {
    const ask = this.#round.next(at);
    const outputs: Output[] = this.#unansweredFault();
    return ask === null ? outputs : [...outputs, ask];
  }

  end(): Output[] {
    return this.#frames.end();
  }

  #useMessage({ name, fields, bytes }: AsenaFrame): Output[] {
    const question = this.#question;
    this.#question = fields.length === 0 ? name : null;
    if (fields.length === 0) {
      // An order without a field is answered by itself, so only the names of questions tell of a host.
      this.#hearsHost ||= VERB_OF[name] !== undefined;
      return [];
    }
    const verb = VERB_OF[name];
    if (verb !== undefined) {
      this.#round.answered(verb);
      this.#otherAnswers = name === "INF" ? 0 : this.#otherAnswers + 1;
    }
    // An order to set something looks like an answer; heard together with a host's questions, only what follows one is an answer.
    const isAnswer = !this.#hearsHost || question === name;
    switch (name) {
      case "INST_SERIALNO":
        return this.#identityOf(fields[0]);
      case "INF":
        return this.#useStatus(fields, bytes);
      case "INF_VTBI":
        return isAnswer ? framed(volumeToInfuseOf(fields)) : [];
      case "INF_RATE":
        return isAnswer ? framed(rateOf(fields)) : [];
      case "INF_VI":
        return framed(volumeOf(fields));
      case "SYRINGE_STATUS":
        return framed(syringeOf(fields));
      default:
        return [];
    }
  }

  #useStatus(fields: readonly string[], bytes: number): Output[] {
    if (fields.length < STATUS_FIELDS_MIN) {
      return [fault("unknown-field", bytes, "an answer to INF in another form than is known")];
    }
    this.#told = false;
    return [...this.#identityOf(fields[0]), ...framed(statusOf(fields))];
  }

  /** Every message has a checksum, so once is enough. */
  #identityOf(field: string | undefined): Output[] {
    const serial = field?.trim() ?? "";
    if (serial === "" || serial === this.#serial) {
      return [];
    }
    this.#serial = serial;
    return [{ kind: "identity", serial }];
  }

  #unansweredFault(): BadBytes[] {
    const missed = Math.min(this.#round.missed("ask-infusion"), this.#otherAnswers);
    if (this.#told || missed < MISSED_TOLD) {
      return [];
    }
    this.#told = true;
    return [fault("no-answer", 0, NO_ANSWER)];
  }
}

const NO_ANSWER =
  "The pump answers other questions but not INF; it may do so only for a host that takes remote control, which this gateway never does";

function framed({ readings, faults }: AsenaAnswer): Output[] {
  return readings.length === 0 ? [...faults] : [...faults, { kind: "frame", readings, waves: [] }];
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
