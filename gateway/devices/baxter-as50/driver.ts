import type { DeviceOptions, Output, StreamDecoder, StreamDriver } from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { QuestionRound } from "../question-round.ts";
import { As50Frames, encodeMessage } from "./as50-frames.ts";
import type { RateUnit } from "./as50-readings.ts";
import { readingOf, TERMS } from "./as50-readings.ts";
import { VERBS } from "./as50-verbs.ts";

/**
 * Baxter Auto Syringe AS50: `[NAME?]` asks, `[NAME=value]` answers, and two bytes of CRC follow every message. The same
 * `[NAME=value]` sent to the pump sets something: this driver can send six questions and nothing else.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "baxter-as50",
    maker: "Baxter",
    protocol: "Auto Syringe AS50 computer interface",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "active",
    source: "OpenICE (mdpnp/mdpnp), AS50.java, with the maker's checksum example",
    quietMs: 10_000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  demographics: "none",
  verbs: VERBS,
  options: [
    {
      name: "interval",
      doc: "How often rate and status are asked for.",
      default: 2,
      minimum: 1,
      maximum: 5,
      unit: "s",
    },
    {
      name: "rate-unit",
      doc: "Unit that the pump's infusion mode uses; the messages do not say it.",
      default: "mL/h",
      choices: ["mL/h", "mL/min", "unknown"],
    },
  ],
  open: (options) => new As50Decoder(options),
};

const DEADLINE_MS = 1500;
const BOLUS_EVERY_MS = 10_000;
const DEVICE_EVERY_MS = 60_000;

/** The name in each question that is asked, and the verb that asks. */
const VERB_OF: Readonly<Record<string, string>> = {
  STATUS: "ask-status",
  DEV: "ask-device",
  PRIRATE: "ask-rate",
  BOLRAT: "ask-bolus-rate",
  BOLSIZ: "ask-bolus-size",
  LBOLUS: "ask-last-bolus",
};

class As50Decoder implements StreamDecoder {
  readonly #frames = new As50Frames();
  readonly #round: QuestionRound;
  readonly #rateUnit: RateUnit;
  /** The name in the last question of somebody else on the line that has no answer yet. */
  #heard: string | null = null;
  /** Questions of somebody else are on the line, so that only what follows one is an answer. */
  #hearsHost = false;

  constructor({ interval, "rate-unit": rateUnit }: DeviceOptions) {
    const everyMs = 1000 * (typeof interval === "number" ? interval : 2);
    this.#rateUnit = rateUnit === "mL/min" || rateUnit === "unknown" ? rateUnit : "mL/h";
    const ask = (name: string, askEveryMs: number) => ({
      verb: VERB_OF[name] ?? name,
      bytes: encodeMessage(`${name}?`),
      everyMs: askEveryMs,
    });
    this.#round = new QuestionRound(
      [
        ask("PRIRATE", everyMs),
        ask("STATUS", everyMs),
        ask("BOLRAT", BOLUS_EVERY_MS),
        ask("BOLSIZ", BOLUS_EVERY_MS),
        ask("LBOLUS", BOLUS_EVERY_MS),
        ask("DEV", DEVICE_EVERY_MS),
      ],
      DEADLINE_MS,
    );
  }

  push(bytes: Uint8Array): Output[] {
    return this.#frames
      .push(bytes)
      .flatMap((found) => (found.kind === "message" ? this.#useMessage(found.text) : [found]));
  }

  tick(at: number): Output[] {
    const ask = this.#round.next(at);
    return ask === null ? [] : [ask];
  }

  end(): Output[] {
    return this.#frames.end();
  }

  #useMessage(text: string): Output[] {
    const [, name = "", sign = "", value = ""] = /^([A-Z][A-Z0-9]*)([?=]?)(.*)$/.exec(text) ?? [];
    if (sign === "?") {
      this.#hearsHost = true;
      this.#heard = name;
      return [];
    }
    const heard = this.#heard;
    this.#heard = null;
    if (name.startsWith("REJECT")) {
      return this.#useReject(text, heard);
    }
    if (sign !== "=" || (this.#hearsHost && heard !== name)) {
      return [];
    }
    this.#round.answered(VERB_OF[name] ?? name);
    return this.#reading(name, value);
  }

  /** The pump refuses: after a question that was heard there is no value; else it is not known what was refused. */
  #useReject(text: string, heard: string | null): Output[] {
    const { asked } = this.#round;
    if (asked !== null) {
      this.#round.answered(asked);
    }
    if (heard !== null) {
      return this.#reading(heard, null);
    }
    return [{ kind: "fault", fault: "refused", bytes: 0, text: `the pump says "${text}"` }];
  }

  #reading(name: string, value: string | null): Output[] {
    const term = TERMS[name];
    if (term === undefined) {
      return [];
    }
    const reading = readingOf(name, term, value, this.#rateUnit);
    return ["kind" in reading ? reading : { kind: "frame", readings: [reading], waves: [] }];
  }
}
