import type { Conduct, DeviceConduct } from "../conduct.ts";
import type { Clock } from "./clock.ts";

export interface ConductReportsOptions {
  readonly boot: string;
  readonly clock: Clock;
  readonly devices: () => DeviceConduct[];
}

/** How devices behave, now and then, for the keeper. */
export class ConductReports {
  readonly #options: ConductReportsOptions;
  #looks = 0;
  #clockSteps = 0;

  constructor(options: ConductReportsOptions) {
    this.#options = options;
    options.clock.onStep(() => {
      this.#clockSteps += 1;
    });
  }

  /** To be called every second; gives a report every ten, else null. */
  look(): Conduct | null {
    const { boot, clock, devices } = this.#options;
    this.#looks += 1;
    if (this.#looks % LOOKS !== 0) {
      return null;
    }
    return {
      boot,
      steadyMs: Math.floor(clock.steady()),
      clockSteps: this.#clockSteps,
      isClockGood: clock.quality() === "synchronised",
      devices: devices(),
    };
  }
}

const LOOKS = 10;
