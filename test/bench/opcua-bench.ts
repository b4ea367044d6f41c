import { setTimeout as sleep } from "node:timers/promises";

import { memoryOf } from "../../gateway/memory.ts";
import { Program } from "./program.ts";

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

export interface OpcuaBenchOptions {
  /** @default 1000 */
  readonly items?: number;
  /** All items change this often (milliseconds). @default 100 */
  readonly everyMs?: number;
  /** Length of one measurement. @default 10 */
  readonly seconds?: number;
  /** Measurements of each way, in turn; the median counts. @default 3 */
  readonly rounds?: number;
}

/**
 * The gateway's OPC-UA line beside the bare node-opcua client: the same server, security, subscription and number of items; each
 * measurement in a process of its own, in turn.
 */
export async function benchOpcua({
  items = 1000,
  everyMs = 100,
  seconds = 10,
  rounds = 3,
}: OpcuaBenchOptions = {}): Promise<OpcuaBench> {
  const { program: server, ready } = await Program.start(
    "opcua-bench-server.ts",
    String(items),
    String(everyMs),
  );
  const place = [ready["url"], ready["certificateFile"], ready["namespace"], items, everyMs];
  try {
    const costs: Record<"ours" | "bare", OpcuaCosts[]> = { ours: [], bare: [] };
    for (let round = 0; round < rounds; round += 1) {
      for (const way of ["bare", "ours"] as const) {
        costs[way].push(await measure([way, ...place].map(String), seconds));
      }
    }
    const ours = median(costs.ours);
    const bare = median(costs.bare);
    const ratio = ours.cpuMicrosPerNotification / bare.cpuMicrosPerNotification;
    return { items, everyMs, ours, bare, ratio };
  } finally {
    await server.stop();
  }
}

async function measure(args: readonly string[], seconds: number): Promise<OpcuaCosts> {
  const { program: client } = await Program.start("opcua-bench-client.ts", ...args);
  try {
    await sleep(WARM_MS);
    const startedAt = performance.now();
    const before = await client.count();
    await sleep(1000 * seconds);
    const after = await client.count();
    const spentMs = performance.now() - startedAt;
    const values = Number(after["values"]) - Number(before["values"]);
    const cpuMicros = Number(after["cpuMicros"]) - Number(before["cpuMicros"]);
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

/** The measurement whose CPU per notification is the median. */
function median(costs: readonly OpcuaCosts[]): OpcuaCosts {
  const sorted = costs.toSorted((a, b) => a.cpuMicrosPerNotification - b.cpuMicrosPerNotification);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Long enough for connections to stand and for V8 to have compiled what matters. */
const WARM_MS = 5000;

if (import.meta.main) {
  process.stdout.write(`${JSON.stringify(await benchOpcua(), undefined, 2)}\n`);
}
