import type { VNode } from "preact";

import type { BoardTrend, BoardWave } from "../contract.ts";
import { texts } from "./shared.tsx";

/** Lowest and highest of each minute of the last hour as a band: a gap stays a gap. `now` is in epoch milliseconds. */
export function Sparkline({ trend, now }: { trend: BoardTrend; now: number }): VNode {
  const [last, points] = [
    Math.floor(now / 60_000),
    trend.points.filter(([minute]) => minute > now / 60_000 - 60),
  ];
  const low = Math.min(...points.map(([, least]) => least));
  const high = Math.max(...points.map(([, , most]) => most));
  const span = Math.max(high - low, Math.abs(high) * 0.02, 1e-9);
  const y = (value: number): number => 22 - (20 * (value - low)) / span;
  return (
    <svg
      class="spark"
      viewBox="0 0 60 24"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${texts.lastHour}: ${low}–${high}`}
    >
      {points.map(([minute, least, most]) => (
        <rect
          key={minute}
          x={59 - (last - minute)}
          width="1"
          y={y(most)}
          height={Math.max(1.4, y(least) - y(most))}
        />
      ))}
    </svg>
  );
}

/** The last seconds of a waveform; missing samples are gaps. */
export function Wave({ blocks, now }: { blocks: readonly BoardWave[]; now: number }): VNode {
  const samples = blocks.flatMap(({ samples: some }) => some).filter((sample) => sample !== null);
  const [low, high] = [Math.min(...samples), Math.max(...samples)];
  const span = Math.max(high - low, 1e-9);
  const last = blocks.at(-1);
  const end = last === undefined ? now : last.at + last.periodMs * last.samples.length;
  const paths = blocks.flatMap(({ at, periodMs, samples: some }) => {
    let pen = "M";
    return some.map((sample, place) => {
      if (sample === null) {
        pen = "M";
        return "";
      }
      const x = 800 - (end - at - place * periodMs) / 10;
      const step = `${pen}${x.toFixed(1)} ${(76 - (72 * (sample - low)) / span).toFixed(1)}`;
      pen = "L";
      return step;
    });
  });
  return (
    <svg
      class="wave"
      viewBox="0 0 800 80"
      preserveAspectRatio="none"
      role="img"
      aria-label={`${low}–${high}`}
    >
      <path d={paths.join("")} vector-effect="non-scaling-stroke" />
    </svg>
  );
}
