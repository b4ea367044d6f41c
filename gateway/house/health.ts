import { numberAt, valueAt } from "../json-value.ts";

/** How a gateway is by what becomes of its data. */
export interface Health {
  /**
   * `stuck`: data stands still inside the gateway, which a new start may cure. `poor`: what devices deliver is not kept, which
   * a new start does not cure.
   */
  readonly state: "good" | "poor" | "stuck";
  /** One line for people. */
  readonly text: string;
  /** Milliseconds since it became `poor` or `stuck`; 0 when it is good. */
  readonly forMs: number;
}

/**
 * Judges a gateway by the age of its data and not by whether its processes live: what devices deliver must come to an end,
 * and some of it in the outbox or withheld on purpose. Silent devices are no illness of the gateway. Pure: reports in, health out.
 */
export class HealthMeter {
  readonly #ageMs: number;
  #report: unknown = null;
  #reportAt: number;
  #settled = NOTHING;
  #settledAt: number;
  /** How much had been taken when something was kept last. */
  #takenWhenKept = 0;
  #keptAt: number;
  #illSince: number | null = null;
  #health: Health = { state: "good", text: "starting", forMs: 0 };

  /** `ageMs`: how old the newest data may be; `now`: steady milliseconds, as in `look`. */
  constructor(ageMs: number, now: number) {
    this.#ageMs = ageMs;
    this.#reportAt = now;
    this.#settledAt = now;
    this.#keptAt = now;
  }

  get health(): Health {
    return this.#health;
  }

  /** Takes bedside's last report, the same object for as long as there is no newer one. */
  look(now: number, report: unknown): Health {
    if (report !== this.#report) {
      this.#report = report;
      this.#reportAt = now;
      this.#count(now, report);
    }
    const found = this.#judge(now, report);
    this.#illSince = found.state === "good" ? null : (this.#illSince ?? now);
    const forMs = this.#illSince === null ? 0 : now - this.#illSince;
    this.#health = { ...found, forMs };
    return this.#health;
  }

  #count(now: number, report: unknown): void {
    const settled = settledOf(report);
    // A bedside that was started anew counts from 0: any change is progress.
    const isSettling = settled.all !== this.#settled.all || numberAt(report, "held") === 0;
    if (settled.kept !== this.#settled.kept || settled.taken < this.#settled.taken) {
      this.#takenWhenKept = settled.taken;
      this.#keptAt = now;
    } else if (settled.taken === this.#takenWhenKept) {
      // Nothing came that could have been kept.
      this.#keptAt = now;
    }
    this.#settled = settled;
    this.#settledAt = isSettling ? now : this.#settledAt;
  }

  #judge(now: number, report: unknown): Omit<Health, "forMs"> {
    if (now - this.#reportAt > this.#ageMs) {
      const text = `nothing was heard of the devices' room for ${seconds(now - this.#reportAt)}`;
      return { state: "stuck", text };
    }
    const settledAge = now - this.#settledAt;
    if (settledAge > this.#ageMs) {
      const text = `${numberAt(report, "held")} takes wait and none came to an end for ${seconds(settledAge)}`;
      return { state: "stuck", text };
    }
    const keptAge = now - this.#keptAt;
    const devices = deliveringOf(report);
    if (keptAge > this.#ageMs && devices > 0) {
      const text = `${devices} devices deliver and nothing was kept for ${seconds(keptAge)}: look at the flow`;
      return { state: "poor", text };
    }
    const age = `newest data ${seconds(keptAge)} old`;
    const text = devices === 0 ? "no device delivers" : `${devices} devices deliver, ${age}`;
    return { state: "good", text };
  }
}

interface Settled {
  /** Items that came from devices. */
  readonly taken: number;
  /** Items that ended in any way. */
  readonly all: number;
  /** Items that are in the outbox or were withheld or refused for a stated reason. */
  readonly kept: number;
}

const NOTHING: Settled = { taken: 0, all: 0, kept: 0 };
/** Notices are the gateway's own. */
const CLASSES = ["vital", "trend", "wave"] as const;

function settledOf(report: unknown): Settled {
  const sum = (...fields: readonly string[]): number =>
    CLASSES.reduce(
      (total, name) =>
        fields.reduce((more, field) => more + numberAt(report, "classes", name, field), total),
      0,
    );
  const kept = sum("stored", "withheld", "refused");
  return { taken: sum("taken"), kept, all: kept + sum("dropped", "evicted") };
}

/** How many devices deliver frames now. */
function deliveringOf(report: unknown): number {
  const lines = Object.keys(valueAt(report, "lines") ?? {});
  return lines.filter((device) => numberAt(report, "lines", device, "rate") > 0).length;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
