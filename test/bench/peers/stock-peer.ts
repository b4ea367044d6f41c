import type { BenchSite } from "../bench-site.ts";
import { type StockSample, StockWay } from "../house/stock-way.ts";
import type { PeerResult } from "./peer-bench.ts";
import { Receiver } from "./receiving.ts";

/** Messages without an acknowledgement, as in the house's own comparison. */
const WINDOW = 100;
const WARM_MS = 2000;
const CONNECT_MS_MAX = 30_000;
/** Messages a second until one has arrived: what is sent before there is a connection is lost. */
const FIRST_PER_SECOND = 20;
const SETTLE_MS_MAX = 3000;

/** Node-RED with its own MQTT node, up to the same subscriber as the peers. It keeps nothing on disk. */
export async function benchStockPeer(bench: BenchSite, seconds: number): Promise<PeerResult> {
  const receiver = await Receiver.open(bench);
  try {
    const way = await StockWay.open(bench);
    try {
      return await measure(way, receiver, seconds);
    } finally {
      await way.close();
    }
  } finally {
    await receiver.close();
  }
}

async function measure(way: StockWay, receiver: Receiver, seconds: number): Promise<PeerResult> {
  const readings = async (): Promise<number> => (await receiver.count()).readings;
  way.load({ perMessage: 1, window: 0, perSecond: FIRST_PER_SECOND });
  await until(way, async () => (await readings()) > 0, CONNECT_MS_MAX);
  way.load({ perMessage: 1, window: WINDOW, perSecond: 0 });
  await way.pass(WARM_MS);
  const [from, before] = await Promise.all([way.sample(), readings()]);
  await way.pass(seconds * 1000);
  const [to, after] = await Promise.all([way.sample(), readings()]);
  const memoryMb = await way.memory();
  way.load({ perMessage: 1, window: 0, perSecond: 0 });
  const { emitted } = await way.sample();
  await until(way, async () => (await readings()) >= emitted, SETTLE_MS_MAX);
  const came = after - before;
  const per = (field: keyof StockSample): number => (to[field] - from[field]) / came;
  return {
    what: "Node-RED, core `mqtt out`: keeps nothing",
    readingsPerSecond: 1000 / per("at"),
    cpu: 1e6 * per("cpu"),
    cpuSender: 1e6 * per("cpu"),
    diskBytesPerReading: per("writtenBytes"),
    wireBytesPerReading: per("wireBytes"),
    memoryMb,
    account: { sent: emitted, missing: emitted - (await readings()), duplicates: 0 },
    drain: null,
  };
}

async function until(way: StockWay, is: () => Promise<boolean>, withinMs: number): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await is()) && performance.now() < end) {
    await way.pass(100);
  }
}
