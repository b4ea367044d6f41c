import type {
  Ask,
  BadBytes,
  DeviceOptions,
  Output,
  ReadVerb,
  StreamDecoder,
  StreamDriver,
} from "../device.ts";
import { quietOption } from "../device.ts";
import { AstmAnonymiser } from "./anonymiser.ts";
import type { AstmFrame, LinkEvent } from "./astm-link.ts";
import { AstmLink } from "./astm-link.ts";
import { AstmRecords } from "./astm-records.ts";

/**
 * Laboratory and point-of-care analysers that send results by ASTM E1381 and E1394 (CLSI LIS01, LIS02). The analyser starts: ENQ, frames, EOT. It waits for an
 * acknowledgement after each, and that is all that is ever said to it; on a tap beside another host nothing is said.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "astm-e1394",
    maker: "ASTM",
    protocol: "ASTM E1381 / E1394 (CLSI LIS01-A2, LIS02-A2)",
    // Not over UDP: the analyser is the one that starts, and there is no connection on which it could.
    lines: ["serial", "rfc2217", "tcp", "unix"],
    evidence: "A",
    mode: "active",
    source: "ASTM E1381-02 and E1394-97; recordings of analysers in senaite.astm",
    quietMs: 30_000,
  },
  serial: { baud: 9600, format: "8N1", flow: "none" },
  verbs: [
    readVerb("acknowledge", 0x06, "Tells the analyser that its enquiry or frame has arrived."),
    readVerb("not-acknowledge", 0x15, "Asks the analyser to send its last frame again."),
  ],
  options: [
    {
      name: "listen",
      doc: "Never answer: for a tap beside the host that the analyser talks to.",
      default: false,
    },
    {
      name: "specimen",
      doc: "The specimen id of the order: leave it out, hand on a fingerprint of it, or the id itself.",
      default: "drop",
      choices: ["drop", "hash", "keep"],
    },
    quietOption(0),
  ],
  open: (options) => new AstmDecoder(options),
  anonymise: () => new AstmAnonymiser(),
};

/** An answer waits for the line feed after the checksum, but no longer than this (milliseconds). */
const ANSWER_MS = 30;
/** What is complete but for an optional end counts when nothing came for so long (milliseconds). */
const SETTLED_MS = 300;
/** A frame that has begun is given up when nothing came for so long (milliseconds); the analyser still waits for an answer then. */
const ABANDONED_MS = 5000;

class AstmDecoder implements StreamDecoder {
  readonly #link = new AstmLink();
  readonly #records: AstmRecords;
  readonly #isListening: boolean;
  /** Number and text of the last frame, which an analyser that missed the acknowledgement sends again. */
  #lastFrame: AstmFrame | null = null;
  /** A frame came damaged after it. */
  #isDamaged = false;
  #answer: Ask | null = null;
  #heardAt = 0;

  constructor({ listen, specimen }: DeviceOptions) {
    this.#isListening = listen === true;
    this.#records = new AstmRecords(specimen === "keep" || specimen === "hash" ? specimen : "drop");
  }

  push(bytes: Uint8Array, at: number): Output[] {
    this.#heardAt = at;
    return this.#link.push(bytes).flatMap((event) => this.#use(event));
  }

  tick(at: number): Output[] {
    const quietMs = at - this.#heardAt;
    const outputs = quietMs >= ANSWER_MS ? this.#giveAnswer() : [];
    if (quietMs >= SETTLED_MS) {
      outputs.push(...this.#link.settle().flatMap((event) => this.#use(event)));
    }
    if (quietMs >= ABANDONED_MS && this.#link.begunBytes > 0) {
      outputs.push(...this.#link.abandon().flatMap((event) => this.#use(event)));
      outputs.push(...this.#records.lose(), ...this.#giveAnswer());
    }
    return outputs;
  }

  end(): Output[] {
    const rest = this.#link.abandon().flatMap((event) => this.#use(event));
    return [...rest, ...this.#records.reset()];
  }

  /** One answer a turn: a frame's answer replaces that to a broken one before it, which nobody waits for any more. */
  #use(event: LinkEvent): Output[] {
    switch (event.kind) {
      case "frame":
        this.#answer = ACCEPT;
        return this.#useFrame(event);
      case "damaged":
        this.#isDamaged = true;
        this.#answer = REFUSE;
        return [event.fault];
      case "plain":
        return this.#records.ofMessage(event.text);
      case "enquiry":
        return [...this.#startTransmission(), ...this.#say(ACCEPT)];
      case "end":
        return this.#startTransmission();
      case "line-feed":
        return this.#giveAnswer();
      case "fault":
        return [event];
    }
  }

  #useFrame(frame: AstmFrame): Output[] {
    const last = this.#lastFrame;
    const isAgain = last !== null && last.number === frame.number && last.text === frame.text;
    const isMissing =
      last !== null &&
      !isAgain &&
      (this.#isDamaged ? !follows(last.number, frame.number) : isGap(last.number, frame.number));
    this.#isDamaged = false;
    this.#lastFrame = frame;
    const lost = isMissing ? this.#records.lose() : [];
    return isAgain ? [] : [...lost, ...this.#records.ofFrame(frame)];
  }

  #startTransmission(): BadBytes[] {
    this.#lastFrame = null;
    this.#isDamaged = false;
    this.#answer = null;
    return this.#records.reset();
  }

  #giveAnswer(): Output[] {
    const answer = this.#answer;
    this.#answer = null;
    return answer === null ? [] : this.#say(answer);
  }

  #say(answer: Ask): Ask[] {
    return this.#isListening ? [] : [answer];
  }
}

/** A frame between these two was lost. Numbers that repeat or start again with 1 are no gap: some analysers number so. */
function isGap(last: number | null, number: number | null): boolean {
  return (
    last !== null && number !== null && number !== last && number !== 1 && !follows(last, number)
  );
}

/** The number after 7 is 0. */
function follows(last: number | null, number: number | null): boolean {
  return last !== null && number !== null && number === (last + 1) % 8;
}

const ACCEPT: Ask = { kind: "ask", verb: "acknowledge", bytes: Uint8Array.of(0x06) };
const REFUSE: Ask = { kind: "ask", verb: "not-acknowledge", bytes: Uint8Array.of(0x15) };

/** One byte and no more. */
function readVerb(verb: string, byte: number, doc: string): ReadVerb {
  return { verb, doc, matches: (bytes) => bytes.length === 1 && bytes[0] === byte };
}
