import type { SimulatedFault } from "../device.ts";
import { Patient } from "../physiology.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";
import type { SimulatedGroup, SimulatedSubrecord } from "./simulated-record.ts";
import { classOf, recordFrame, waveBytes } from "./simulated-record.ts";

/** A monitor in an operating theatre: it sends when it has been asked, values every few seconds and waveforms every second. */
export const simulator: StreamSimulator = {
  model: "ge-s5-dri",
  tickMs: 100,
  open: ({ seed }) => new S5Monitor(seed),
};

const START_UP_MS = 5000;
const WAVE_MS = 1000;
/** Bytes of a request that are kept while its end is awaited. */
const RECEIVED_MAX = 200;
const FLAG = "\u007e";
/** The monitor's clock is not the gateway's. */
const CLOCK_OFF_S = 47;
const DATA_GAP = 0x01;
const LEAD_OFF = 0x08;

class S5Monitor implements SimulatedStream {
  readonly #patient: Patient;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  #received = "";
  #everyMs: number | null = null;
  #valuesAt = 0;
  #waveTypes: readonly number[] = [];
  #waveAt = 0;
  #firstWave = true;
  #silentUntil = 0;
  #restart = false;
  #records = 0;

  constructor(seed: number) {
    this.#patient = new Patient(seed);
    this.#random = randomOf(seed + 1);
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
      this.#everyMs = null;
      this.#waveTypes = [];
    }
    const pieces: Uint8Array[] = [];
    if (this.#everyMs !== null && at >= this.#valuesAt) {
      this.#valuesAt = Math.max(this.#valuesAt + this.#everyMs, at);
      pieces.push(this.#damaged(this.#values(at)));
    }
    if (this.#waveTypes.length > 0 && at >= this.#waveAt) {
      pieces.push(this.#waves(this.#waveAt));
      this.#waveAt = Math.max(this.#waveAt + WAVE_MS, at - WAVE_MS);
    }
    if (this.#faults.has("noise") && this.#random() < 0.2) {
      pieces.push(Uint8Array.from({ length: 5 }, () => Math.floor(256 * this.#random())));
    }
    return this.#faults.has("silence") || at < this.#silentUntil ? [] : pieces;
  }

  /** Takes requests to start; the first values come at once. */
  receive(bytes: Uint8Array, at: number): Uint8Array[] {
    if (at < this.#silentUntil) {
      return [];
    }
    this.#received = (this.#received + String.fromCharCode(...bytes)).slice(-RECEIVED_MAX);
    const parts = this.#received.split(FLAG);
    this.#received = parts.pop() ?? "";
    for (const part of parts) {
      this.#take(part.replaceAll("\u007d\u005e", FLAG).replaceAll("\u007d\u005d", "\u007d"), at);
    }
    return [];
  }

  #take(text: string, at: number): void {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const sum = bytes.slice(0, -1).reduce((total, byte) => total + byte, 0) % 256;
    if (bytes.length < 42 || sum !== bytes.at(-1) || bytes[0] !== bytes.length - 1) {
      return;
    }
    if (bytes[14] === 0 && bytes[40] === 1) {
      const seconds = (bytes[41] ?? 0) | ((bytes[42] ?? 0) << 8);
      this.#everyMs = seconds === 0 ? null : 1000 * Math.max(5, seconds);
      this.#valuesAt = at;
    } else if (bytes[14] === 1 && bytes[40] === 0) {
      const types = Array.from(bytes.subarray(44, 52));
      this.#waveTypes = types.includes(0xff) ? types.slice(0, types.indexOf(0xff)) : types;
      this.#waveAt = at + WAVE_MS;
      this.#firstWave = true;
    }
  }

  #values(at: number): Uint8Array {
    const seconds = Math.floor(at / 1000) + CLOCK_OFF_S;
    const classes = [
      classOf(0, seconds, this.#basic(at)),
      classOf(1, seconds, this.#ext1(at)),
      classOf(2, seconds, [{ at: 112, values: this.#off([52, 55, 0]) }]),
      classOf(3, seconds, [{ at: 92, values: this.#off([98]) }]),
    ];
    return recordFrame(
      0,
      classes.map((bytes) => ({ type: 1, bytes })),
      { seconds },
    );
  }

  /** With the sensors off, the modules are there and have no values. */
  #off(values: readonly number[]): (number | null)[] {
    return this.#faults.has("sensor-off") ? values.map(() => null) : [...values];
  }

  #basic(at: number): SimulatedGroup[] {
    const { pulse, spo2, breaths, temperature } = this.#patient.at(at);
    const rate = Math.round(pulse);
    const systolic = Math.round(100 * (95 + pulse / 3));
    const diastolic = Math.round(100 * (45 + pulse / 4));
    const mean = Math.round((systolic + 2 * diastolic) / 3);
    const breathing = Math.round(breaths);
    return [
      { at: 0, status: 0x0b, label: 0x0127, values: this.#off([rate, 12, -8, 5, breathing]) },
      { at: 16, label: 1, values: this.#off([systolic, diastolic, mean, rate]) },
      { at: 30, label: 2, values: this.#off([1100, 500, 800, rate]) },
      { at: 72, label: 0x08, values: this.#off([systolic - 400, diastolic, mean - 150, rate]) },
      { at: 86, label: 15, values: this.#off([Math.round(100 * temperature)]) },
      { at: 118, values: this.#off([100 * Math.round(spo2), rate, 215]) },
      { at: 132, label: 9, values: this.#off([512, 4, breathing, 7602]) },
      { at: 146, values: this.#off([4380, 4910]) },
      { at: 156, values: this.#off([0, 0]) },
      { at: 166, label: 6, values: this.#off([178, 203, 92]) },
      { at: 178, values: this.#off([breathing, 1820, 500, 1740, 4810, 4770, 5230, 620]) },
      { at: 226, bare: true, values: this.#off([rate, rate + 1, rate - 1]) },
    ];
  }

  #ext1(at: number): SimulatedGroup[] {
    const { pulse } = this.#patient.at(at);
    return [
      {
        at: 0,
        status: 0x0b,
        values: this.#off([Math.round(pulse), Math.round(60_000 / pulse), 0]),
      },
    ];
  }

  #waves(at: number): Uint8Array {
    const status =
      (this.#firstWave ? DATA_GAP : 0) | (this.#faults.has("sensor-off") ? LEAD_OFF : 0);
    this.#firstWave = false;
    const subrecords = this.#waveTypes.map((type): SimulatedSubrecord => {
      const perSecond = SAMPLES_PER_SECOND[type] ?? 25;
      const samples = Array.from({ length: perSecond }, (_, place) =>
        Math.round(2000 * this.#patient.at(at - WAVE_MS + (1000 * place) / perSecond).pleth),
      );
      return { type, bytes: waveBytes(samples, status) };
    });
    return recordFrame(1, subrecords, { seconds: Math.floor(at / 1000) + CLOCK_OFF_S });
  }

  #damaged(frame: Uint8Array): Uint8Array {
    this.#records += 1;
    return this.#faults.has("checksum") && this.#records % 2 === 0
      ? frame.with(60, (frame[60] ?? 0) ^ 0x01)
      : frame;
  }
}

const SAMPLES_PER_SECOND: Readonly<Record<number, number>> = {
  1: 300,
  4: 100,
  5: 100,
  8: 100,
};
