import { existsSync } from "node:fs";

import { numberAt } from "../../../gateway/json-value.ts";
import { type BenchSite, openBenchSite } from "../bench-site.ts";
import { count, ratio } from "../figures.ts";
import { atLeast, atMost, type Goal } from "../goal.ts";
import type { BenchContext, BenchPart } from "../part.ts";
import type { Table } from "../table.ts";
import { type BenchLoad, phase, ramp, sustained, type WardPhase } from "./ward-phases.ts";
import { type WardOptions, WardWay } from "./ward-way.ts";

/** What one variant of the house did; null where it could not be measured here. */
interface VariantsResults {
  /** At 1,000 readings a second, with a window of a second. */
  readonly second: WardPhase;
  /** At full speed: as it is, with 10 ms added to every fdatasync, and with a flow that keeps nothing. */
  readonly usual: WardPhase;
  readonly slow: WardPhase | null;
  readonly empty: WardPhase;
}

/** The house with another window, a slow disk and an empty sink. */
export const variantsPart: BenchPart = {
  name: "variants",
  title: "The house with a long window, a slow disk, and an empty sink",
  measure: async (context) => {
    const results = await measure(context);
    return {
      results,
      table: tableOf(results),
      notes: NOTES,
      goals: goalsOf(results, context.earlier.get("house")),
    };
  },
};

const PACED = 1000;
const STRACE = "/usr/bin/strace";
const SYNC_DELAY_US = 10_000;
/** With -D the gateway stays the process that was started; with a filter for this one call, others are not slowed. */
const SLOW_DISK =
  `${STRACE} -D -f -qq -o /dev/null --seccomp-bpf -e trace=fdatasync -e inject=fdatasync:delay_exit=${SYNC_DELAY_US}`.split(
    " ",
  );

async function measure({ directory, ...context }: BenchContext): Promise<VariantsResults> {
  const { seconds, signal, say } = context;
  const bench = await openBenchSite(directory, signal);
  const load = { seconds, paced: PACED, say };
  try {
    say("Wardgate, a window of a second ...");
    const second = await withWay(bench, { windowMs: 1000 }, async (way) => {
      way.pace(PACED);
      return phase(way, seconds);
    });
    const usual = await fullSpeed(bench, {}, load);
    say("Wardgate, 10 ms more for each fdatasync ...");
    const slow = existsSync(STRACE) ? await fullSpeed(bench, { command: SLOW_DISK }, load) : null;
    say("Wardgate, an empty sink ...");
    const empty = await fullSpeed(bench, { isEmpty: true }, load);
    return { second, usual, slow, empty };
  } finally {
    await bench.close();
  }
}

function fullSpeed(
  bench: BenchSite,
  options: Partial<WardOptions>,
  load: BenchLoad,
): Promise<WardPhase> {
  return withWay(bench, options, async (way) => sustained(way, await ramp(way, load.say), load));
}

async function withWay<Result>(
  bench: BenchSite,
  options: Partial<WardOptions>,
  act: (way: WardWay) => Promise<Result>,
): Promise<Result> {
  const way = await WardWay.open(bench, options);
  try {
    const result = await act(way);
    await way.finish();
    return result;
  } finally {
    await way.close();
  }
}

const HEADS = ["", "readings/s", "CPU s per million", "bytes on the wire", "bytes to disk"];

function tableOf({ second, usual, slow, empty }: VariantsResults): Table {
  const row = (what: string, figures: WardPhase | null): string[] =>
    figures === null
      ? [what, "-", "-", "-", "-"]
      : [
          what,
          count(figures.readingsPerSecond),
          count(figures.cpuGateway, 1),
          count(figures.wireBytesPerReading, 2),
          count(figures.diskBytesPerReading, 1),
        ];
  return {
    heads: HEADS,
    rows: [
      row("1,000 readings/s, a window of 1 s", second),
      row("full speed, a window of 100 ms", usual),
      row("the same, 10 ms more for each fdatasync", slow),
      row("the same, a flow that keeps nothing", empty),
    ],
  };
}

const NOTES = [
  "Bytes are per reading. The slow disk is made by strace, which holds each fdatasync of the gateway back for 10 ms; an SD card does so by itself.",
  "The flow that keeps nothing is source, check and a filter that withholds every reading; only the accounts go to the outbox, and broker and hub have nothing to do.",
];

/** One sixtieth of what a reading takes as JSON. */
const WIRE_SHARE_MAX = 1 / 60;
const DISK_BYTES_MAX = 16;
const SLOW_MIN = 0.9;
const SINK_MIN = 0.8;

function goalsOf(results: VariantsResults, house: object | undefined): Goal[] {
  const { second, usual, slow, empty } = results;
  const json = numberAt(house, "stock", "paced", "wireBytesPerReading");
  return [
    atMost(
      "bytes on the wire at 1,000 readings/s with a window of 1 s, ours / stock",
      WIRE_SHARE_MAX,
      json > 0 ? second.wireBytesPerReading / json : null,
      ratio,
    ),
    atMost(
      "bytes written to disk per reading at 1,000 readings/s with a window of 1 s",
      DISK_BYTES_MAX,
      second.diskBytesPerReading,
      (value) => count(value, 1),
    ),
    atLeast(
      "readings/s with 10 ms more for each fdatasync, by those without",
      SLOW_MIN,
      slow === null ? null : slow.readingsPerSecond / usual.readingsPerSecond,
      ratio,
    ),
    atLeast(
      "readings/s by those of a flow that keeps nothing",
      SINK_MIN,
      usual.readingsPerSecond / empty.readingsPerSecond,
      ratio,
    ),
  ];
}
