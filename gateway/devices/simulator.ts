import type { SimulatedFault } from "./device.ts";

/**
 * A simulated stream device: pure, like the drivers. It knows no line and no clock; the same seed and the same times give
 * the same bytes.
 */
export interface StreamSimulator {
  readonly model: string;
  /** How often `tick` is to be called (milliseconds). */
  readonly tickMs: number;
  open(options: { readonly seed: number }): SimulatedStream;
}

export interface SimulatedStream {
  /** The bytes due since the last tick, in the pieces the device would send them. `at` is epoch milliseconds. */
  tick(at: number): Uint8Array[];
  /** Takes what the gateway sent, cut anywhere, and returns what the device answers at once. Only for devices that are asked. */
  receive?(bytes: Uint8Array, at: number): Uint8Array[];
  /**
   * `silence` sends nothing; `noise` puts random bytes between and into frames; `checksum` damages every second frame in a way the protocol can
   * see; `sensor-off` is what the device sends without a patient; `restart`, when switched on, is one start-up pause.
   */
  fault(name: SimulatedFault, on: boolean): void;
}

/** Reproducible random numbers in [0, 1), for simulations only. */
export function randomOf(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
