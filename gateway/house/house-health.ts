import type { Settings } from "../settings.ts";
import { HealthMeter, type Health } from "./health.ts";
import type { House } from "./house.ts";

/**
 * Looks at a running house every second, and says when it is past help from inside: then the process ends, and whatever
 * started it starts it anew. (Nothing on the box acts on a HEALTHCHECK; it only shows it.)
 */
export class HouseHealth {
  readonly #meter: HealthMeter;
  readonly #timer: NodeJS.Timeout;
  /** Resolved with why, once, when the house was stuck for longer than `healthExitS`. */
  readonly givenUp: Promise<string>;

  constructor(
    house: Pick<House, "stats">,
    { healthAgeS, healthExitS }: Pick<Settings, "healthAgeS" | "healthExitS">,
    lookMs: number = LOOK_MS,
  ) {
    this.#meter = new HealthMeter(healthAgeS * 1000, performance.now());
    const { promise, resolve } = Promise.withResolvers<string>();
    this.givenUp = promise;
    this.#timer = setInterval(() => {
      const { state, text, forMs } = this.#meter.look(performance.now(), house.stats("bedside"));
      if (state === "stuck" && healthExitS > 0 && forMs >= healthExitS * 1000) {
        resolve(text);
      }
    }, lookMs);
    this.#timer.unref();
  }

  get health(): Health {
    return this.#meter.health;
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

const LOOK_MS = 1000;
