import type {
  Ask,
  BadBytes,
  DeviceOptions,
  Measured,
  Output,
  StreamDecoder,
  StreamDriver,
} from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import type { LinkEvent } from "./agilia-link.ts";
import { AgiliaLink, encodeMessage } from "./agilia-link.ts";
import type { AgiliaAnswer } from "./agilia-readings.ts";
import {
  answerOf,
  drugOf,
  modulesOf,
  readingsOf,
  unreachable,
  variablesOf,
} from "./agilia-readings.ts";
import { AgiliaSession } from "./agilia-session.ts";
import { VERBS } from "./agilia-verbs.ts";

/**
 * Fresenius Kabi pumps with the text protocol of the Orchestra bases: messages between STX and ETX with a checksum of two hex digits.
 * Each message is acknowledged, the pump asks now and then (ENQ) whether somebody is there (DC4), and what it sends by
 * itself is acknowledged by name. Only commands that read are ever sent.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "fresenius-agilia",
    maker: "Fresenius Kabi",
    protocol: "Orchestra / Agilia text protocol",
    lines: SERIAL_LINES,
    evidence: "B",
    mode: "active",
    source: "infupy (jaj42/infupy), backends/fresenius.py; no manual was seen",
    quietMs: 10_000,
  },
  serial: { baud: 19_200, format: "7E1", flow: "none" },
  verbs: VERBS,
  options: [
    {
      name: "interval",
      doc: "How often each pump is asked for its values.",
      default: 2,
      minimum: 1,
      maximum: 5,
      unit: "s",
    },
  ],
  open: (options) => new AgiliaDecoder(options),
};

const ACKNOWLEDGE: Ask = { kind: "ask", verb: "acknowledge", bytes: Uint8Array.of(0x06) };
const REFUSE: Ask = { kind: "ask", verb: "refuse-damaged", bytes: Uint8Array.of(0x15, 0x32) };
const KEEP_ALIVE: Ask = { kind: "ask", verb: "keep-alive", bytes: Uint8Array.of(0x14) };
/** A pump is asked for its drug after its first values and then after so many more. */
const DRUG_EVERY_ANSWERS = 15;

class AgiliaDecoder implements StreamDecoder {
  readonly #link = new AgiliaLink();
  readonly #session: AgiliaSession;
  /** Modules that the base had when it was last asked. */
  #modules: readonly number[] = [];
  /** Answers with values since a pump was last asked for its drug. */
  readonly #valuesSince = new Map<number | null, number>();
  /** Pumps whose next answer is a text that was asked for: the name of the drug, or one that a host has given. */
  readonly #textAsked = new Map<number | null, "drug" | "name">();

  constructor({ interval }: DeviceOptions) {
    this.#session = new AgiliaSession(1000 * (typeof interval === "number" ? interval : 2));
  }

  push(bytes: Uint8Array, at: number): Output[] {
    const outputs: Output[] = [];
    for (const event of this.#link.push(bytes)) {
      outputs.push(...this.#use(event, at));
    }
    return outputs;
  }

  tick(at: number): Output[] {
    const ask = this.#session.next(at);
    return ask === null ? [] : [ask];
  }

  end(): Output[] {
    return this.#link.end();
  }

  #use(event: LinkEvent, at: number): Output[] {
    switch (event.kind) {
      case "enquiry":
        return [KEEP_ALIVE];
      case "accepted":
      case "refused":
        // A question that was refused comes again when its answer does not come.
        return [];
      case "fault":
        return event.fault === "checksum" ? [event, REFUSE] : [event];
      case "message":
        return this.#useMessage(event.text, at);
    }
  }

  #useMessage(text: string, at: number): Output[] {
    const answer = answerOf(text);
    if (answer === null) {
      this.#hearHost(text);
      return [];
    }
    const { address, status, body } = answer;
    this.#session.answered(answer, at);
    const isReport = status === "E" || status === "M";
    // A host's acknowledgement of a report has the form of a report that says nothing.
    if (isReport && body === "") {
      return [];
    }
    const outputs: Output[] = [ACKNOWLEDGE];
    if (isReport) {
      outputs.push(acknowledgeEvent(address, status));
    }
    outputs.push(...(status === "I" ? this.#refusal(answer) : this.#values(answer, at)));
    return outputs;
  }

  /** Another host asks for a text: what follows is that. */
  #hearHost(text: string): void {
    const [, address, asked] = /^([0-9]?)(LP|LN)$/.exec(text) ?? [];
    if (address !== undefined) {
      const pump = address === "" ? null : Number(address);
      this.#textAsked.set(pump, asked === "LP" ? "drug" : "name");
    }
  }

  #values({ address, status, body }: AgiliaAnswer, at: number): Output[] {
    const variables = variablesOf(body);
    // What the pump sends by itself in between is no answer.
    const textAsked = status === "C" ? this.#textAsked.get(address) : undefined;
    if (status === "C") {
      this.#textAsked.delete(address);
    }
    if (textAsked === "name") {
      return [];
    }
    if (variables === null) {
      return textAsked === "drug" && body !== "" ? framed([drugOf(address, body)]) : [];
    }
    if (address === 0) {
      return framed(this.#useModules(variables));
    }
    if (textAsked === "drug" && variables.size === 1) {
      // A drug may be called "d5", which would be a rate as well: it is neither.
      return [];
    }
    const outputs = framed(readingsOf(address, variables));
    return variables.has("d") ? [...outputs, ...this.#askDrug(address, at)] : outputs;
  }

  /** A module that was there and is gone has no values any more. Which ones are there is told when one is gone or none is there. */
  #useModules(variables: ReadonlyMap<string, string>): Measured[] {
    const before = this.#modules;
    this.#modules = modulesOf(variables.get("b"));
    const gone = before.filter((module) => !this.#modules.includes(module));
    return gone.length > 0 || this.#modules.length === 0
      ? [...readingsOf(0, variables), ...gone.flatMap(unreachable)]
      : [];
  }

  /** Counted in answers and not in time, so that the same bytes always mean the same. */
  #askDrug(address: number | null, at: number): Ask[] {
    const answers = this.#valuesSince.get(address) ?? DRUG_EVERY_ANSWERS;
    this.#valuesSince.set(address, answers >= DRUG_EVERY_ANSWERS ? 1 : answers + 1);
    if (answers < DRUG_EVERY_ANSWERS) {
      return [];
    }
    this.#textAsked.set(address, "drug");
    const ask = this.#session.askDrug(address, at);
    return ask === null ? [] : [ask];
  }

  #refusal({ address, body }: AgiliaAnswer): Output[] {
    this.#textAsked.delete(address);
    const gone = body === ERROR_NO_MODULE && address !== 0 ? framed(unreachable(address)) : [];
    const why = ERRORS[body] ?? "a reason that is not known";
    return [...gone, fault("refused", `the pump refuses: ${why} (${body.slice(0, 8)})`)];
  }
}

const ERROR_NO_MODULE = "0E";
/** What the pumps say most often when they refuse. */
const ERRORS: Readonly<Record<string, string>> = {
  "01": "the command is not known",
  "02": "not in this mode",
  "03": "not in this state",
  "04": "syntax",
  "0A": "a variable it does not have",
  "0B": "a variable it does not know",
  "0D": "the session with the base is not open",
  "0E": "the module cannot be reached",
  "1E": "the session with the module is not open",
  "20": "not allowed on this port",
};

function acknowledgeEvent(address: number | null, status: "E" | "M"): Ask {
  const bytes = encodeMessage(`${address ?? ""}${status}`);
  return { kind: "ask", verb: "acknowledge-event", bytes };
}

function framed(readings: readonly Measured[]): Output[] {
  return readings.length === 0 ? [] : [{ kind: "frame", readings, waves: [] }];
}

function fault(word: string, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes: 0, text };
}
