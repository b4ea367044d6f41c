import type { DeliveryBaseline } from "../bundles/slot-state.ts";
import { numberAt, textAt, valueAt } from "../json-value.ts";

/**
 * Watches how devices deliver and what becomes of it, from bedside's reports. What is compared are frames a second of each
 * device, and the part of what was taken that the flow has stored or withheld on purpose.
 */
export class DeliveryMeter {
  readonly #windowMs: number;
  #boot = "";
  #samples: Sample[] = [];

  /** `windowMs`: how far back `baseline` looks at most. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Takes a report; `at` is steady time in milliseconds. Reports of another bedside begin anew. */
  add(at: number, stats: unknown): void {
    const boot = textAt(stats, "boot");
    if (boot !== this.#boot) {
      this.#boot = boot;
      this.#samples = [];
    }
    if (boot === "") {
      return;
    }
    const lines = Object.keys(valueAt(stats, "lines") ?? {});
    const sum = (field: string): number =>
      CLASSES.reduce((total, name) => total + numberAt(stats, "classes", name, field), 0);
    this.#samples = this.#samples.filter((sample) => at - sample.at < this.#windowMs);
    this.#samples.push({
      at,
      rates: new Map(lines.map((device) => [device, numberAt(stats, "lines", device, "rate")])),
      taken: sum("taken"),
      accepted: sum("stored") + sum("withheld"),
    });
  }

  /** How it was since `from` (steady milliseconds), or as far back as there is anything. */
  baseline(from: number = Number.NEGATIVE_INFINITY): DeliveryBaseline {
    const samples = this.#samples.filter(({ at }) => at >= from);
    const totals = new Map<string, number>();
    for (const { rates } of samples) {
      for (const [device, rate] of rates) {
        totals.set(device, (totals.get(device) ?? 0) + rate);
      }
    }
    const means = [...totals].map(([device, sum]) => [device, sum / samples.length] as const);
    const [first, last] = [samples[0], samples.at(-1)];
    const taken = (last?.taken ?? 0) - (first?.taken ?? 0);
    const accepted = (last?.accepted ?? 0) - (first?.accepted ?? 0);
    return {
      devices: Object.fromEntries(means.filter(([, rate]) => rate > 0)),
      accepted: taken > 0 ? Math.min(1, Math.max(0, accepted / taken)) : null,
    };
  }
}

/** Notices are the gateway's own. */
const CLASSES = ["vital", "trend", "wave"] as const;

interface Sample {
  readonly at: number;
  readonly rates: ReadonlyMap<string, number>;
  readonly taken: number;
  readonly accepted: number;
}
