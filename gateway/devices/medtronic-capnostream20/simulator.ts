import type { SimulatedFault } from "../device.ts";
import { Patient } from "../physiology.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";
import { makeSwing } from "../swing.ts";
import { messageOf } from "./capno-frames.ts";

/** A monitor that waits for "enable" and "start", then sends 20 CO2 samples and one numerics message a second. */
export const simulator: StreamSimulator = {
  model: "medtronic-capnostream20",
  tickMs: 50,
  open: ({ seed }) => new CapnoStream(seed),
};

/** What the numerics of one second say; 255 is "no value". */
export interface SimulatedNumerics {
  /** Seconds since 1970. */
  readonly seconds: number;
  /** etCO2, FiCO2, respiration rate, SpO2, pulse rate. */
  readonly values: readonly number[];
  readonly co2Alarms?: number;
  readonly spo2Alarms?: number;
  /** 1 mmHg, 2 kPa, 3 vol%. */
  readonly unit?: number;
  readonly status?: number;
}

/** The numerics message of one second. Also used for test captures. */
export function numericsMessage({
  seconds,
  values,
  co2Alarms = 0,
  spo2Alarms = 0,
  unit = 1,
  status = 0,
}: SimulatedNumerics): Uint8Array {
  const time = [seconds >>> 24, (seconds >>> 16) & 0xff, (seconds >>> 8) & 0xff, seconds & 0xff];
  const limits = [60, 15, 30, 5, 8, 100, 85, 140, 50];
  const state = [0x40, 0, 0, 0, co2Alarms, spo2Alarms, 30];
  return messageOf(1, [...time, ...values, ...state, ...limits, unit, status]);
}

const WAVE_MS = 50;
const WAVES_PER_NUMERICS = 20;
const START_UP_MS = 4000;
/** Samples that are made up for when ticks come late. */
const LATE_MAX = 40;
const NO_VALUE = 255;
/** FilterLine not connected, invalid value. */
const FAST_STATUS_OFF = 0x41;
const SPO2_OFF_PATIENT = 0x20;

class CapnoStream implements SimulatedStream {
  readonly #patient: Patient;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #breaths: number;
  readonly #etco2: (seconds: number) => number;
  readonly #serial: string;
  #heard: number[] = [];
  #waves: number | null = null;
  #startAt = 0;
  #isEnabled = false;
  #silentUntil = 0;
  #restart = false;
  #messages = 0;

  constructor(seed: number) {
    this.#patient = new Patient(seed);
    this.#random = randomOf(seed + 1);
    this.#breaths = 12 + Math.floor(6 * this.#random());
    this.#etco2 = makeSwing(seed, { low: 33, high: 43, periodS: 300 });
    this.#serial = `B2${String(Math.floor(1e8 * this.#random())).padStart(8, "0")}`;
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
      this.#silentUntil = at + START_UP_MS;
      this.#isEnabled = false;
      this.#waves = null;
    }
    if (this.#waves === null || at < this.#silentUntil) {
      return [];
    }
    const due = Math.floor((at - this.#startAt) / WAVE_MS);
    this.#waves = Math.max(this.#waves, due - LATE_MAX);
    const messages: Uint8Array[] = [];
    for (; this.#waves < due; this.#waves += 1) {
      messages.push(this.#waveAt(this.#waves));
      if (this.#waves % WAVES_PER_NUMERICS === 0) {
        messages.push(this.#numericsAt(this.#startAt + this.#waves * WAVE_MS));
      }
    }
    return this.#faults.has("silence") ? [] : messages.map((message) => this.#damaged(message));
  }

  receive(bytes: Uint8Array, at: number): Uint8Array[] {
    const answers: Uint8Array[] = [];
    for (const byte of bytes) {
      this.#heard = byte === 0x85 ? [byte] : [...this.#heard, byte].slice(-8);
      const [header, length, code = 0, checksum] = this.#heard;
      if (this.#heard.length === 4 && header === 0x85 && length === 1 && checksum === (1 ^ code)) {
        answers.push(...this.#obey(code, at));
      }
    }
    return at < this.#silentUntil || this.#faults.has("silence") ? [] : answers;
  }

  #obey(code: number, at: number): Uint8Array[] {
    if (at < this.#silentUntil) {
      return [];
    }
    if (code === 1) {
      this.#isEnabled = true;
      const text = `V02.13 02/24/2008 ${this.#serial}  `;
      return [
        messageOf(
          4,
          Array.from(text, (character) => character.charCodeAt(0)),
        ),
      ];
    }
    if (code === 4 && this.#isEnabled && this.#waves === null) {
      this.#waves = 0;
      this.#startAt = at;
    }
    return [];
  }

  #waveAt(number: number): Uint8Array {
    if (this.#faults.has("sensor-off")) {
      return messageOf(0, [number % 256, 0, 0, FAST_STATUS_OFF]);
    }
    const at = this.#startAt + number * WAVE_MS;
    const phase = ((at / 60_000) * this.#breaths) % 1;
    const isExpiring = phase < 0.45;
    const plateau = this.#etco2(at / 1000) * (0.93 + 0.15 * phase);
    const co2 = isExpiring ? plateau * Math.min(1, phase / 0.05) : 0;
    const raw = Math.min(0xff_ff, Math.round(co2 * 256));
    const endsBreath = isExpiring && phase + (this.#breaths * WAVE_MS) / 60_000 >= 0.45;
    return messageOf(0, [number % 256, raw >>> 8, raw & 0xff, endsBreath ? 0x08 : 0]);
  }

  #numericsAt(at: number): Uint8Array {
    const seconds = Math.floor(at / 1000);
    const { spo2, pulse } = this.#patient.at(at);
    if (this.#faults.has("sensor-off")) {
      const values = [NO_VALUE, NO_VALUE, NO_VALUE, NO_VALUE, NO_VALUE];
      return numericsMessage({ seconds, values, spo2Alarms: SPO2_OFF_PATIENT });
    }
    const etco2 = Math.round(this.#etco2(at / 1000));
    const values = [etco2, 0, this.#breaths, Math.round(spo2), Math.round(pulse)];
    return numericsMessage({ seconds, values });
  }

  #damaged(message: Uint8Array): Uint8Array {
    this.#messages += 1;
    if (this.#faults.has("checksum") && this.#messages % 2 === 0) {
      return message.with(3, (message[3] ?? 0) ^ 0x01);
    }
    if (this.#faults.has("noise") && this.#random() < 0.1) {
      const noise = Array.from({ length: 6 }, () => Math.floor(256 * this.#random()));
      return Uint8Array.from([...noise, ...message]);
    }
    return message;
  }
}
