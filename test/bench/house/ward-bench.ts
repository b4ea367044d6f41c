import type { BenchSite } from "../bench-site.ts";
import { READINGS_PER_LINE } from "./monitor-lines.ts";
import { type Commit, GATEWAY_PROCESSES } from "../gateway-run.ts";
import { type WardAccount, type WardSample, WardWay } from "./ward-way.ts";

/** What one phase of a steady load cost. */
export interface WardPhase {
  readonly seconds: number;
  readonly readings: number;
  readonly readingsPerSecond: number;
  /** CPU seconds per million readings, per process. */
  readonly cpu: Readonly<Record<string, number>>;
  /** The same, all processes of the gateway together. */
  readonly cpuGateway: number;
  readonly diskBytesPerReading: number;
  readonly wireBytesPerReading: number;
  /** Proportional set sizes at the end of the phase (MB). */
  readonly memoryMb: Readonly<Record<string, number>>;
  readonly memoryMbGateway: number;
  readonly evicted: number;
}

export interface WardResults {
  readonly readingsPerMessage: number;
  readonly startMs: number;
  readonly paced: WardPhase;
  /** From the first reading of a batch to the hub's commit, in the paced phase (milliseconds). */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly full: WardPhase;
  readonly away: {
    readonly seconds: number;
    readonly readings: number;
    /** Evicted meanwhile; what is unaccounted for at the end of the run would come on top. */
    readonly evicted: number;
    readonly storeBytesPerReading: number;
    /** From the broker's return to the last receipt. */
    readonly drainedMs: number;
  };
  /** A backlog that drains while new readings come, at the paced rate. */
  readonly drain: {
    readonly readings: number;
    readonly ms: number;
    /** From the first reading of a live batch to the hub's commit (milliseconds). */
    readonly liveP99: number;
    readonly liveBatches: number;
  };
  readonly account: WardAccount;
}

export interface BenchLoad {
  /** Length of a phase (seconds). */
  readonly seconds: number;
  /** Readings a second of the paced phases. */
  readonly paced: number;
  readonly say: (text: string) => void;
}

const RAMP_FIRST = 8000;
/** Long enough that a batch more or less at its ends, a tenth of a second, makes no difference. */
const STEP_SECONDS = 3;
const RAMP_FACTOR = 1.4;
const RAMP_MAX = 1_000_000;
/** Of the rate that the ramp found, as it need not hold for long there. */
const SUSTAINED = 0.9;
const STEP_DOWN = 0.85;
const TRIES = 4;
const WARM_SAMPLES = 2;
/** A house that keeps up has put everything older than this on disk (milliseconds). */
const UNSETTLED_MS_MAX = 1500;
/** And the hub has got this share of what was sent. */
const ARRIVED_MIN = 0.94;
const AWAY_MS_MAX = 60_000;

/** Measures the whole house. */
export async function benchWard(bench: BenchSite, load: BenchLoad): Promise<WardResults> {
  const { say } = load;
  say("Wardgate: starting the whole house ...");
  const way = await WardWay.open(bench);
  try {
    const { startMs } = way;
    say(`Wardgate: ${load.paced} readings/s ...`);
    way.pace(load.paced);
    const paced = await phase(way, load.seconds);
    const latencyMs = agesOf(way.commits(Date.now() - 1000 * load.seconds));
    const found = await ramp(way, say);
    const full = await sustained(way, found * SUSTAINED, load);
    say("Wardgate: the broker is away ...");
    const away = await brokerAway(way, load);
    say("Wardgate: a backlog drains ...");
    const drain = await drains(way, load);
    const account = await way.finish();
    const readingsPerMessage = READINGS_PER_LINE;
    return { readingsPerMessage, startMs, paced, latencyMs, full, away, drain, account };
  } finally {
    await way.close();
  }
}

/** The highest rate of a row of steps, and then of half steps, at which the house kept up for a few seconds. */
async function ramp(way: WardWay, say: (text: string) => void): Promise<number> {
  let good = RAMP_FIRST / RAMP_FACTOR;
  for (const factor of [RAMP_FACTOR, Math.sqrt(RAMP_FACTOR)]) {
    for (let rate = good * factor; rate < RAMP_MAX; rate *= factor) {
      say(`Wardgate: ramp, ${Math.round(rate)} readings/s ...`);
      // Once more when it fails: somebody else may have needed the machine just then.
      if (!(await holds(way, rate)) && !(await holds(way, rate))) {
        break;
      }
      good = rate;
    }
  }
  await way.settle();
  return good;
}

async function holds(way: WardWay, rate: number): Promise<boolean> {
  way.pace(rate);
  const before = await way.sample();
  await way.sample();
  const from = await way.sample();
  const to = await until(way, from, STEP_SECONDS);
  const isGood = keepsUp(from, to, rate) && to.evicted === before.evicted;
  if (!isGood) {
    await way.settle();
  }
  return isGood;
}

/** Measures at a rate, or at a lower one until none is evicted and nothing piles up. */
async function sustained(way: WardWay, wanted: number, load: BenchLoad): Promise<WardPhase> {
  let rate = wanted;
  for (let tries = 1; ; tries += 1) {
    load.say(`Wardgate: full speed, ${Math.round(rate)} readings/s ...`);
    way.pace(rate);
    for (let warm = 0; warm < WARM_SAMPLES; warm += 1) {
      await way.sample();
    }
    const from = await way.sample();
    const to = await until(way, from, load.seconds);
    if ((keepsUp(from, to, rate) && to.evicted === from.evicted) || tries === TRIES) {
      const measured = phaseOf(way, from, to);
      await way.settle();
      return measured;
    }
    await way.settle();
    rate *= STEP_DOWN;
  }
}

function keepsUp(from: WardSample, to: WardSample, rate: number): boolean {
  const arrived = ((to.opened - from.opened) / (to.at - from.at)) * 1000;
  return to.unsettledMs < UNSETTLED_MS_MAX && arrived >= ARRIVED_MIN * rate;
}

async function brokerAway(way: WardWay, load: BenchLoad): Promise<WardResults["away"]> {
  way.pace(load.paced);
  await way.sample();
  way.reach(false);
  await way.sample();
  const bytes = await way.storeBytes();
  const from = await way.sample();
  const to = await until(way, from, load.seconds / 2);
  const grown = (await way.storeBytes()) - bytes;
  way.reach(true);
  const back = performance.now();
  while ((await way.sample()).backlog > BACKLOG_LIVE && performance.now() - back < AWAY_MS_MAX) {
    // The hub's counters come once a second.
  }
  const readings = to.sent - from.sent;
  return {
    seconds: (to.at - from.at) / 1000,
    readings,
    evicted: to.evicted - from.evicted,
    storeBytesPerReading: grown / readings,
    drainedMs: performance.now() - back,
  };
}

/** Keeps the broker away for a large backlog, and looks how long new readings take while it drains. */
async function drains(way: WardWay, load: BenchLoad): Promise<WardResults["drain"]> {
  way.reach(false);
  way.pace(BACKLOG_FACTOR * load.paced);
  const from = await way.sample();
  const to = await until(way, from, load.seconds);
  way.pace(load.paced);
  await way.sample();
  const since = Date.now();
  way.reach(true);
  while ((await way.sample()).backlog > BACKLOG_LIVE && Date.now() - since < AWAY_MS_MAX) {
    // The hub's counters come once a second.
  }
  const commits = way.commits(since);
  const old = commits.filter(({ isLive }) => !isLive).map(({ at }) => at);
  const [first, last] = [Math.min(...old), Math.max(...old)];
  const live = commits.filter(({ isLive, at }) => isLive && at >= first && at <= last);
  return {
    readings: to.sent - from.sent,
    ms: last - first,
    liveP99: agesOf(live).p99,
    liveBatches: live.length,
  };
}

/** How old batches were when they were committed. */
function agesOf(commits: readonly Commit[]): { readonly p50: number; readonly p99: number } {
  const ages = commits.map(({ ageMs }) => ageMs).toSorted((a, b) => a - b);
  const at = (part: number): number => ages[Math.floor(part * ages.length)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** How much faster a backlog is made than readings come while it drains. */
const BACKLOG_FACTOR = 10;
/** Batches that are on their way at any moment of a steady load. */
const BACKLOG_LIVE = 8;

async function phase(way: WardWay, seconds: number): Promise<WardPhase> {
  for (let warm = 0; warm < WARM_SAMPLES; warm += 1) {
    await way.sample();
  }
  const from = await way.sample();
  return phaseOf(way, from, await until(way, from, seconds));
}

async function until(way: WardWay, from: WardSample, seconds: number): Promise<WardSample> {
  for (;;) {
    const sample = await way.sample();
    if (sample.at - from.at >= seconds * 1000) {
      return sample;
    }
  }
}

function phaseOf(way: WardWay, from: WardSample, to: WardSample): WardPhase {
  const readings = to.opened - from.opened;
  const seconds = (to.at - from.at) / 1000;
  const cpu = Object.fromEntries(
    Object.entries(to.cpu).map(([name, used]) => [
      name,
      ((used - (from.cpu[name] ?? 0)) / readings) * 1e6,
    ]),
  );
  return {
    seconds,
    readings,
    readingsPerSecond: readings / seconds,
    cpu,
    cpuGateway: sum(GATEWAY_PROCESSES.map((name) => cpu[name] ?? 0)),
    diskBytesPerReading: (to.writtenBytes - from.writtenBytes) / readings,
    wireBytesPerReading: (to.wireBytes - from.wireBytes) / readings,
    memoryMb: way.memory,
    memoryMbGateway: sum(Object.values(way.memory)),
    evicted: to.evicted - from.evicted,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
