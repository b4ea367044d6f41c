import type { BenchSite } from "../bench-site.ts";
import { READINGS_PER_LINE } from "./monitor-lines.ts";
import type { Commit } from "../gateway-run.ts";
import { type BenchLoad, phase, ramp, sustained, until, type WardPhase } from "./ward-phases.ts";
import { type WardAccount, WardWay } from "./ward-way.ts";

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
    const full = await sustained(way, found, load);
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
