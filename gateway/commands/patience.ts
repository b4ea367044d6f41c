import { setTimeout as sleep } from "node:timers/promises";

import { WardError } from "../errors.ts";

/** For how long a command may wait for something (`--wait N`, seconds). */
export interface Patience {
  /** Milliseconds; 0: not at all. */
  readonly withinMs: number;
  readonly stop: AbortSignal;
}

/** What `--wait` says, in milliseconds; 0 when it is not given. Throws WardError `WARD_USAGE`. */
export function waitMs(value: string | undefined): number {
  const seconds = Number(value ?? 0);
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > SECONDS_MAX) {
    throw new WardError(
      "WARD_USAGE",
      `Cannot do that: --wait is a whole number of seconds, up to ${SECONDS_MAX}.`,
    );
  }
  return seconds * 1000;
}

/** Asks until it is so, or there is no time any more; returns whether it is so. Asks once at least. */
export async function waitUntil(
  isSo: () => boolean | Promise<boolean>,
  { withinMs, stop }: Patience,
): Promise<boolean> {
  const end = performance.now() + withinMs;
  for (;;) {
    if (await isSo()) {
      return true;
    }
    if (stop.aborted || performance.now() >= end) {
      return false;
    }
    await sleep(LOOK_MS, undefined, { signal: stop }).catch(() => undefined);
  }
}

const SECONDS_MAX = 3600;
const LOOK_MS = 500;
