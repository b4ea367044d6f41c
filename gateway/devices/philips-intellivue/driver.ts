import type {
  Ask,
  DeviceOptions,
  LineScheme,
  Output,
  StreamDecoder,
  StreamDriver,
} from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { makeAnonymiser } from "./anonymiser.ts";
import { Conversation } from "./conversation.ts";
import { DatagramStream } from "./datagram-stream.ts";
import type { Message, MessageStream } from "./message.ts";
import { MonitorData } from "./monitor-data.ts";
import { serialFrame, SerialFrames } from "./serial-frames.ts";
import { VERBS } from "./verbs.ts";

/**
 * Philips IntelliVue patient monitors, Data Export Interface: over the RS-232 port (MIB) in frames, over a LAN one message a
 * datagram. The monitor is only polled. Which waves it exports is a setting of the monitor (the priority list), which is never set.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "philips-intellivue",
    maker: "Philips",
    protocol: "IntelliVue Data Export",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "active",
    source:
      "Philips IntelliVue Data Export Interface Programming Guide 4535 642 59271, Rel. G.0, chapters 3-7",
    quietMs: 8000,
  },
  serial: { baud: 115_200, format: "8N1", flow: "none" },
  verbs: VERBS,
  options: [
    {
      name: "numerics",
      doc: '"single" asks for the values every time, "extended" lets the monitor send them every second by itself',
      default: "single",
      choices: ["single", "extended"],
    },
    {
      name: "interval",
      doc: "How often to ask for the values, when they are asked for every time",
      default: 1,
      minimum: 1,
      maximum: 5,
      unit: "s",
    },
    {
      name: "waves",
      doc: "Also read the waves that the monitor exports by itself",
      default: "no",
      choices: ["no", "yes"],
    },
    {
      name: "listen",
      doc: '"only" never asks anything: on a tap beside another client that polls',
      default: "no",
      choices: ["no", "only"],
    },
  ],
  open: (options, line) => new IntelliVueDecoder(options, line),
  anonymise: makeAnonymiser,
};

/** The largest messages that the two interfaces can agree on. */
const SERIAL_BYTES_MAX = 1000;
const LAN_BYTES_MAX = 1364;

class IntelliVueDecoder implements StreamDecoder {
  readonly #stream: MessageStream;
  readonly #data: MonitorData;
  readonly #conversation: Conversation;

  constructor(options: DeviceOptions, line: LineScheme) {
    const isLan = line === "udp";
    const interval = options["interval"];
    this.#stream = isLan ? new DatagramStream() : new SerialFrames();
    this.#data = new MonitorData(!isLan);
    this.#conversation = new Conversation(
      {
        numerics: options["numerics"] === "extended" ? "extended" : "single",
        intervalMs: 1000 * (typeof interval === "number" ? interval : 1),
        waves: options["waves"] === "yes",
        isListenOnly: options["listen"] === "only",
        receiveBytesMax: isLan ? LAN_BYTES_MAX : SERIAL_BYTES_MAX,
      },
      isLan ? (pdu) => pdu : serialFrame,
    );
  }

  push(bytes: Uint8Array, at: number): Output[] {
    return this.#take(this.#stream.push(bytes), at);
  }

  tick(at: number): Ask[] {
    return this.#conversation.tick(at);
  }

  end(at: number): Output[] {
    return this.#take(this.#stream.end(), at).filter(({ kind }) => kind !== "ask");
  }

  #take(found: ReturnType<MessageStream["push"]>, at: number): Output[] {
    return found.flatMap((item) =>
      item.kind === "fault" ? [item] : [...this.#conversation.hear(item, at), ...this.#read(item)],
    );
  }

  #read(message: Message): Output[] {
    switch (message.kind) {
      case "event":
        return this.#data.event(message);
      case "reply":
        return this.#data.reply(message);
      case "refused":
        return [
          notice("refused", "the monitor refused the association: another client may be using it"),
        ];
      case "aborted":
        return [notice("aborted", "the association was ended at once")];
      case "error":
        return [
          notice("refused", `the monitor did not do what was asked (error ${message.error})`),
        ];
      case "accepted":
      case "released":
      case "other":
        return [];
    }
  }
}

/** A fault of the conversation: no bytes were given up. */
function notice(fault: string, text: string): Output {
  return { kind: "fault", fault, bytes: 0, text };
}
