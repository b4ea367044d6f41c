import { WardError } from "../../../gateway/errors.ts";
import type { BenchSite } from "../bench-site.ts";
import { GATEWAY_PROCESSES, GatewayRun, type GatewaySample } from "../gateway-run.ts";
import { benchFlow } from "../house/bench-flow.ts";
import { Program } from "../program.ts";
import { SAMPLES_PER_SECOND, WAVES_PER_BED } from "./bed-monitor.ts";

/** What a ward with waves costs. */
export interface Ward30Result {
  readonly beds: number;
  /** How long the seal gathers (milliseconds). */
  readonly windowMs: number;
  readonly seconds: number;
  /** At the hub. */
  readonly samplesPerSecond: number;
  readonly readingsPerSecond: number;
  /** Of one core, per process, and all processes of the gateway together. */
  readonly cpuShare: Readonly<Record<string, number>>;
  readonly cpuShareGateway: number;
  /** Everything on the wire, numerics, receipts and TLS included, by the samples. */
  readonly wireBytesPerSample: number;
  readonly diskBytesPerSecond: number;
  /** Proportional set sizes at the end (MB). */
  readonly memoryMb: Readonly<Record<string, number>>;
  readonly memoryMbGateway: number;
  readonly evicted: number;
  readonly unaccounted: number;
}

const BEDS = 30;
/** Until everything is compiled. */
const WARM_MS = 8000;
const WARM_MS_MAX = 60_000;
const WARM_STEP_MS = 3000;
/** Of the samples that the monitors give, so many must arrive: counters come once a second. */
const ARRIVED_MIN = 0.9;
/** Blocks of 256 ms. */
const SAMPLES_PER_BLOCK = 64;
const SAMPLES_WANTED: number = BEDS * WAVES_PER_BED * SAMPLES_PER_SECOND;

/** Thirty monitors with numerics and waves, through the whole gateway to the hub. */
export async function benchWard30(
  bench: BenchSite,
  { seconds, windowMs }: { readonly seconds: number; readonly windowMs: number },
): Promise<Ward30Result> {
  const { program: monitors, ready } = await Program.start(
    "ward30/monitors.ts",
    String(BEDS),
    "tcp",
  );
  try {
    const lines = Array.isArray(ready["lines"]) ? ready["lines"].map(String) : [];
    const options = { waves: "yes" };
    const devices = lines.map((line, place) => ({
      device: `bed-${place + 1}/monitor`,
      model: "philips-intellivue",
      line,
      options,
    }));
    const flows = benchFlow(devices, { windowMs, isEmpty: false });
    const run = await GatewayRun.start(bench, { lines, flows, pids: { monitors: monitors.pid } });
    try {
      const from = await warm(run);
      const to = await until(run, from.at + 1000 * seconds);
      const costs = costsOf(from, to, run.memory);
      const rows = Object.values(await run.finish());
      const unaccounted = sum(rows.map((row) => Math.abs(row.unaccounted)));
      return { beds: BEDS, windowMs, ...costs, unaccounted };
    } finally {
      await run.close();
    }
  } finally {
    await monitors.stop();
  }
}

/** Waits until the waves of all beds arrive. */
async function warm(run: GatewayRun): Promise<GatewaySample> {
  const first = await run.sample();
  let last = await until(run, first.at + WARM_MS);
  while (last.at < first.at + WARM_MS_MAX) {
    const next = await until(run, last.at + WARM_STEP_MS);
    if (samplesPerSecond(last, next) >= ARRIVED_MIN * SAMPLES_WANTED) {
      return next;
    }
    last = next;
  }
  throw new WardError("WARD_BENCH", "Cannot measure the ward: not all of its waves arrive.");
}

async function until(run: GatewayRun, at: number): Promise<GatewaySample> {
  for (;;) {
    const sample = await run.sample();
    if (sample.at >= at) {
      return sample;
    }
  }
}

function samplesPerSecond(from: GatewaySample, to: GatewaySample): number {
  return (1000 * SAMPLES_PER_BLOCK * (to.opened.wave - from.opened.wave)) / (to.at - from.at);
}

function costsOf(
  from: GatewaySample,
  to: GatewaySample,
  memoryMb: Readonly<Record<string, number>>,
): Omit<Ward30Result, "beds" | "windowMs" | "unaccounted"> {
  const seconds = (to.at - from.at) / 1000;
  const cpuShare = Object.fromEntries(
    Object.entries(to.cpu).map(([name, used]) => [name, (used - (from.cpu[name] ?? 0)) / seconds]),
  );
  return {
    seconds,
    samplesPerSecond: samplesPerSecond(from, to),
    readingsPerSecond: (to.opened.vital - from.opened.vital) / seconds,
    cpuShare,
    cpuShareGateway: sum(GATEWAY_PROCESSES.map((name) => cpuShare[name] ?? 0)),
    // By the samples that the monitors give, as those that arrive are counted in batches.
    wireBytesPerSample: (to.wireBytes - from.wireBytes) / seconds / SAMPLES_WANTED,
    diskBytesPerSecond: (to.writtenBytes - from.writtenBytes) / seconds,
    memoryMb,
    memoryMbGateway: sum(Object.values(memoryMb)),
    evicted: sum(Object.values(to.evicted)),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
