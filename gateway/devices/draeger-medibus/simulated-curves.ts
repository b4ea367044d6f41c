import { hexByte } from "./bytes.ts";
import type { SimulatedCurve, SimulatedVentilator } from "./simulated-ventilator.ts";
import { CURVE_INTERVAL_US, CURVES, INSPIRATION } from "./simulated-ventilator.ts";

/** The realtime side of the simulated ventilator: which curves were selected and enabled, and the records that are due. */
export class SimulatedCurves {
  readonly #ventilator: SimulatedVentilator;
  #selected: readonly { readonly curve: SimulatedCurve; readonly multiplier: number }[] = [];
  #enabled = 0;
  #sync: number[] = [];
  #startAt = 0;
  #record = 0;

  constructor(ventilator: SimulatedVentilator) {
    this.#ventilator = ventilator;
  }

  stop(): void {
    this.#selected = [];
    this.#enabled = 0;
  }

  /** The argument of 54H: pairs of curve and multiplier, two hex digits each. */
  select(argument: string): void {
    this.stop();
    this.#selected = Array.from({ length: Math.floor(argument.length / 4) }, (_, pair) => ({
      curve: CURVES.find(({ code }) => code === hexByte(argument, 4 * pair)),
      multiplier: Math.max(1, hexByte(argument, 4 * pair + 2)),
    })).flatMap(({ curve, multiplier }) => (curve === undefined ? [] : [{ curve, multiplier }]));
  }

  /** A realtime byte from the other side: `D0 C1 Cx C0 C0` enables streams. */
  take(byte: number, at: number): void {
    this.#sync = byte >> 4 === 0x0d ? [byte] : [...this.#sync, byte].slice(0, SYNC_BYTES_MAX);
    const [sync, command, argument = 0, ...end] = this.#sync;
    if (sync === 0xd0 && command === 0xc1 && end.length === 2 && end.every((e) => e === 0xc0)) {
      const enabled = argument & 0x0f;
      if (this.#enabled === 0) {
        this.#startAt = at;
        this.#record = 0;
      }
      this.#enabled = enabled;
      this.#sync = [];
    }
  }

  /** Records due since the last time; of those that came late only the last second. */
  due(at: number, isConnected: boolean): Uint8Array[] {
    if (this.#enabled === 0) {
      return [];
    }
    const due = Math.floor((at - this.#startAt) / INTERVAL_MS);
    const records: Uint8Array[] = [];
    for (let number = Math.max(this.#record, due - LATE_MAX); number < due; number += 1) {
      const bytes = this.#recordAt(number, isConnected);
      if (bytes.length > 1) {
        records.push(Uint8Array.from(bytes));
      }
    }
    this.#record = Math.max(this.#record, due);
    return records;
  }

  #recordAt(number: number, isConnected: boolean): number[] {
    const at = this.#startAt + number * INTERVAL_MS;
    const values: number[] = [];
    let streams = 0;
    for (const [place, { curve, multiplier }] of this.#selected.entries()) {
      const isDue = (this.#enabled & (1 << place)) !== 0 && number % multiplier === 0;
      const value = isDue ? this.#ventilator.curve(curve.code, at, isConnected) : null;
      if (value !== null) {
        const { minimum, maximum, bins } = curve;
        const share = (value - minimum) / (maximum - minimum);
        const sample = Math.max(0, Math.min(bins, Math.round(share * bins)));
        streams |= 1 << place;
        values.push(0x80 | (sample & 0x3f), 0x80 | (sample >> 6));
      }
    }
    const breath = values.length === 0 ? [] : this.#breathAt(at);
    return [0xd0 | streams, ...breath, ...values];
  }

  /** The sync command that marks the start of inspiration or expiration. */
  #breathAt(at: number): number[] {
    const before = this.#ventilator.phase(at - INTERVAL_MS);
    const now = this.#ventilator.phase(at);
    if (now < before) {
      return [0xc6, 0xc0];
    }
    return before < INSPIRATION && now >= INSPIRATION ? [0xc6, 0xc1] : [];
  }
}

const INTERVAL_MS = CURVE_INTERVAL_US / 1000;
const LATE_MAX = Math.ceil(1000 / INTERVAL_MS);
const SYNC_BYTES_MAX = 16;
