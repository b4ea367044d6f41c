import { setTimeout as sleep } from "node:timers/promises";

import { errorText } from "../errors.ts";
import { numberAt } from "../json-value.ts";
import type { TrialHouse } from "./bundle-trial.ts";

export interface BundleNewsOptions {
  readonly house: Pick<TrialHouse, "stats" | "note">;
  /** Gets and judges the newest bundle and has it tried; rejects with why it is refused. */
  readonly fetch: () => Promise<void>;
  readonly stop: AbortSignal;
  /** How often it is looked without being told, on average (milliseconds; default 6 hours). */
  readonly everyMs?: number;
  /** After an announcement each gateway waits up to this long, so that a fleet does not come all at once (default 30 s). */
  readonly spreadMs?: number;
}

/**
 * Looks where bundles are published: at the start, now and then, and when the broker announces one. An announcement is only a
 * hint; whoever can send one can have this gateway look, at most once a minute, and nothing else.
 */
export async function followBundleNews(o: BundleNewsOptions): Promise<void> {
  const { everyMs = EVERY_MS, spreadMs = SPREAD_MS } = o;
  let lastTrouble = "";
  let announced = 0;
  while (!o.stop.aborted) {
    await pause(Math.random() * spreadMs, o.stop);
    if (o.stop.aborted) {
      return;
    }
    announced = announcedOf(o);
    const trouble = await o.fetch().then(
      () => "",
      (error: unknown) => errorText(error),
    );
    if (trouble !== "" && trouble !== lastTrouble) {
      o.house.note("bundle-refused", trouble);
    }
    lastTrouble = trouble;
    await pause(Math.min(LEAST_MS, everyMs), o.stop);
    await nextLook(o, { announced, untilMs: everyMs * (0.5 + Math.random()) });
  }
}

const EVERY_MS = 6 * 3_600_000;
const SPREAD_MS = 30_000;
const LEAST_MS = 60_000;
const LOOK_MS = 1000;

/** Until there is an announcement, or it is time anyway. A keeper that was started anew counts from 0. */
async function nextLook(
  o: BundleNewsOptions,
  { announced, untilMs }: { readonly announced: number; readonly untilMs: number },
): Promise<void> {
  const until = performance.now() + untilMs;
  let seen = announced;
  while (!o.stop.aborted && performance.now() < until) {
    const count = announcedOf(o);
    if (count > seen) {
      return;
    }
    seen = count;
    await pause(Math.min(LOOK_MS, untilMs), o.stop);
  }
}

function announcedOf({ house }: BundleNewsOptions): number {
  return numberAt(house.stats("keeper"), "bundlesAnnounced");
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
