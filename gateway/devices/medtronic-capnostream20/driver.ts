import type {
  Ask,
  BadBytes,
  IdentityFound,
  Output,
  ReadVerb,
  StreamDecoder,
  StreamDriver,
} from "../device.ts";
import { SERIAL_LINES } from "../device.ts";
import { CapnoAnonymiser } from "./anonymiser.ts";
import type { CapnoMessage } from "./capno-frames.ts";
import { CapnoFrames, HEADER } from "./capno-frames.ts";
import { isShifted, numericsOf, readingsOf } from "./capno-numerics.ts";
import { CapnoWave } from "./capno-wave.ts";

/**
 * Medtronic (Oridion) Capnostream 20 and 20p, RS-232 protocol. The monitor sends nothing until it is told to: "enable", then "start", then a CO2
 * sample every 50 ms and numerics once a second. Nothing else is ever said to it but that the link is alive.
 */
export const driver: StreamDriver = {
  kind: "stream",
  facts: {
    model: "medtronic-capnostream20",
    maker: "Medtronic",
    protocol: "Capnostream data transfer, RS-232",
    lines: SERIAL_LINES,
    evidence: "A",
    mode: "active",
    source: "Oridion, Capnostream Data Transfer Protocols, chapters 2-6; OpenICE (mdpnp/mdpnp)",
    quietMs: 5000,
  },
  serial: { baud: 115_200, format: "8N1", flow: "none" },
  verbs: [
    readVerb(
      "enable",
      1,
      "Switches the data output of the port on; nothing that is measured changes.",
    ),
    readVerb("start", 4, "Asks for the CO2 wave and the numerics as they are measured."),
    readVerb("link-active", 6, "Says that someone still listens; it asks for nothing."),
  ],
  options: [],
  anonymise: () => new CapnoAnonymiser(),
  open: () => new CapnoDecoder(),
};

const CODE_CO2_WAVE = 0;
const CODE_NUMERICS = 1;
const CODE_DEVICE_ID = 4;
const CO2_WAVE_BYTES = 4;
/** A whole message counts when this long nothing followed (milliseconds). */
const SETTLED_MS = 100;
/** The monitor is listened to for this long before it is asked anything (milliseconds). */
const LISTEN_MS = 500;
/** Without a sample for this long the monitor does not send what it measures (milliseconds). */
const STREAM_MS = 1500;
/** An answer has one second to come (milliseconds). */
const ANSWER_MS = 1500;
const LINK_ACTIVE_MS = 5000;
/** How often "start" is said after the monitor answered to "enable". */
const STARTS_MAX = 3;
/** So many shifted messages in a row are no mistake of the monitor: it is the message before them that was wrong. */
const SHIFTED_MAX = 3;

class CapnoDecoder implements StreamDecoder {
  readonly #frames = new CapnoFrames();
  readonly #wave = new CapnoWave();
  #lastValues: readonly number[] | null = null;
  #shifted = 0;
  #serial: string | null = null;
  #heardAt = 0;
  #streamAt: number | null = null;
  #nextAskAt: number | null = null;
  /** How often to say "start" before "enable" is said again. */
  #startsLeft = 0;

  push(bytes: Uint8Array, at: number): Output[] {
    this.#heardAt = at;
    return this.#use(this.#frames.push(bytes), at);
  }

  tick(at: number): Output[] {
    const quietMs = at - this.#heardAt;
    const outputs = quietMs >= SETTLED_MS ? this.#use(this.#frames.settle(), at) : [];
    if (quietMs >= STREAM_MS) {
      this.#wave.pause(quietMs, outputs);
    }
    return [...outputs, ...this.#ask(at)];
  }

  end(at: number): Output[] {
    const outputs = this.#use(this.#frames.end(), at);
    this.#wave.pause(at - this.#heardAt, outputs);
    return outputs;
  }

  #ask(at: number): Ask[] {
    this.#nextAskAt ??= at + LISTEN_MS;
    if (at < this.#nextAskAt) {
      return [];
    }
    if (this.#streamAt !== null && at - this.#streamAt < STREAM_MS) {
      this.#nextAskAt = at + LINK_ACTIVE_MS;
      return [ask("link-active", 6)];
    }
    this.#nextAskAt = at + ANSWER_MS;
    if (this.#startsLeft > 0) {
      this.#startsLeft -= 1;
      return [ask("start", 4)];
    }
    return [ask("enable", 1)];
  }

  #use(found: readonly (CapnoMessage | BadBytes)[], at: number): Output[] {
    const outputs: Output[] = [];
    for (const message of found) {
      if (message.kind === "fault") {
        outputs.push(message);
      } else {
        outputs.push(...this.#useMessage(message, at));
      }
    }
    return outputs;
  }

  /** Messages about the patient, events and trends are left unread. */
  #useMessage(message: CapnoMessage, at: number): Output[] {
    switch (message.code) {
      case CODE_CO2_WAVE:
        return this.#useWave(message, at);
      case CODE_NUMERICS:
        return this.#useNumerics(message, at);
      case CODE_DEVICE_ID:
        return this.#useIdentity(message, at);
      default:
        return [];
    }
  }

  #useWave({ data, bytes }: CapnoMessage, at: number): Output[] {
    if (data.length < CO2_WAVE_BYTES) {
      return [fault("framing", bytes, "a CO2 sample that is too short")];
    }
    this.#startStream(at);
    const outputs: Output[] = [];
    this.#wave.add(data, bytes, outputs);
    return outputs;
  }

  #useNumerics({ data, bytes }: CapnoMessage, at: number): Output[] {
    this.#startStream(at);
    const numerics = numericsOf(data);
    if (typeof numerics === "string") {
      return [fault("out-of-range", bytes, numerics)];
    }
    const last = this.#shifted < SHIFTED_MAX ? this.#lastValues : null;
    if (last !== null && isShifted(numerics.values, last)) {
      this.#shifted += 1;
      const text = "numerics whose values stand one place off";
      return [fault("out-of-range", bytes, text)];
    }
    this.#shifted = 0;
    this.#lastValues = numerics.values;
    const outputs: Output[] = [];
    this.#wave.confirm(numerics.co2, outputs);
    return [...outputs, { kind: "frame", readings: readingsOf(numerics), waves: [] }];
  }

  /** The monitor starts to send: from now on it only needs to hear that the link is alive. */
  #startStream(at: number): void {
    const isNew = this.#streamAt === null || at - this.#streamAt >= STREAM_MS;
    this.#streamAt = at;
    this.#startsLeft = 0;
    if (isNew) {
      this.#nextAskAt = at + LINK_ACTIVE_MS;
    }
  }

  /** The answer to "enable". `V02.13 02/24/2008 B355987654  `: software, its date, serial number. */
  #useIdentity({ data }: CapnoMessage, at: number): IdentityFound[] {
    this.#startsLeft = STARTS_MAX;
    this.#nextAskAt = at;
    const [, serial = ""] = IDENTITY.exec(String.fromCharCode(...data)) ?? [];
    if (serial === "" || serial === this.#serial) {
      return [];
    }
    this.#serial = serial;
    return [{ kind: "identity", serial }];
  }
}

const IDENTITY = /^V.{5} .{10} ([A-Z0-9]{10}) *$/;

function ask(verb: string, code: number): Ask {
  return { kind: "ask", verb, bytes: Uint8Array.of(HEADER, 1, code, 1 ^ code) };
}

/** A command is a message of one byte, its code. */
function readVerb(verb: string, code: number, doc: string): ReadVerb {
  return {
    verb,
    doc,
    matches: (bytes) => {
      const [header, length, said, checksum, ...more] = bytes;
      return (
        header === 0x85 &&
        length === 0x01 &&
        said === code &&
        checksum === (length ^ said) &&
        more.length === 0
      );
    },
  };
}

function fault(word: string, bytes: number, text: string): BadBytes {
  return { kind: "fault", fault: word, bytes, text };
}
