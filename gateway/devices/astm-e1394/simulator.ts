import type { SimulatedFault } from "../device.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";
import { makeSwing } from "../swing.ts";

/** A blood gas analyser that sends a message every five seconds and waits for an acknowledgement after each frame. */
export const simulator: StreamSimulator = {
  model: "astm-e1394",
  tickMs: 100,
  open: ({ seed }) => new AstmStream(seed),
};

/** One frame. `end` is ETX (03) for the last part of a record, else ETB (17). Also used for test captures. */
export function frameOf(number: number, text: string, end = 0x03): Uint8Array {
  const body = [...bytesOf(`${number % 8}${text}`), end];
  const sum = body.reduce((total, byte) => total + byte, 0) & 0xff;
  const checksum = sum.toString(16).toUpperCase().padStart(2, "0");
  return Uint8Array.from([0x02, ...body, ...bytesOf(`${checksum}\r\n`)]);
}

const ENQ = 0x05;
const EOT = 0x04;
const ACK = 0x06;
const NAK = 0x15;

const MESSAGE_MS = 5000;
const START_UP_MS = 4000;
/** Without an answer for this long the analyser gives up and starts again later. */
const ANSWER_MS = 3000;
const RETRY_MS = 1000;
/** How often a frame is sent again. */
const REFUSALS_MAX = 6;

class AstmStream implements SimulatedStream {
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #tests: readonly SimulatedTest[];
  #nextAt: number | null = null;
  #restart = false;
  /** When the message that is being sent began, and which of its records is the next. */
  #startedAt = 0;
  #place = 0;
  #isSending = false;
  #hasEnquired = false;
  #saidAt = 0;
  #refusals = 0;
  #messages = 0;
  #frames = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed + 1);
    this.#tests = TESTS.map(({ low, high, ...test }, place) => ({
      ...test,
      valueAt: makeSwing(seed + place, { low, high, periodS: 900 }),
    }));
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

  tick(at: number): Uint8Array[] {
    if (this.#restart) {
      this.#restart = false;
      this.#isSending = false;
      this.#nextAt = at + START_UP_MS;
    }
    this.#nextAt ??= at;
    if (this.#isSending && at - this.#saidAt >= ANSWER_MS) {
      this.#stop(at + RETRY_MS);
      return this.#say([EOT], at);
    }
    if (this.#isSending || at < this.#nextAt) {
      return [];
    }
    this.#isSending = true;
    this.#hasEnquired = false;
    this.#startedAt = at;
    this.#place = 0;
    this.#refusals = 0;
    return this.#say([ENQ], at);
  }

  receive(bytes: Uint8Array, at: number): Uint8Array[] {
    const answers: Uint8Array[] = [];
    for (const byte of bytes) {
      if (this.#isSending && (byte === ACK || byte === NAK)) {
        answers.push(...this.#answered(byte === ACK, at));
      }
    }
    return answers;
  }

  #answered(isGood: boolean, at: number): Uint8Array[] {
    if (!isGood) {
      this.#refusals += 1;
      if (!this.#hasEnquired || this.#refusals > REFUSALS_MAX) {
        this.#stop(at + RETRY_MS);
        return this.#say([EOT], at);
      }
    } else if (this.#hasEnquired) {
      this.#place += 1;
      this.#refusals = 0;
    }
    this.#hasEnquired = true;
    const record = this.#messageAt(this.#startedAt)[this.#place];
    if (record === undefined) {
      this.#messages += 1;
      this.#stop(at + MESSAGE_MS);
      return this.#say([EOT], at);
    }
    return this.#say(this.#damaged(frameOf(this.#place + 1, `${record}\r`)), at);
  }

  #stop(nextAt: number): void {
    this.#isSending = false;
    this.#nextAt = nextAt;
  }

  #say(bytes: Iterable<number>, at: number): Uint8Array[] {
    this.#saidAt = at;
    return this.#faults.has("silence") ? [] : [Uint8Array.from(bytes)];
  }

  #messageAt(at: number): string[] {
    const time = new Date(at).toISOString().replaceAll(/\D/g, "").slice(0, 14);
    const isOff = this.#faults.has("sensor-off");
    const results = this.#tests.map(({ name, unit, decimals, valueAt }, place) => {
      const value = isOff ? "-----" : valueAt(at / 1000).toFixed(decimals);
      const status = isOff ? "X" : "F";
      return `R|${place + 1}|^^^${name}|${value}|${unit}||N||${status}||SIMULATOR||${time}`;
    });
    const specimen = `SIM${String(this.#messages).padStart(6, "0")}`;
    return [
      `H|\\^&|||WARDGATE^SIMULATED ANALYSER^1.0|||||||P|1|${time}`,
      "P|1||||NOBODY^SIMULATED||19000101|U",
      `O|1|${specimen}||^^^BG|R||||||N||||||||||||||F`,
      ...results,
      "L|1|N",
    ];
  }

  #damaged(frame: Uint8Array): Uint8Array {
    this.#frames += 1;
    if (this.#faults.has("checksum") && this.#frames % 2 === 0) {
      return frame.with(3, (frame[3] ?? 0) ^ 0x01);
    }
    if (this.#faults.has("noise") && this.#random() < 0.3) {
      const noise = Array.from({ length: 6 }, () => 128 + Math.floor(128 * this.#random()));
      return Uint8Array.from([...noise, ...frame]);
    }
    return frame;
  }
}

interface SimulatedTest {
  readonly name: string;
  readonly unit: string;
  readonly decimals: number;
  readonly valueAt: (seconds: number) => number;
}

const TESTS = [
  { name: "pH", unit: "", decimals: 3, low: 7.34, high: 7.46 },
  { name: "pCO2", unit: "mmHg", decimals: 1, low: 34, high: 46 },
  { name: "pO2", unit: "mmHg", decimals: 1, low: 75, high: 105 },
  { name: "Na+", unit: "mmol/L", decimals: 0, low: 135, high: 146 },
  { name: "K+", unit: "mmol/L", decimals: 2, low: 3.5, high: 5 },
  { name: "Glu", unit: "mmol/L", decimals: 1, low: 4.2, high: 8.5 },
  { name: "Lac", unit: "mmol/L", decimals: 1, low: 0.5, high: 2.4 },
] as const;

function bytesOf(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}
