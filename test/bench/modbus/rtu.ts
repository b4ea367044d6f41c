import { setTimeout as sleep } from "node:timers/promises";

import { numberAt, textAt } from "../../../gateway/json-value.ts";
import { openModbusLine } from "../../../gateway/lines/modbus.ts";
import { planMs, planRequests, serialCost } from "../../../gateway/lines/modbus-plan.ts";
import { medianBy } from "../figures.ts";
import { Program } from "../program.ts";
import { AS_FAST_AS_IT_GOES, blocksOf, mapOf } from "./scattered-map.ts";

/** Scans on a serial bus that takes as long for every byte as a wire does. */
export interface RtuResult {
  readonly baud: number;
  /** What one scan takes on the wire by calculation, with all silences, and what it took in the median (milliseconds). */
  readonly wireMs: number;
  readonly scanMs: number;
  readonly requests: number;
  /** Requests before which the bus was not silent for 3.5 characters. The promise is 0. */
  readonly early: number;
}

/** How long the paced slave thinks. */
const TURNAROUND_MS = 5;
const SCANS_MIN = 5;

/** How long scans of a paced slave take, beside what the wire needs for them. */
export async function benchRtu(
  baud: number,
  addresses: readonly number[],
  seconds: number,
): Promise<RtuResult> {
  const charMs = 11_000 / baud;
  const gapMs = Math.max(3.5 * charMs, 1.75);
  const cost = serialCost({ framing: "rtu", charMs, gapMs, turnaroundMs: TURNAROUND_MS });
  const requests = planRequests(blocksOf(addresses), { cost, limits: {} });
  const wireMs = planMs(requests, cost);
  const { program: slave, ready } = await Program.start(
    "modbus/paced-slave.ts",
    String(baud),
    String(TURNAROUND_MS),
  );
  const line = openModbusLine(`modbus-rtu:${textAt(ready, "path")}?baud=${baud}&format=8E1`);
  try {
    const ends: number[] = [];
    const options = { map: mapOf(addresses, 1) };
    line.attach(
      { device: "bench", driver: AS_FAST_AS_IT_GOES, unit: 1, options },
      {
        frame: () => void ends.push(performance.now()),
        fault: () => undefined,
        state: () => undefined,
        identity: () => undefined,
      },
    );
    const scans = Math.max(SCANS_MIN, Math.ceil((1000 * seconds) / wireMs));
    while (ends.length < scans + 2) {
      await sleep(wireMs);
    }
    // The first scan comes after a trial, which is no part of it.
    const scansMs = ends.slice(2).map((end, place) => end - (ends[place + 1] ?? end));
    const scanMs = medianBy(scansMs, (ms) => ms);
    const early = numberAt(await slave.count(), "early");
    return { baud, wireMs, scanMs, requests: requests.length, early };
  } finally {
    await line.close();
    await slave.stop();
  }
}
