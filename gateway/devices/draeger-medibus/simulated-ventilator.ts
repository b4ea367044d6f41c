import { Patient } from "../physiology.ts";
import { randomOf } from "../simulator.ts";
import { makeSwing } from "../swing.ts";
import { ETX, hexText } from "./bytes.ts";

/** A curve that the simulated ventilator offers: code, limits, and the bins of its range. */
export interface SimulatedCurve {
  readonly code: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly bins: number;
}

export const CURVES: readonly SimulatedCurve[] = [
  { code: 0x00, minimum: -10, maximum: 100, bins: 0x370 },
  { code: 0x01, minimum: -180, maximum: 180, bins: 0x708 },
  { code: 0x03, minimum: 0, maximum: 3000, bins: 0xbb8 },
  { code: 0x06, minimum: -20, maximum: 100, bins: 0x460 },
];
export const CURVE_INTERVAL_US = 16_000;

/** A ventilator with a lung, in volume controlled ventilation: its values hang together as on the bedside. Pure. */
export class SimulatedVentilator {
  readonly #patient: Patient;
  readonly #rate: number;
  readonly #peep: number;
  readonly #volumeMl: number;
  readonly #oxygen: number;
  readonly #isGerman: boolean;
  readonly #compliance: (seconds: number) => number;
  readonly #resistance: (seconds: number) => number;
  readonly #carbonDioxide: (seconds: number) => number;

  constructor(seed: number) {
    const random = randomOf(seed);
    const between = (low: number, high: number): number =>
      Math.round(low + (high - low) * random());
    this.#patient = new Patient(seed);
    this.#rate = between(10, 18);
    this.#peep = between(4, 9);
    this.#volumeMl = 10 * between(38, 60);
    this.#oxygen = 5 * between(5, 12);
    this.#isGerman = seed % 2 === 1;
    this.#compliance = makeSwing(seed, { low: 38, high: 62, periodS: 900 });
    this.#resistance = makeSwing(seed + 1, { low: 6, high: 13, periodS: 700 });
    this.#carbonDioxide = makeSwing(seed + 2, { low: 34, high: 44, periodS: 400 });
  }

  /** Share of the cycle that has passed, 0-1; inspiration is the first third. */
  phase(at: number): number {
    return ((at * this.#rate) / 60_000) % 1;
  }

  /** Records of codepage 1; what needs a patient is left out without one. */
  measured(at: number, isConnected: boolean): string {
    const { spo2, pulse } = this.#patient.at(at);
    const { compliance, resistance, peak, plateau } = this.#mechanics(at);
    const always = [field(0xf0, this.#oxygen, 3, " "), field(0xb5, 0, 3, " ")];
    const patient = [
      record(0x06, compliance.toFixed(1)),
      record(0x0b, resistance.toFixed(1).padStart(4)),
      field(0x71, this.#peep - 1, 3, " "),
      field(0x73, this.#peep + (plateau - this.#peep) / 3, 3, " "),
      field(0x74, plateau, 3, " "),
      field(0x78, this.#peep, 3, " "),
      field(0x7d, peak, 3, " "),
      field(0x88, this.#volumeMl, 4, ""),
      record(0xb9, ((this.#volumeMl * this.#rate) / 1000).toFixed(1).padStart(4)),
      field(0xc1, 34 + Math.sin(at / 1e6), 3, " "),
      field(0xd6, this.#rate, 3, " "),
      field(0xe1, pulse, 3, " "),
      field(0xe6, this.#carbonDioxide(at / 1000), 3, " "),
      field(0xeb, spo2, 3, " "),
    ];
    return [...(isConnected ? patient : []), ...always].join("");
  }

  limits(isHigh: boolean): string {
    return isHigh
      ? [record(0xb9, "14.0"), field(0xd6, 30, 3, " "), field(0x7d, 40, 3, " ")].join("")
      : record(0xb9, " 3.5");
  }

  settings(): string {
    const inspirationS = 60 / this.#rate / 3;
    return [
      record(0x01, `${String(this.#oxygen).padStart(4)} `),
      record(0x04, (this.#volumeMl / 1000).toFixed(3)),
      record(0x05, inspirationS.toFixed(2).padStart(5)),
      record(0x07, "  1.0"),
      record(0x08, "  2.0"),
      record(0x09, this.#rate.toFixed(1).padStart(5)),
      record(0x0b, this.#peep.toFixed(1).padStart(5)),
      record(0x11, "  20 "),
      record(0x13, " 40.0"),
      record(0x2e, " 0.20"),
    ].join("");
  }

  texts(): string {
    return [
      [0x01, "Mode IPPV"],
      [0x20, "Mode Adults"],
      [0x22, "mmHg"],
    ]
      .map(([code, text]) => {
        const length = String.fromCharCode(0x30 + String(text).length);
        return `${hexText(Number(code))}${length}${text}${String.fromCharCode(ETX)}`;
      })
      .join("");
  }

  /** The device's clock: months in German, as the definition has them, or in English, as newer devices do. */
  clock(at: number): string {
    const time = new Date(at).toISOString();
    const months = this.#isGerman
      ? "JAN FEB MAR APR MAI JUN JUL AUG SEP OKT NOV DEZ"
      : "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC";
    const month = months.split(" ")[Number(time.slice(5, 7)) - 1] ?? "";
    return `${time.slice(11, 19)}${time.slice(8, 10)}-${month}-${time.slice(2, 4)}`;
  }

  /** A value of a curve in its own unit; null where there is none. */
  curve(code: number, at: number, isConnected: boolean): number | null {
    const phase = this.phase(at);
    const { peak, plateau, compliance, resistance } = this.#mechanics(at);
    const inspired = Math.min(1, 3 * phase);
    const expired = Math.max(0, (3 * phase - 1) / 2);
    const isInspiration = phase < INSPIRATION;
    // A lung empties with the time constant compliance * resistance.
    const left = Math.exp((-expired * 40) / this.#rate / ((compliance * resistance) / 1000));
    switch (code) {
      case 0x00:
        return isInspiration
          ? this.#peep + (peak - this.#peep) * inspired ** 0.4
          : this.#peep + (plateau - this.#peep) * left;
      case 0x01:
        return isInspiration ? (this.#volumeMl * 3 * this.#rate) / 1000 : -60 * left;
      case 0x03:
        return isInspiration ? this.#volumeMl * inspired : this.#volumeMl * left;
      default:
        if (!isConnected) {
          return null;
        }
        return isInspiration ? 0 : this.#carbonDioxide(at / 1000) * Math.min(1, 6 * expired);
    }
  }

  #mechanics(at: number): {
    readonly compliance: number;
    readonly resistance: number;
    readonly peak: number;
    readonly plateau: number;
  } {
    const compliance = this.#compliance(at / 1000);
    const resistance = this.#resistance(at / 1000);
    const plateau = this.#peep + this.#volumeMl / compliance;
    const flow = (this.#volumeMl * 3 * this.#rate) / 60_000;
    return { compliance, resistance, plateau, peak: plateau + resistance * flow };
  }
}

/** Share of a breath that is inspiration: I:E is 1:2. */
export const INSPIRATION = 1 / 3;

function record(code: number, text: string): string {
  return hexText(code) + text;
}

/** A whole number of so many digits, zeros before it as spaces. */
function field(code: number, value: number, digits: number, after: string): string {
  return record(code, String(Math.round(value)).padStart(digits) + after);
}
