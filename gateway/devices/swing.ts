/** A slowly moving value between two limits that is the same for the same seed: for simulated rooms and machines. */
export interface Swing {
  readonly low: number;
  readonly high: number;
  /** One full movement up and down takes about this long (seconds). */
  readonly periodS: number;
}

/** Gives the value of a swing at a moment (seconds since the device was switched on). */
export function makeSwing(
  seed: number,
  { low, high, periodS }: Swing,
): (seconds: number) => number {
  const phase = (Math.abs(Math.sin(seed * 12.9898 + periodS)) * 43_758.5453) % 1;
  return (seconds) => {
    const slow = Math.sin(2 * Math.PI * (seconds / periodS + phase));
    const fast = Math.sin(2 * Math.PI * ((seconds * GOLDEN) / (periodS / 7) + phase));
    return low + ((high - low) * (1 + 0.8 * slow + 0.2 * fast)) / 2;
  };
}

const GOLDEN = 1.618_034;
