import type { DeliveryBaseline } from "../bundles/slot-state.ts";

/** How a bundle on trial is judged. */
export interface GateLimits {
  /** It is rolled back when it is not good after this long (milliseconds). */
  readonly withinMs: number;
  /** It must have been good for this long (milliseconds). */
  readonly steadyMs: number;
  /** Rate that must be reached again, in percent of what was before. */
  readonly ratePercent: number;
}

/** How things are with the bundle on trial. */
export interface GateFacts {
  /** Since it began to run (milliseconds). */
  readonly elapsedMs: number;
  /** Before it ran, or null when nothing did. */
  readonly before: DeliveryBaseline | null;
  /** Devices that its flow reads: what it no longer reads, it need not deliver. */
  readonly wanted: ReadonlySet<string>;
  /** Since it began to run. */
  readonly since: DeliveryBaseline;
  /** Over the last `steadyMs`. */
  readonly lately: DeliveryBaseline;
  /** A room that has ended since then, or null. */
  readonly crashed: string | null;
}

export type Verdict =
  | { readonly state: "good" | "waiting" }
  | { readonly state: "bad"; readonly why: string };

/** Whether a bundle on trial is kept: pure, so that it can be tried with every course of things. */
export function judgeTrial(facts: GateFacts, limits: GateLimits): Verdict {
  if (facts.crashed !== null) {
    return { state: "bad", why: `the ${facts.crashed} ended` };
  }
  const problem = deliveryProblem(facts, limits.ratePercent / 100);
  if (problem === null && facts.elapsedMs >= limits.steadyMs) {
    return { state: "good" };
  }
  if (facts.elapsedMs >= limits.withinMs) {
    return { state: "bad", why: problem ?? "it was not good for long enough" };
  }
  return { state: "waiting" };
}

const NAMES_MAX = 5;

function deliveryProblem(
  { before, wanted, since, lately }: GateFacts,
  part: number,
): string | null {
  if (before === null) {
    return null;
  }
  const expected = Object.entries(before.devices).filter(([device]) => wanted.has(device));
  const silent = expected.filter(([device]) => !((since.devices[device] ?? 0) > 0));
  if (silent.length > 0) {
    const names = silent.slice(0, NAMES_MAX).map(([device]) => device);
    return `${silent.length} of ${expected.length} devices do not deliver any more (${names.join(", ")})`;
  }
  const rateBefore = expected.reduce((sum, [, rate]) => sum + rate, 0);
  const rateNow = expected.reduce((sum, [device]) => sum + (lately.devices[device] ?? 0), 0);
  if (rateNow < rateBefore * part) {
    return `devices deliver ${rateNow.toFixed(1)} frames a second, and it was ${rateBefore.toFixed(1)} before`;
  }
  if (expected.length > 0 && before.accepted !== null) {
    const now = lately.accepted ?? 0;
    if (now < before.accepted * part) {
      return `the flow keeps ${percent(now)} of what is taken, and it was ${percent(before.accepted)} before`;
    }
  }
  return null;
}

function percent(part: number): string {
  return `${Math.round(part * 100)} %`;
}
