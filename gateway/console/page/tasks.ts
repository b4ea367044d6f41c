import type { FactsEvent } from "../contract.ts";

/** Something that somebody should look at: which text says so, with what in it. */
export type Task =
  | { readonly kind: "flows-down" }
  | { readonly kind: "unhealthy"; readonly text: string }
  | { readonly kind: "certificate"; readonly days: number }
  | { readonly kind: "link"; readonly waiting: number }
  | { readonly kind: "full"; readonly freeBytes: number }
  | { readonly kind: "devices"; readonly devices: readonly string[]; readonly text: string }
  | { readonly kind: "clock" };

/**
 * What there is to do, in the order in which it should be done; none is "all is well". First what loses data now, then what will, then
 * what only fails to collect. Pure.
 */
export function tasksOf(facts: FactsEvent): Task[] {
  const { devices, link, health } = facts;
  const tasks: Task[] = [];
  if (!facts.flowsUp) {
    tasks.push({ kind: "flows-down" });
  } else if (health.state !== "good") {
    tasks.push({ kind: "unhealthy", text: health.text });
  }
  if (link?.freeBytes !== undefined && link.freeBytes !== null && link.freeBytes < SHORT_BYTES) {
    tasks.push({ kind: "full", freeBytes: link.freeBytes });
  }
  if (link !== undefined && !link.connected) {
    const waiting = link.classes.reduce((sum, one) => sum + one.waitingBatches, 0);
    tasks.push({ kind: "link", waiting });
  }
  const end = link?.certificateEnd ?? null;
  if (end !== null && end - facts.at < SOON_DAYS * DAY_MS) {
    tasks.push({ kind: "certificate", days: Math.floor((end - facts.at) / DAY_MS) });
  }
  const silent = devices.filter(({ state }) => state !== "online");
  const [first] = silent;
  if (first !== undefined) {
    const names = silent.map(({ device }) => device);
    tasks.push({ kind: "devices", devices: names, text: first.text });
  }
  if (facts.clock === "unsynchronised") {
    tasks.push({ kind: "clock" });
  }
  return tasks;
}

const DAY_MS = 86_400_000;
const SOON_DAYS = 14;
const SHORT_BYTES = 16 * 1024 ** 2;
