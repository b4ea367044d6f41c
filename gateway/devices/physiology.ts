import { randomOf } from "./simulator.ts";

/** What a simulated patient shows at one instant. */
export interface Vitals {
  /** Percent, 85-100. */
  readonly spo2: number;
  /** Beats a minute, 50-120. */
  readonly pulse: number;
  /** Breaths a minute, 10-24. */
  readonly breaths: number;
  /** Percent, 0.3-12. */
  readonly perfusion: number;
  /** Degrees Celsius, 36-38.5. */
  readonly temperature: number;
  /** Plethysmogram, 0-1. */
  readonly pleth: number;
}

/**
 * A simulated patient. All values are smooth functions of time and seed, so that any simulator may look at any instant in any
 * order, and they hang together: a faster pulse goes with lower perfusion and faster breathing, breathing sways pulse and
 * plethysmogram, and now and then the saturation dips for a minute.
 */
export class Patient {
  readonly #pulseBase: number;
  readonly #spo2Base: number;
  readonly #temperatureBase: number;
  readonly #breathsBase: number;
  readonly #waves: readonly Wave[];
  readonly #dip: Wave;

  constructor(seed: number) {
    const random = randomOf(seed);
    const between = (low: number, high: number): number => low + (high - low) * random();
    this.#pulseBase = between(62, 95);
    this.#spo2Base = between(95, 98.5);
    this.#temperatureBase = between(36.4, 37.6);
    this.#breathsBase = between(12, 18);
    this.#waves = [
      { size: between(2, 5), periodMs: between(70_000, 110_000), phase: random() },
      { size: between(1, 3), periodMs: between(21_000, 34_000), phase: random() },
      { size: between(4, 8), periodMs: between(500_000, 900_000), phase: random() },
    ];
    this.#dip = { size: between(2, 6), periodMs: between(240_000, 420_000), phase: random() };
  }

  /** `at` is epoch milliseconds. */
  at(at: number): Vitals {
    const stress = this.#sway(at);
    const breathPhase = (at / 60_000) * this.#breathsBase;
    const breathing = Math.sin(TURN * (breathPhase % 1));
    const pulse = this.#pulseBase + stress + 1.5 * breathing;
    return {
      pulse,
      spo2: Math.min(100, this.#spo2Base + 0.3 * breathing - this.#dipAt(at)),
      breaths: this.#breathsBase + stress / 4,
      perfusion: Math.max(0.3, 4 - stress / 5 + 0.2 * breathing),
      temperature: this.#temperatureBase + stress / 60,
      pleth: plethOf(this.#beatPhase(at)) * (0.92 + 0.08 * breathing),
    };
  }

  #sway(at: number): number {
    let sum = 0;
    for (const { size, periodMs, phase } of this.#waves) {
      sum += size * Math.sin(TURN * (((at / periodMs) % 1) + phase));
    }
    return sum;
  }

  /** Zero for most of the time, then a smooth dip. */
  #dipAt(at: number): number {
    const { size, periodMs, phase } = this.#dip;
    const depth = Math.sin(TURN * (((at / periodMs) % 1) + phase));
    return depth < 0.8 ? 0 : (size * (depth - 0.8)) / 0.2;
  }

  /** Beats since the epoch, modulo 1: the integral of the pulse rate, so that beats stay whole when the rate changes. */
  #beatPhase(at: number): number {
    let beats = (at / 60_000) * this.#pulseBase;
    for (const { size, periodMs, phase } of this.#waves) {
      const turn = TURN * (((at / periodMs) % 1) + phase);
      beats -= ((size * periodMs) / (60_000 * TURN)) * Math.cos(turn);
    }
    return ((beats % 1) + 1) % 1;
  }
}

interface Wave {
  readonly size: number;
  readonly periodMs: number;
  readonly phase: number;
}

const TURN = 2 * Math.PI;

/** One beat: a steep upstroke, a slow fall and the dicrotic notch. */
function plethOf(phase: number): number {
  const systole = Math.exp(-(((phase - 0.18) / 0.09) ** 2));
  const fall = Math.exp(-(((phase - 0.34) / 0.14) ** 2));
  const second = Math.exp(-(((phase - 0.52) / 0.1) ** 2));
  return 0.08 + 0.78 * Math.min(1, systole + 0.55 * fall + 0.35 * second);
}
