import type { SimulatedFault } from "../device.ts";
import { Patient } from "../physiology.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";

/** Speaks ASCII 1 as a Rad-8 does: one line a second, from a device whose clock is a little wrong. */
export const simulator: StreamSimulator = {
  model: "masimo-ascii1",
  tickMs: 200,
  open: ({ seed }) => new MasimoStream(seed),
};

const LINE_MS = 1000;
const START_UP_MS = 4000;
/** Masimo SET is active; and the same with the sensor off. */
const EXC_NORMAL = "000800";
const EXC_SENSOR_OFF = "000820";

class MasimoStream implements SimulatedStream {
  readonly #patient: Patient;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #serial: string;
  readonly #clockOffMs: number;
  #nextAt: number | null = null;
  #restart = false;
  #lines = 0;

  constructor(seed: number) {
    this.#patient = new Patient(seed);
    this.#random = randomOf(seed + 1);
    this.#serial = String(Math.floor(1e6 * this.#random())).padStart(10, "0");
    this.#clockOffMs = Math.round(120_000 * (this.#random() - 0.5));
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
    this.#nextAt = Math.max(dueAt + LINE_MS, at - LINE_MS);
    return this.#faults.has("silence") ? [] : [this.#damaged(this.#lineAt(dueAt))];
  }

  #lineAt(at: number): Uint8Array {
    const off = this.#faults.has("sensor-off");
    const { spo2, pulse, perfusion } = this.#patient.at(at);
    const time = new Date(at + this.#clockOffMs).toISOString();
    const [year, month, day] = [time.slice(2, 4), time.slice(5, 7), time.slice(8, 10)];
    const fields = [
      `${month}/${day}/${year}`,
      time.slice(11, 19),
      `SN=${this.#serial}`,
      `SPO2=${off ? "---" : digits(spo2, 3)}%`,
      `BPM=${off ? "---" : digits(pulse, 3)}`,
      `PI=${off ? "--.--" : perfusion.toFixed(2).padStart(5, "0")}%`,
      "SPCO=--.-%",
      "SPMET=--.-%",
      "DESAT=--",
      "PIDELTA=+--",
      "ALARM=0000",
      `EXC=${off ? EXC_SENSOR_OFF : EXC_NORMAL}`,
    ];
    return Uint8Array.from(`${fields.join(" ")}\r\n`, (character) => character.charCodeAt(0));
  }

  /** The protocol has no checksum: a damaged line has a byte that is no text. */
  #damaged(line: Uint8Array): Uint8Array {
    this.#lines += 1;
    if (this.#faults.has("checksum") && this.#lines % 2 === 0) {
      return line.with(40, (line[40] ?? 0) | 0x80);
    }
    if (this.#faults.has("noise") && this.#random() < 0.5) {
      const noise = Array.from({ length: 6 }, () => 128 + Math.floor(128 * this.#random()));
      return Uint8Array.from([...noise, ...line]);
    }
    return line;
  }
}

function digits(value: number, width: number): string {
  return String(Math.round(value)).padStart(width, "0");
}
