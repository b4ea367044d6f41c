import { openBenchSite } from "../bench-site.ts";
import { count, percent } from "../figures.ts";
import { atMost, type Goal } from "../goal.ts";
import { GATEWAY_PROCESSES } from "../gateway-run.ts";
import type { BenchContext, BenchPart } from "../part.ts";
import type { Table } from "../table.ts";
import { NUMERICS_PER_SECOND, SAMPLES_PER_SECOND, WAVES_PER_BED } from "./bed-monitor.ts";
import { benchWard30, type Ward30Result } from "./ward30-bench.ts";

/** How long the seal gathers (milliseconds): as in the flow that ships, and as one would set it for waves. */
const WINDOWS_MS = [100, 1000];
const CPU_SHARE_MAX = 0.15;
const WIRE_BYTES_MAX = 0.8;
/** Without OPC-UA. */
const MEMORY_MB_MAX = 260;

/** What thirty beds with numerics and waves cost. */
export const ward30Part: BenchPart = {
  name: "ward30",
  title: "A ward of 30 beds with waves",
  measure: async (context) => {
    const results: Ward30Result[] = [];
    for (const windowMs of WINDOWS_MS) {
      context.say(`30 beds with waves, the seal gathers for ${windowMs} ms ...`);
      results.push(await measure(context, windowMs));
    }
    const lost = results.reduce((total, one) => total + one.unaccounted + one.evicted, 0);
    return {
      results,
      table: table(results),
      notes: NOTES,
      goals: results.flatMap(goals),
      problem: lost === 0 ? null : `${lost} readings or blocks are unaccounted for or evicted.`,
    };
  },
};

async function measure(
  { directory, seconds, signal }: BenchContext,
  windowMs: number,
): Promise<Ward30Result> {
  const bench = await openBenchSite(`${directory}/${windowMs}`, signal);
  try {
    return await benchWard30(bench, { seconds: 1.5 * seconds, windowMs });
  } finally {
    await bench.close();
  }
}

function table(results: readonly Ward30Result[]): Table {
  const row = (what: string, figure: (result: Ward30Result) => string): readonly string[] => [
    what,
    ...results.map(figure),
  ];
  const cpu = (what: string, name: string): readonly string[] =>
    row(what, ({ cpuShare }) => percent(cpuShare[name] ?? 0));
  return {
    heads: ["the seal gathers for", ...results.map(({ windowMs }) => `${count(windowMs)} ms`)],
    rows: [
      row("samples/s at the hub", ({ samplesPerSecond }) => count(samplesPerSecond)),
      row("readings/s at the hub", ({ readingsPerSecond }) => count(readingsPerSecond)),
      row("CPU, of one core", ({ cpuShareGateway }) => percent(cpuShareGateway)),
      ...GATEWAY_PROCESSES.map((name) => cpu(`  ${name}`, name)),
      cpu("  beside it: broker", "broker"),
      cpu("  beside it: hub", "hub"),
      cpu("  beside it: simulated monitors", "monitors"),
      row("bytes on the wire per sample", (result) => count(result.wireBytesPerSample, 2)),
      row("bytes written to disk per second", (result) => count(result.diskBytesPerSecond)),
      row("memory (MB)", ({ memoryMbGateway }) => count(memoryMbGateway)),
      ...GATEWAY_PROCESSES.map((name) =>
        row(`  ${name}`, ({ memoryMb }) => count(memoryMb[name] ?? 0)),
      ),
    ],
  };
}

const NOTES = [
  `30 simulated Philips IntelliVue monitors, each with ${NUMERICS_PER_SECOND} numerics a second and ${WAVES_PER_BED} waves of ${SAMPLES_PER_SECOND} samples a second (ECG with 10 \u00b5V of noise, arterial pressure with 0.1 mmHg, plethysmogram), over Data Export in its serial framing, each on a TCP socket of its own; then check, seal, outbox with fsync, broker over mutual TLS 1.3, hub and receipts.`,
  "Bytes on the wire are all of TLS both ways, numerics, tallies and receipts too, by the samples alone. The signals are synthetic, and so are bytes per sample: real ones may take more or less. Disk without the ballast, a file that is written once.",
];

function goals({ windowMs, ...result }: Ward30Result): Goal[] {
  const gathered = `, gathered for ${count(windowMs)} ms`;
  return [
    atMost(
      `CPU of one core with decoding${gathered}`,
      CPU_SHARE_MAX,
      result.cpuShareGateway,
      percent,
    ),
    atMost(
      `bytes on the wire per sample${gathered}`,
      WIRE_BYTES_MAX,
      result.wireBytesPerSample,
      (value) => count(value, 2),
    ),
    atMost(
      `memory${gathered}`,
      MEMORY_MB_MAX,
      result.memoryMbGateway,
      (value) => `${count(value)} MB`,
    ),
  ];
}
