/** What simulated cabinets have in common: a door that is opened now and then, and displays that count in steps. */
export function isDoorOpen(seconds: number, seed: number): boolean {
  return (seconds + 7 * seed) % DOOR_PERIOD_S > DOOR_PERIOD_S - DOOR_OPEN_S;
}

/** The value as the device shows it, which counts in steps. */
export function inSteps(value: number, step: number): number {
  return Math.round(value / step) / Math.round(1 / step);
}

const DOOR_PERIOD_S = 45;
const DOOR_OPEN_S = 6;
