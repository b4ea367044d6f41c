import type { SimulatedFault } from "../device.ts";
import { Patient } from "../physiology.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";

/** A monitor that sends the lines of protocols/example-monitor.json, which is what the driver expects by default: one a second. */
export const simulator: StreamSimulator = {
  model: "generic-line",
  tickMs: 200,
  open: ({ seed }) => new ExampleStream(seed),
};

const LINE_MS = 1000;
const START_UP_MS = 3000;
/** A battery lasts about this long. */
const BATTERY_MS = 8 * 3_600_000;

class ExampleStream implements SimulatedStream {
  readonly #patient: Patient;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #serial: string;
  #nextAt: number | null = null;
  #restart = false;
  #isStarting = false;
  #lines = 0;

  constructor(seed: number) {
    this.#patient = new Patient(seed);
    this.#random = randomOf(seed + 1);
    this.#serial = `A${String(Math.floor(1e5 * this.#random())).padStart(5, "0")}`;
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
      this.#isStarting = true;
      this.#nextAt = at + START_UP_MS;
    }
    this.#nextAt ??= at;
    if (at < this.#nextAt) {
      return [];
    }
    const dueAt = this.#nextAt;
    this.#nextAt = Math.max(dueAt + LINE_MS, at - LINE_MS);
    const start = this.#isStarting ? [bytesOf(framed("BOOT,2.10"))] : [];
    this.#isStarting = false;
    return this.#faults.has("silence") ? [] : [...start, this.#damaged(this.#lineAt(dueAt))];
  }

  #lineAt(at: number): Uint8Array {
    const { temperature, pulse } = this.#patient.at(at);
    const isOff = this.#faults.has("sensor-off");
    const battery = 100 - Math.floor((100 * (at % BATTERY_MS)) / BATTERY_MS);
    const fields = [
      "MON",
      isOff ? "---.-" : temperature.toFixed(1).padStart(5, "0"),
      isOff ? "---" : String(Math.round(pulse)).padStart(3, "0"),
      String(battery).padStart(3, "0"),
      "N",
      this.#serial,
    ];
    return bytesOf(framed(fields.join(",")));
  }

  #damaged(line: Uint8Array): Uint8Array {
    this.#lines += 1;
    if (this.#faults.has("checksum") && this.#lines % 2 === 0) {
      return line.with(7, (line[7] ?? 0) ^ 1);
    }
    if (this.#faults.has("noise") && this.#random() < 0.5) {
      const place = this.#random() < 0.5 ? 0 : Math.floor(line.length * this.#random());
      const noise = Array.from({ length: 6 }, () => Math.floor(256 * this.#random()));
      return Uint8Array.from([...line.subarray(0, place), ...noise, ...line.subarray(place)]);
    }
    return line;
  }
}

/** Start character, text, and the exclusive-or of all characters of the text in two hex digits. */
function framed(text: string): string {
  const sum = bytesOf(text).reduce((before, code) => before ^ code, 0);
  return `$${text}*${sum.toString(16).toUpperCase().padStart(2, "0")}\r\n`;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
