import { setTimeout as sleep } from "node:timers/promises";

import { streamSimulator } from "../../../gateway/simulate/stream-host.ts";
import { onCommand, tell } from "../program.ts";
import { bedMonitor } from "./bed-monitor.ts";

/**
 * The monitors of a ward, each on a socket of its own. A program of its own:
 *
 *     node monitors.ts BEDS tcp|udp
 *
 * It says `{"kind":"ready","lines":[...]}` and serves until its standard input ends.
 */
const [beds = "30", line = "tcp"] = process.argv.slice(2);
const simulator = streamSimulator(bedMonitor);
const lines: string[] = [];
for (let bed = 1; bed <= Number(beds); bed += 1) {
  const { url } = await simulator.start({ line, seed: bed });
  lines.push(url);
  // No two monitors of a ward send at the same moment.
  await sleep(bedMonitor.tickMs / Number(beds));
}
onCommand(() => undefined);
tell({ kind: "ready", lines });
