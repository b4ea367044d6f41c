import { setTimeout as sleep } from "node:timers/promises";

import { numberAt } from "../../../gateway/json-value.ts";
import { BROKER_NAME, type BenchSite, GATEWAY } from "../bench-site.ts";
import { cpuSeconds } from "../process-costs.ts";
import { Program } from "../program.ts";

/** A publisher that does nothing else. */
export interface PublishLimits {
  readonly bytes: number;
  readonly messagesPerSecond: number;
  readonly cpuMicros: number;
}

const WINDOW = 20;
const WARM_MS = 1500;

/** mqtt.js with QoS 1 straight to the site's broker over mutual TLS 1.3, nothing kept, nobody receiving, for so long (milliseconds). */
export async function benchPublishing(
  bench: BenchSite,
  { bytes, ms }: { readonly bytes: number; readonly ms: number },
): Promise<PublishLimits> {
  const wish = {
    port: bench.proxyPort,
    serverName: BROKER_NAME,
    gateway: GATEWAY,
    gatewayDirectory: bench.site.gatewayDirectory,
    payload: "bytes",
    bytes,
  };
  const { program } = await Program.start("peers/publisher.ts", JSON.stringify(wish));
  try {
    program.write({ window: WINDOW });
    await sleep(WARM_MS, undefined, { signal: bench.signal });
    const from = await sample(program);
    await sleep(ms, undefined, { signal: bench.signal });
    const to = await sample(program);
    const messages = to.acknowledged - from.acknowledged;
    return {
      bytes,
      messagesPerSecond: (1000 * messages) / (to.at - from.at),
      cpuMicros: (1e6 * (to.cpu - from.cpu)) / messages,
    };
  } finally {
    await program.stop();
  }
}

async function sample(
  program: Program,
): Promise<{ readonly at: number; readonly acknowledged: number; readonly cpu: number }> {
  const acknowledged = numberAt(await program.count(), "acknowledged");
  return { at: performance.now(), acknowledged, cpu: cpuSeconds(program.pid) };
}
