import type { SimulatedFault } from "../device.ts";
import { Patient } from "../physiology.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";

/** Speaks as an N-595 does: pages of a heading and 25 rows, one every two seconds. */
export const simulator: StreamSimulator = {
  model: "nellcor-n595",
  tickMs: 200,
  open: ({ seed }) => new NellcorStream(seed),
};

const ROW_MS = 2000;
const PAGE_ROWS = 25;
const START_UP_MS = 5000;
const SPO2_LOW = 90;
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const HEADING = [
  "N-595    VERSION 1.70.00    CRC:XXXX  SpO2 Limit: 90-100%    PR Limit: 50-120BPM",
  "                             ADULT           0SAT-S      SPO2 RESP MODE: NORMAL",
  "TIME                 %SPO2   BPM     PA     Status",
];

class NellcorStream implements SimulatedStream {
  readonly #patient: Patient;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #clockOffMs: number;
  #nextAt: number | null = null;
  #restart = false;
  #rows = 0;

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
      this.#rows = 0;
      this.#nextAt = at + START_UP_MS;
    }
    this.#nextAt ??= at;
    if (at < this.#nextAt) {
      return [];
    }
    const dueAt = this.#nextAt;
    this.#nextAt = Math.max(dueAt + ROW_MS, at - ROW_MS);
    const heading = this.#rows % PAGE_ROWS === 0 ? HEADING.map(bytesOf) : [];
    this.#rows += 1;
    const pieces = [...heading, this.#damaged(bytesOf(this.#rowAt(dueAt)))];
    return this.#faults.has("silence") ? [] : pieces;
  }

  #rowAt(at: number): string {
    const time = new Date(at + this.#clockOffMs).toISOString();
    const month = MONTHS[Number(time.slice(5, 7)) - 1];
    const stamp = `${time.slice(8, 10)}-${month}-${time.slice(2, 4)} ${time.slice(11, 19)}`;
    if (this.#faults.has("sensor-off")) {
      return `${stamp}   ---     ---     ---    SO`;
    }
    const { spo2, pulse, perfusion } = this.#patient.at(at);
    const isLow = Math.round(spo2) < SPO2_LOW;
    const cells = `${digits(spo2)}${isLow ? "*" : " "}    ${digits(pulse)}     ${digits(20 * perfusion)}`;
    return `${stamp}   ${cells}    ${isLow ? "SL" : ""}`;
  }

  /** The protocol has no checksum: a damaged row has a byte that is no text. */
  #damaged(row: Uint8Array): Uint8Array {
    if (this.#faults.has("checksum") && this.#rows % 2 === 0) {
      return row.with(22, (row[22] ?? 0) | 0x80);
    }
    if (this.#faults.has("noise") && this.#random() < 0.5) {
      const noise = Array.from({ length: 6 }, () => 128 + Math.floor(128 * this.#random()));
      return Uint8Array.from([...noise, ...row]);
    }
    return row;
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(`${text}\r\n`, (character) => character.charCodeAt(0));
}

function digits(value: number): string {
  return String(Math.round(value)).padStart(3, " ");
}
