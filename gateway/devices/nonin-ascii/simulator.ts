import type { SimulatedFault } from "../device.ts";
import { Patient } from "../physiology.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";

/** Speaks as a Nonin 9847 does: a heading when switched on, then one line a second with the time before it. */
export const simulator: StreamSimulator = {
  model: "nonin-ascii",
  tickMs: 200,
  open: ({ seed }) => new NoninAsciiStream(seed),
};

const LINE_MS = 1000;
const START_UP_MS = 4000;

class NoninAsciiStream implements SimulatedStream {
  readonly #patient: Patient;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #clockOffMs: number;
  #nextAt: number | null = null;
  #restart = false;
  #hasHeading = false;
  #lines = 0;

  constructor(seed: number) {
    this.#patient = new Patient(seed);
    this.#random = randomOf(seed + 1);
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
      this.#hasHeading = false;
      this.#nextAt = at + START_UP_MS;
    }
    this.#nextAt ??= at;
    if (at < this.#nextAt) {
      return [];
    }
    const dueAt = this.#nextAt;
    this.#nextAt = Math.max(dueAt + LINE_MS, at - LINE_MS);
    const pieces = [...this.#heading(dueAt), this.#damaged(this.#lineAt(dueAt))];
    return this.#faults.has("silence") ? [] : pieces;
  }

  /** No manual prints the heading; this one is made up. */
  #heading(at: number): Uint8Array[] {
    const time = new Date(at + this.#clockOffMs).toISOString();
    const text = `MODEL 9847 ${time.slice(5, 7)}/${time.slice(8, 10)}/${time.slice(2, 4)} ${time.slice(11, 19)}`;
    const pieces = this.#hasHeading ? [] : [bytesOf(text)];
    this.#hasHeading = true;
    return pieces;
  }

  #lineAt(at: number): Uint8Array {
    const off = this.#faults.has("sensor-off");
    const { spo2, pulse } = this.#patient.at(at);
    const time = new Date(at + this.#clockOffMs).toISOString().slice(11, 19);
    return bytesOf(`${time} SPO2=${off ? "---" : digits(spo2)} HR=${off ? "---" : digits(pulse)}`);
  }

  /** The protocol has no checksum: a damaged line has a byte that is no text. */
  #damaged(line: Uint8Array): Uint8Array {
    this.#lines += 1;
    if (this.#faults.has("checksum") && this.#lines % 2 === 0) {
      return line.with(14, (line[14] ?? 0) | 0x80);
    }
    if (this.#faults.has("noise") && this.#random() < 0.5) {
      const noise = Array.from({ length: 6 }, () => 128 + Math.floor(128 * this.#random()));
      return Uint8Array.from([...noise, ...line]);
    }
    return line;
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(`${text}\r\n`, (character) => character.charCodeAt(0));
}

function digits(value: number): string {
  return String(Math.round(value)).padStart(3, "0");
}
