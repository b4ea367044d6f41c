import { count, percent } from "../figures.ts";
import { atLeast, atMost, type Goal } from "../goal.ts";
import type { BenchContext, BenchPart } from "../part.ts";
import type { Table } from "../table.ts";
import { benchBacklog, type BacklogResult } from "./backlog-bench.ts";
import { curve } from "./curve.ts";

/** 10 thousand to 10 million; `WARD_BENCH_READINGS=100000000` adds a size, and an hour. */
const SIZES = [10_000, 100_000, 1_000_000, 10_000_000];
const RATE_MIN = 0.95;
const OPEN_MS_MAX = 50;
/** Memory is flat: at the largest backlog no more than so many times what it is at a hundredth of it. */
const MEMORY_MAX = 1.25;

/** What a long outage leaves behind: filled, opened and drained at every size. */
export const backlogPart: BenchPart = {
  name: "backlog",
  title: "Backlogs",
  measure: async (context) => {
    const results = await measure(context);
    const missing = results.reduce((sum, result) => sum + result.missing, 0);
    return {
      results: { backlogs: results },
      table: table(results),
      notes: [
        "A keeper alone, filled with sealed batches of 200 readings and their tallies as fast as it stores them, then drained to a hub over mutual TLS 1.3, whose work is on the same cores. Opened in the middle after kill -9, and once more when everything was sent.",
        "Memory is the keeper's own (RssAnon), at most.",
      ],
      goals: goals(results),
      picture: {
        file: "backlog.svg",
        alt: "Rates and memory by the size of a backlog",
        svg: curve(results),
      },
      problem: missing === 0 ? null : `${missing} readings never came to the hub.`,
    };
  },
};

async function measure({ signal, say }: BenchContext): Promise<BacklogResult[]> {
  const more = Number(process.env["WARD_BENCH_READINGS"] ?? 0);
  const results: BacklogResult[] = [];
  for (const readings of more > 0 ? [...SIZES, more] : SIZES) {
    say(`Backlog: ${count(readings)} readings ...`);
    results.push(await benchBacklog(readings, signal));
  }
  return results;
}

function table(results: readonly BacklogResult[]): Table {
  return {
    heads: [
      "readings waiting",
      "stored/s",
      "drained/s",
      "opened, ms",
      "opened after the drain, ms",
      "memory, MB",
    ],
    rows: results.map((result) => [
      count(result.readings),
      count(result.filledPerSecond),
      count(result.drainedPerSecond),
      count(result.openMs),
      count(result.openAfterMs),
      count(result.memoryMb),
    ]),
  };
}

function goals(results: readonly BacklogResult[]): Goal[] {
  const at = (readings: number): BacklogResult | undefined =>
    results.find((result) => result.readings >= readings);
  const [million, most] = [at(1_000_000), at(10_000_000)];
  const beside = (figure: (result: BacklogResult) => number): number | null =>
    million === undefined || most === undefined ? null : figure(most) / figure(million);
  const opens = results.flatMap(({ openMs, openAfterMs }) => [openMs, openAfterMs]);
  const ms = (value: number): string => `${count(value)} ms`;
  const part = (value: number): string => percent(value, 0);
  return [
    atLeast(
      "stored at 10 million, of the rate at 1 million",
      RATE_MIN,
      beside((r) => r.filledPerSecond),
      part,
    ),
    atLeast(
      "drained at 10 million, of the rate at 1 million",
      RATE_MIN,
      beside((r) => r.drainedPerSecond),
      part,
    ),
    atMost("opened, at any size and after any drain", OPEN_MS_MAX, Math.max(...opens), ms),
    atMost(
      "memory at 10 million, of that at 1 million",
      MEMORY_MAX,
      beside((r) => r.memoryMb),
      part,
    ),
  ];
}
