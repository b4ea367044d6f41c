import { CLOCK_SET_NOTICE } from "../reading.ts";
import type { ClockStep } from "./clock.ts";
import type { NoticeFacts } from "./take.ts";

/** The notice of a clock that was set: `since` is what the clock before said at the very instant of the notice's `at`. */
export function clockNotice({ before, after }: ClockStep): NoticeFacts {
  return { notice: CLOCK_SET_NOTICE, text: textOf(after - before), since: before };
}

function textOf(ms: number): string {
  if (ms === 0) {
    return "The gateway's clock is right; it was before, too.";
  }
  const way = ms > 0 ? "forward" : "back";
  return `The gateway's clock was set ${way} by ${spanOf(Math.abs(ms))}: times of this device before that are off by as much.`;
}

/** The two largest units that there are. */
function spanOf(ms: number): string {
  const parts = UNITS.map(({ name, ms: unit }, place) => {
    const larger = UNITS[place - 1];
    const rest = larger === undefined ? ms : ms % larger.ms;
    return { name, count: Math.floor(rest / unit) };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  const shown = parts.slice(first, first + 2).filter(({ count }) => count > 0);
  return shown.map(({ name, count }) => `${count} ${name}`).join(" ");
}

const UNITS = [
  { name: "d", ms: 86_400_000 },
  { name: "h", ms: 3_600_000 },
  { name: "min", ms: 60_000 },
  { name: "s", ms: 1000 },
  { name: "ms", ms: 1 },
] as const;
