import type { SimulatedFault } from "../device.ts";
import { Patient } from "../physiology.ts";
import type { SimulatedStream, StreamSimulator } from "../simulator.ts";
import { randomOf } from "../simulator.ts";

/** A ventilator in A/C volume control that answers SNDF, SNDA and RSET. */
export const simulator: StreamSimulator = {
  model: "puritan-bennett-840",
  tickMs: 200,
  open: ({ seed }) => new Pb840Stream(seed),
};

/** A reply with padding, counts, STX and ETX. `texts` are by the field numbers of the manual. Also used for test captures. */
export function replyOf(kind: "MISCA" | "MISCF", texts: ReadonlyMap<number, string>): Uint8Array {
  const { last, widths } = LAYOUTS[kind];
  let body = "";
  for (let number = FIRST_FIELD; number <= last; number += 1) {
    body += `${(texts.get(number) ?? "").padEnd(widths[number] ?? USUAL_WIDTH)},`;
  }
  const count = String(last - FIRST_FIELD + 1).padEnd(kind === "MISCF" ? 4 : 2);
  const line = `${kind},${body.length},${count},\u0002${body}\u0003\r`;
  return Uint8Array.from(line, (character) => character.charCodeAt(0));
}

const FIRST_FIELD = 5;
const USUAL_WIDTH = 6;

interface Layout {
  readonly last: number;
  readonly widths: Readonly<Record<number, number>>;
}

/** The fields that are wider than six characters. */
const LAYOUTS: Readonly<Record<"MISCA" | "MISCF", Layout>> = {
  MISCA: { last: 101, widths: { 6: 18, 8: 12, 62: 12, 100: 9 } },
  MISCF: { last: 173, widths: { 6: 18, 7: 12, 8: 9, 50: 9, 53: 18, 55: 9, 66: 9 } },
};

const MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");
const START_UP_MS = 4000;
/** Room for a command that never ends. */
const HEARD_MAX = 64;
/** Where the reply that a fault damages loses a byte. */
const DAMAGED_PLACE = 500;
/** Fields of the patient's data in each reply; blank while the patient is disconnected. */
const FIRST_MONITORED = { MISCA: 34, MISCF: 69 } as const;

class Pb840Stream implements SimulatedStream {
  readonly #patient: Patient;
  readonly #random: () => number;
  readonly #faults = new Set<SimulatedFault>();
  readonly #id: string;
  #heard = "";
  #silentUntil = 0;
  #restart = false;
  #replies = 0;

  constructor(seed: number) {
    this.#patient = new Patient(seed);
    this.#random = randomOf(seed + 1);
    this.#id = `840 35${String(Math.floor(1e8 * this.#random())).padStart(8, "0")}`;
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
      this.#heard = "";
    }
    return [];
  }

  receive(bytes: Uint8Array, at: number): Uint8Array[] {
    const answers: Uint8Array[] = [];
    for (const byte of bytes) {
      if (byte === 0x0d) {
        answers.push(...this.#obey(this.#heard, at));
        this.#heard = "";
      } else {
        this.#heard = (this.#heard + String.fromCharCode(byte)).slice(-HEARD_MAX);
      }
    }
    return at < this.#silentUntil || this.#faults.has("silence") ? [] : answers;
  }

  #obey(command: string, at: number): Uint8Array[] {
    switch (command) {
      case "SNDF":
        return [this.#damaged(replyOf("MISCF", this.#fullReport(at)))];
      case "SNDA":
        return [this.#damaged(replyOf("MISCA", this.#shortReport(at)))];
      default:
        return [];
    }
  }

  #fullReport(at: number): Map<number, string> {
    const { date, time } = clockOf(at);
    const { rate, volume, minute, peak, mean } = this.#breathingAt(at);
    return this.#withoutPatient("MISCF", [
      [5, time],
      [6, this.#id],
      [7, date],
      ...SETTINGS,
      [69, peak.toFixed(1)],
      [70, rate.toFixed(1)],
      [71, volume.toFixed(3)],
      [72, minute.toFixed(3)],
      [73, peak.toFixed(1)],
      [74, mean.toFixed(1)],
      [75, "3.00"],
      [76, "1:3.00"],
      [77, "40"],
      [87, "5.2"],
      ...[90, 91, 92, 93, 94].map((number): [number, string] => [number, "0.0"]),
      [96, "42.0"],
      [97, "8.1"],
      [99, "62.0"],
      [100, "0.0"],
      [102, "0.0"],
      [103, "0.0"],
      [104, "0.000"],
      [105, "OFF"],
      ...Array.from({ length: 48 }, (_, place): [number, string] => [106 + place, "NORMAL"]),
    ]);
  }

  #shortReport(at: number): Map<number, string> {
    const { date, time } = clockOf(at);
    const { rate, volume, minute, peak, mean } = this.#breathingAt(at);
    return this.#withoutPatient("MISCA", [
      [5, time],
      [6, this.#id],
      [8, date],
      [9, "CMV"],
      [10, "14.0"],
      [11, "0.45"],
      [13, "40"],
      [15, "5.0"],
      [34, rate.toFixed(0)],
      [35, volume.toFixed(2)],
      [36, minute.toFixed(2)],
      [38, peak.toFixed(1)],
      [39, mean.toFixed(1)],
      [48, "NORMAL"],
      [60, time],
      [62, date],
      [101, "1:3.00"],
    ]);
  }

  #breathingAt(at: number): Record<"rate" | "volume" | "minute" | "peak" | "mean", number> {
    const { breaths } = this.#patient.at(at);
    const rate = Math.max(14, Math.round(breaths));
    const volume = 0.43 + 0.02 * Math.sin(at / 40_000);
    const peak = 21 + 2 * Math.sin(at / 60_000);
    return { rate, volume, minute: rate * volume, peak, mean: 0.4 * peak };
  }

  #withoutPatient(
    kind: "MISCA" | "MISCF",
    texts: readonly (readonly [number, string])[],
  ): Map<number, string> {
    const isOff = this.#faults.has("sensor-off");
    const isPatient = (number: number): boolean =>
      number >= FIRST_MONITORED[kind] && number <= 104 && number !== 60 && number !== 62;
    return new Map(texts.filter(([number]) => !isOff || !isPatient(number)));
  }

  /** The protocol has no checksum: a damaged reply has a byte less than it says. */
  #damaged(reply: Uint8Array): Uint8Array {
    this.#replies += 1;
    if (this.#faults.has("checksum") && this.#replies % 2 === 0) {
      return Uint8Array.from([...reply.slice(0, DAMAGED_PLACE), ...reply.slice(DAMAGED_PLACE + 1)]);
    }
    if (this.#faults.has("noise") && this.#random() < 0.5) {
      const noise = Array.from({ length: 6 }, () => 128 + Math.floor(128 * this.#random()));
      return Uint8Array.from([...noise, ...reply]);
    }
    return reply;
  }
}

/** What the ventilator is set to, by the field numbers of MISCF. */
const SETTINGS: readonly (readonly [number, string])[] = [
  [8, "INVASIVE"],
  [9, "A/C"],
  [10, "VC"],
  [12, "V-Trig"],
  [13, "14.0"],
  [14, "0.450"],
  [15, "55.0"],
  [16, "40"],
  [18, "5.0"],
  [19, "0.0"],
  [20, "20"],
  [27, "RAMP"],
  [28, "VC"],
  [32, "RAMP"],
  [33, "OFF"],
  [34, "40"],
  [44, "4.5"],
  [45, "3.0"],
  [53, "HME"],
  [55, "Enabled"],
  [56, "75"],
  [60, "70.0"],
  [66, "ADULT"],
];

function clockOf(at: number): { readonly date: string; readonly time: string } {
  const text = new Date(at).toISOString();
  const month = MONTHS[Number(text.slice(5, 7)) - 1] ?? "JAN";
  return { date: `${month} ${text.slice(8, 10)} ${text.slice(0, 4)}`, time: text.slice(11, 16) };
}
