import { WardError } from "../../../gateway/errors.ts";
import type { BenchSite } from "../bench-site.ts";
import { READINGS_PER_LINE } from "./monitor-lines.ts";
import { type StockSample, StockWay } from "./stock-way.ts";
import type { BenchLoad } from "./ward-phases.ts";

/** What one phase of a steady load cost. */
export interface StockPhase {
  readonly readingsPerMessage: number;
  readonly seconds: number;
  readonly readings: number;
  readonly readingsPerSecond: number;
  /** CPU seconds per million readings of the Node-RED process, and of the broker. */
  readonly cpu: number;
  readonly cpuBroker: number;
  readonly diskBytesPerReading: number;
  readonly wireBytesPerReading: number;
  readonly memoryMb: number;
}

export interface StockResults {
  readonly startMs: number;
  /** One reading a message. */
  readonly paced: StockPhase;
  readonly full: StockPhase;
  /** As many readings a message as a device gives at once. */
  readonly gathered: StockPhase;
  readonly away: { readonly seconds: number; readonly readings: number; readonly lost: number };
}

/** Messages without an acknowledgement; more bring little (measured with 20, 100 and 1000). */
const WINDOW = 100;
const WARM_MS = 2000;
const AWAY_MS = 3000;
const BACK_MS = 4000;
const START_MS_MAX = 30_000;
/** Messages a second until the first one arrives: what is sent before there is a connection is lost. */
const FIRST_PER_SECOND = 20;

/** Measures Node-RED with its own MQTT node. */
export async function benchStock(bench: BenchSite, load: BenchLoad): Promise<StockResults> {
  load.say("Stock Node-RED: starting ...");
  const way = await StockWay.open(bench);
  try {
    const startMs = await firstMs(way);
    load.say(`Stock Node-RED: ${load.paced} readings/s ...`);
    way.load({ perMessage: 1, window: 0, perSecond: load.paced });
    const paced = await phase(way, load.seconds, 1);
    load.say("Stock Node-RED: full speed ...");
    way.load({ perMessage: 1, window: WINDOW, perSecond: 0 });
    const full = await phase(way, load.seconds, 1);
    load.say(`Stock Node-RED: full speed, ${READINGS_PER_LINE} readings a message ...`);
    way.load({ perMessage: READINGS_PER_LINE, window: WINDOW, perSecond: 0 });
    const gathered = await phase(way, load.seconds / 2, READINGS_PER_LINE);
    load.say("Stock Node-RED: the broker is away ...");
    const away = await brokerAway(way, load);
    return { startMs, paced, full, gathered, away };
  } finally {
    await way.close();
  }
}

async function firstMs(way: StockWay): Promise<number> {
  way.load({ perMessage: 1, window: 0, perSecond: FIRST_PER_SECOND });
  const until = performance.now() + START_MS_MAX;
  for (;;) {
    const sample = await way.sample();
    if (sample.firstMs > 0) {
      return sample.firstMs;
    }
    if (performance.now() > until) {
      throw new WardError(
        "WARD_BENCH",
        "Cannot measure the stock way: nothing reaches the broker.",
      );
    }
    await way.pass(100);
  }
}

async function phase(
  way: StockWay,
  seconds: number,
  readingsPerMessage: number,
): Promise<StockPhase> {
  await way.pass(WARM_MS);
  const from = await way.sample();
  await way.pass(seconds * 1000);
  const to = await way.sample();
  const readings = (to.acknowledged - from.acknowledged) * readingsPerMessage;
  const per = (field: keyof StockSample): number => (to[field] - from[field]) / readings;
  const spent = per("at") * readings;
  return {
    readingsPerMessage,
    seconds: spent / 1000,
    readings,
    readingsPerSecond: (readings / spent) * 1000,
    cpu: per("cpu") * 1e6,
    cpuBroker: per("brokerCpu") * 1e6,
    diskBytesPerReading: per("writtenBytes"),
    wireBytesPerReading: per("wireBytes"),
    memoryMb: await way.memory(),
  };
}

async function brokerAway(way: StockWay, { paced }: BenchLoad): Promise<StockResults["away"]> {
  way.load({ perMessage: 1, window: 0, perSecond: paced });
  await way.pass(WARM_MS);
  const from = await way.sample();
  way.reach(false);
  await way.pass(AWAY_MS);
  way.reach(true);
  const to = await way.sample();
  await way.pass(BACK_MS);
  way.load({ perMessage: 1, window: 0, perSecond: 0 });
  await way.pass(WARM_MS / 2);
  const end = await way.sample();
  const before = from.emitted - from.acknowledged;
  return {
    seconds: (to.at - from.at) / 1000,
    readings: to.emitted - from.emitted,
    lost: end.emitted - end.acknowledged - Math.min(before, end.emitted - end.acknowledged),
  };
}
