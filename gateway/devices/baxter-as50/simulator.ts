import type { SimulatedFault } from "../device.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";
import { makeSwing } from "../swing.ts";

/** Answers the questions of the AS50 protocol. Orders get no answer: this pump takes none. */
export const simulator: StreamSimulator = {
  model: "baxter-as50",
  tickMs: 100,
  open: ({ seed }) => new As50Pump(seed),
};

/** A message with its two bytes of checksum. Also used for test captures. */
export function messageOf(text: string): Uint8Array {
  const message = Uint8Array.from(`[${text}]`, (character) => character.charCodeAt(0));
  let crc = 0;
  for (const byte of message) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x80_00) === 0 ? crc << 1 : ((crc << 1) ^ 0x10_21) & 0xff_ff;
    }
  }
  return Uint8Array.from([...message, crc >> 8, crc & 0xff]);
}

const START_UP_MS = 5000;
/** Bytes of a question that are kept while its end is awaited. */
const RECEIVED_MAX = 64;

class As50Pump implements SimulatedStream {
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #rate: (seconds: number) => number;
  #received = "";
  #silentUntil = 0;
  #restart = false;
  #startedAt: number | null = null;
  #answers = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    const rate = 1 + 20 * this.#random();
    this.#rate = makeSwing(seed, { low: rate, high: rate + 2, periodS: 1200 });
  }

  fault(name: SimulatedFault, on: boolean): void {
    if (name === "restart") {
      this.#restart ||= on;
    } else if (on) {
      this.#faults.add(name);
    } else {
      this.#faults.delete(name);
    }
  }

  /** The pump never speaks by itself; noise comes from the line. */
  tick(at: number): Uint8Array[] {
    if (this.#restart) {
      this.#restart = false;
      this.#silentUntil = at + START_UP_MS;
      this.#received = "";
    }
    const noisy = this.#faults.has("noise") && this.#random() < 0.2;
    return noisy ? [Uint8Array.from({ length: 4 }, () => Math.floor(256 * this.#random()))] : [];
  }

  receive(bytes: Uint8Array, at: number): Uint8Array[] {
    if (at < this.#silentUntil) {
      return [];
    }
    this.#received = (this.#received + String.fromCharCode(...bytes)).slice(-RECEIVED_MAX);
    const answers: Uint8Array[] = [];
    for (;;) {
      const question = /\[([A-Z]+\?)\][^]{2}/.exec(this.#received);
      if (question === null) {
        break;
      }
      const [whole, text = ""] = question;
      this.#received = this.#received.slice(question.index + whole.length);
      if (whole === String.fromCharCode(...messageOf(text))) {
        answers.push(this.#answer(text, at));
      }
    }
    return this.#faults.has("silence") ? [] : answers;
  }

  /** Without a syringe there is no rate. */
  #answer(question: string, at: number): Uint8Array {
    this.#startedAt ??= at;
    const rate = this.#rate((at - this.#startedAt) / 1000).toFixed(1);
    const off = this.#faults.has("sensor-off");
    const answers: Readonly<Record<string, string>> = {
      "PRIRATE?": `PRIRATE=${off ? "---" : rate}`,
      "STATUS?": off ? "STATUS=STANDBY" : "STATUS=RUN",
      "BOLRAT?": "BOLRAT=60.0",
      "BOLSIZ?": "BOLSIZ=1.0",
      "LBOLUS?": "LBOLUS=0.0",
      "DEV?": "DEV=AS50",
    };
    this.#answers += 1;
    const message = messageOf(answers[question] ?? "REJECT");
    return this.#faults.has("checksum") && this.#answers % 2 === 0
      ? message.with(2, (message[2] ?? 0) ^ 0x01)
      : message;
  }
}
