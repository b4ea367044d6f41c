import type { SimulatedFault } from "../device.ts";
import { Patient } from "../physiology.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";

/** Speaks Ansar B as a 450C does: one message a second, P1 connected, P2, CO2 and temperatures not. */
export const simulator: StreamSimulator = {
  model: "ivy-450c",
  tickMs: 200,
  open: ({ seed }) => new IvyStream(seed),
};

/** One message: waveforms and text lines as they are. Also used for test captures. */
export function messageOf(waves: Uint8Array, lines: readonly string[]): Uint8Array {
  const text = lines.map((line) => `${line}\r`).join("");
  return Uint8Array.from([0xff, ...bytesOf("ANSAR-B "), ...waves, ...bytesOf(text), 0xfe]);
}

const MESSAGE_MS = 1000;
const START_UP_MS = 4000;
const WAVE_BYTES = 400;
/** Samples of a waveform are clipped here; one more means "no transducer". */
const SAMPLE_MAX = 250;
const NO_TRANSDUCER = 251;
/** Where the message that a fault damages is hit: in its text. */
const DAMAGED_PLACE = 420;

class IvyStream implements SimulatedStream {
  readonly #patient: Patient;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  #nextAt: number | null = null;
  #restart = false;
  #messages = 0;

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
      this.#nextAt = at + START_UP_MS;
    }
    this.#nextAt ??= at;
    if (at < this.#nextAt) {
      return [];
    }
    const dueAt = this.#nextAt;
    this.#nextAt = Math.max(dueAt + MESSAGE_MS, at - MESSAGE_MS);
    return this.#faults.has("silence") ? [] : [this.#damaged(this.#messageAt(dueAt))];
  }

  #messageAt(at: number): Uint8Array {
    const off = this.#faults.has("sensor-off");
    const { spo2, pulse, breaths } = this.#patient.at(at);
    const rate = Math.round(pulse);
    const [systolic, diastolic] = [Math.round(90 + pulse / 3), Math.round(52 + pulse / 4)];
    const mean = Math.round((systolic + 2 * diastolic) / 3);
    const lines = [
      `HR=1;${off ? "" : rate};ECG-II-DIAG;`,
      `RR=1;${off ? "" : Math.round(breaths)};APNEA: 20 SEC;`,
      "ETCO2=1;;;",
      `SPO2=1;${off ? "" : Math.round(spo2)};PR=${(off ? "" : String(rate)).padEnd(3)};`,
      `NIBP=4;${systolic + 4};${diastolic + 2};${mean + 3};${rate};;`,
      `P1=3;${systolic};${diastolic};${mean};;`,
      "P2=3;;;;NO TRANSDUCER;",
      "T1=1;;;",
      "T2=1;;;",
    ];
    return messageOf(this.#wavesUntil(at, off, systolic, diastolic), lines);
  }

  #wavesUntil(at: number, off: boolean, systolic: number, diastolic: number): Uint8Array {
    const waves = new Uint8Array(WAVE_BYTES).fill(NO_TRANSDUCER);
    const put = (from: number, to: number, sampleAt: (at: number) => number): void => {
      for (let place = from; place < to; place += 1) {
        const sample = sampleAt(at - MESSAGE_MS + ((place - from) * MESSAGE_MS) / (to - from));
        waves[place] = Math.min(SAMPLE_MAX, Math.max(0, Math.round(sample)));
      }
    };
    const pleth = (when: number): number => this.#patient.at(when).pleth;
    put(0, 200, (when) => (off ? 120 : 120 + 110 * spikeOf(pleth(when), pleth(when + 20))));
    put(200, 250, (when) => (off ? 0 : 125 + 120 * Math.sin(this.#breathTurn(when))));
    put(250, 300, (when) => (off ? 86 : 117 + 36 * pleth(when)));
    put(300, 350, (when) => diastolic + (systolic - diastolic) * pleth(when));
    return waves;
  }

  #breathTurn(at: number): number {
    return (2 * Math.PI * ((at / 60_000) * 15)) % (2 * Math.PI);
  }

  /** The protocol has no checksum: a damaged message has a byte in its text that is none. */
  #damaged(message: Uint8Array): Uint8Array {
    this.#messages += 1;
    if (this.#faults.has("checksum") && this.#messages % 2 === 0) {
      return message.with(DAMAGED_PLACE, (message[DAMAGED_PLACE] ?? 0) | 0x80);
    }
    if (this.#faults.has("noise") && this.#random() < 0.5) {
      const noise = Array.from({ length: 6 }, () => 128 + Math.floor(100 * this.#random()));
      return Uint8Array.from([...noise, ...message]);
    }
    return message;
  }
}

/** A spike where the pulse rises fast. */
function spikeOf(before: number, after: number): number {
  return Math.max(0, 8 * (after - before) - 0.2);
}

function bytesOf(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}
