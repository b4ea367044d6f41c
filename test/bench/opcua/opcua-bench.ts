import { setTimeout as sleep } from "node:timers/promises";

import { WardError } from "../../../gateway/errors.ts";
import { numberAt } from "../../../gateway/json-value.ts";
import { memoryOf } from "../../../gateway/memory.ts";
import { medianBy } from "../figures.ts";
import type { BenchContext } from "../part.ts";
import { Program } from "../program.ts";

/** What reading one server costs a client. */
export interface OpcuaCosts {
  readonly notificationsPerSecond: number;
  readonly cpuMicrosPerNotification: number;
  /** Of one core. */
  readonly cpuPercent: number;
  /** Proportional set size of the whole process. */
  readonly memoryMb: number;
}

export interface OpcuaBench {
  readonly items: number;
  readonly everyMs: number;
  /** The gateway's own line, from the server to readings in frames. */
  readonly ours: OpcuaCosts;
  /** The library's own subscription and an empty listener. */
  readonly bare: OpcuaCosts;
  /** CPU per notification, ours / bare. */
  readonly ratio: number;
}

const ITEMS = 1000;
/** All items change this often. */
const EVERY_MS = 100;
/** Measurements of each way, in turn; the median counts. */
const ROUNDS = 3;
const VALUES_MS_MAX = 60_000;
const VALUES_STEP_MS = 200;
/** Until V8 has compiled what matters. */
const WARM_MS = 4000;

/**
 * The gateway's OPC-UA line beside the bare node-opcua client: the same server, security, subscription and number of items; each
 * measurement (of so many seconds) in a process of its own, in turn.
 */
export async function benchOpcua({
  seconds,
  signal,
  say,
}: Pick<BenchContext, "seconds" | "signal" | "say">): Promise<OpcuaBench> {
  const load = [ITEMS, EVERY_MS].map(String);
  const { program: server, ready } = await Program.start("opcua/server.ts", ...load);
  const place = [ready["url"], ready["certificateFile"], ready["namespace"]].map(String);
  try {
    const costs: Record<"ours" | "bare", OpcuaCosts[]> = { ours: [], bare: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const way of ["bare", "ours"] as const) {
        signal.throwIfAborted();
        say(`OPC-UA: ${way === "ours" ? "the gateway's line" : "the bare client"} ...`);
        costs[way].push(await measure([way, ...place, ...load], seconds));
      }
    }
    const median = (of: readonly OpcuaCosts[]): OpcuaCosts =>
      medianBy(of, ({ cpuMicrosPerNotification }) => cpuMicrosPerNotification);
    const ours = median(costs.ours);
    const bare = median(costs.bare);
    const ratio = ours.cpuMicrosPerNotification / bare.cpuMicrosPerNotification;
    return { items: ITEMS, everyMs: EVERY_MS, ours, bare, ratio };
  } finally {
    await server.stop();
  }
}

async function measure(args: readonly string[], seconds: number): Promise<OpcuaCosts> {
  const { program: client } = await Program.start("opcua/client.ts", ...args);
  try {
    await untilValues(client);
    await sleep(WARM_MS);
    const startedAt = performance.now();
    const before = await client.count();
    await sleep(1000 * seconds);
    const after = await client.count();
    const spentMs = performance.now() - startedAt;
    const values = numberAt(after, "values") - numberAt(before, "values");
    if (values === 0) {
      throw new WardError("WARD_BENCH", `Cannot measure OPC-UA (${args[0]}): no values come.`);
    }
    const cpuMicros = numberAt(after, "cpuMicros") - numberAt(before, "cpuMicros");
    const { client: memoryMb = 0 } = await memoryOf({ client: client.pid });
    return {
      notificationsPerSecond: (1000 * values) / spentMs,
      cpuMicrosPerNotification: cpuMicros / values,
      cpuPercent: cpuMicros / spentMs / 10,
      memoryMb,
    };
  } finally {
    await client.stop();
  }
}

/** Waits until a client gets values: connecting takes as long as it takes. */
async function untilValues(client: Program): Promise<void> {
  const until = performance.now() + VALUES_MS_MAX;
  while (numberAt(await client.count(), "values") === 0 && performance.now() < until) {
    await sleep(VALUES_STEP_MS);
  }
}
