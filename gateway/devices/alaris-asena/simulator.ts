import type { SimulatedFault } from "../device.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";
import { makeSwing } from "../swing.ts";

/** Answers as an Asena GH does to a host that only asks. Orders get no answer: this pump takes none. */
export const simulator: StreamSimulator = {
  model: "alaris-asena",
  tickMs: 100,
  open: ({ seed }) => new AsenaPump(seed),
};

/** A message with its checksum and its end. Also used for test captures. */
export function messageOf(text: string): Uint8Array {
  let crc = 0xff_ff;
  for (const character of text) {
    crc ^= character.charCodeAt(0) << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x80_00) === 0 ? crc << 1 : ((crc << 1) ^ 0x10_21) & 0xff_ff;
    }
  }
  const check = crc.toString(16).toUpperCase().padStart(4, "0");
  return Uint8Array.from(`!${text}|${check}\r`, (character) => character.charCodeAt(0));
}

const START_UP_MS = 5000;
const SYRINGE_ML = 50;
/** Bytes of a question that are kept while its end is awaited. */
const RECEIVED_MAX = 256;

class AsenaPump implements SimulatedStream {
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #serial: string;
  readonly #rate: (seconds: number) => number;
  readonly #pressure: (seconds: number) => number;
  #received = "";
  #silentUntil = 0;
  #restart = false;
  #startedAt: number | null = null;
  #infused = 0;
  #infusedAt: number | null = null;
  #answers = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    this.#serial = `8002-${String(Math.floor(1e5 * this.#random())).padStart(5, "0")}`;
    const rate = 2 + 10 * this.#random();
    this.#rate = makeSwing(seed, { low: rate - 1, high: rate + 1, periodS: 1800 });
    this.#pressure = makeSwing(seed + 1, { low: 15, high: 60, periodS: 240 });
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
      this.#infused = 0;
    }
    const noisy = this.#faults.has("noise") && this.#random() < 0.2;
    return noisy ? [Uint8Array.from({ length: 5 }, () => Math.floor(256 * this.#random()))] : [];
  }

  receive(bytes: Uint8Array, at: number): Uint8Array[] {
    if (at < this.#silentUntil) {
      return [];
    }
    this.#received = (this.#received + String.fromCharCode(...bytes)).slice(-RECEIVED_MAX);
    const messages = this.#received.split("\r");
    this.#received = messages.pop() ?? "";
    const answers = messages.flatMap((message) => this.#answer(`${message}\r`, at));
    return this.#faults.has("silence") ? [] : answers.map((answer) => this.#damaged(answer));
  }

  #answer(question: string, at: number): Uint8Array[] {
    const [name = ""] = /[A-Z_]+(?=\|)/.exec(question) ?? [];
    const asked = String.fromCharCode(...messageOf(name));
    if (!question.endsWith(asked)) {
      return [];
    }
    switch (name) {
      case "INST_SERIALNO":
        return [messageOf(`${name}^${this.#serial}`)];
      case "INF":
        return [messageOf(this.#status(at))];
      case "INF_VTBI":
        return [messageOf(`${name}^${this.#volumeToInfuse()}`)];
      case "SYRINGE_STATUS":
        return [messageOf(`${name}^BD PLASTIPAK^ ${SYRINGE_ML}^CONF`)];
      default:
        return [];
    }
  }

  /** On hold and without its pressure disc the pump says rate 0.00 and no pressure. */
  #status(at: number): string {
    this.#startedAt ??= at;
    const seconds = (at - this.#startedAt) / 1000;
    const onHold = this.#faults.has("sensor-off");
    const rate = onHold ? 0 : this.#rate(seconds);
    this.#infused += (rate * (at - (this.#infusedAt ?? at))) / 3_600_000;
    this.#infusedAt = at;
    const left = Math.max(0, SYRINGE_ML - this.#infused) / Math.max(rate, 0.1);
    return [
      "INF",
      this.#serial,
      "-",
      onHold ? "HLD" : "SET",
      rate.toFixed(2),
      "ml/h",
      "",
      this.#infused.toFixed(3),
      "ml",
      onHold ? "" : this.#pressure(seconds).toFixed(2),
      "mmHg",
      left >= 24 ? "24+" : hoursText(left),
      "EVENT",
      String(127_904 + Math.floor(seconds / 60)),
    ].join("^");
  }

  #volumeToInfuse(): string {
    return this.#faults.has("sensor-off") ? "DEACT^^^" : `ACTIV^${SYRINGE_ML}.000^ml^STOP`;
  }

  #damaged(answer: Uint8Array): Uint8Array {
    this.#answers += 1;
    return this.#faults.has("checksum") && this.#answers % 2 === 0
      ? answer.with(5, (answer[5] ?? 0) ^ 0x04)
      : answer;
  }
}

function hoursText(hours: number): string {
  return new Date(Math.floor(3600 * hours) * 1000).toISOString().slice(11, 19);
}
