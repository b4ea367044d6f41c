import { GATEWAY_PROCESSES } from "../gateway-run.ts";
import type { WardSample, WardWay } from "./ward-way.ts";

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

export interface BenchLoad {
  /** Length of a phase (seconds). */
  readonly seconds: number;
  /** Readings a second of the paced phases. */
  readonly paced: number;
  readonly say: (text: string) => void;
}

/** The highest rate of a row of steps, and then of half steps, at which the house kept up for a few seconds. */
export async function ramp(way: WardWay, say: (text: string) => void): Promise<number> {
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

/** Measures at a share of what the ramp found, or at a lower one until none is evicted and nothing piles up. */
export async function sustained(way: WardWay, found: number, load: BenchLoad): Promise<WardPhase> {
  let rate = found * SUSTAINED;
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

export async function phase(way: WardWay, seconds: number): Promise<WardPhase> {
  for (let warm = 0; warm < WARM_SAMPLES; warm += 1) {
    await way.sample();
  }
  const from = await way.sample();
  return phaseOf(way, from, await until(way, from, seconds));
}

export async function until(way: WardWay, from: WardSample, seconds: number): Promise<WardSample> {
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
