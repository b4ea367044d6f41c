import { count } from "../figures.ts";
import type { Goal } from "../goal.ts";
import type { BenchPart, PartReport } from "../part.ts";
import { benchDecoders, type DecoderResult } from "./decoder-bench.ts";

const MB_PER_SECOND_MIN = 20;
const MICROS_PER_FRAME_MAX = 5;

/** How fast every driver of a serial protocol decodes. */
export const decodersPart: BenchPart = {
  name: "decoders",
  title: "Decoders of serial protocols",
  measure: ({ signal, say }) => {
    say("Decoders ...");
    return Promise.resolve(report(benchDecoders(signal)));
  },
};

function report(results: readonly DecoderResult[]): PartReport {
  return {
    results,
    table: {
      heads: ["driver", "bytes per frame", "MB/s", "\u00b5s per frame", "within the goal"],
      rows: results.map((result) => [
        result.model,
        count(result.bytesPerFrame),
        count(result.mbPerSecond, 1),
        count(result.usPerFrame, 1),
        isFast(result) ? "yes" : "**no**",
      ]),
    },
    notes: [
      "From bytes to readings and waveforms in one process on one core, handed over in pieces of 256 bytes; the bytes are the steady captures of each driver. A frame is what the driver makes one output of.",
    ],
    goals: [goal(results)],
  };
}

function goal(results: readonly DecoderResult[]): Goal {
  const fast = results.filter(isFast);
  return {
    what: "each decoder",
    goal: `\u2265 ${MB_PER_SECOND_MIN} MB/s or \u2264 ${MICROS_PER_FRAME_MAX} \u00b5s per frame`,
    measured: `${fast.length} of ${results.length}`,
    isMet: fast.length === results.length,
  };
}

function isFast({ mbPerSecond, usPerFrame }: DecoderResult): boolean {
  return mbPerSecond >= MB_PER_SECOND_MIN || usPerFrame <= MICROS_PER_FRAME_MAX;
}
