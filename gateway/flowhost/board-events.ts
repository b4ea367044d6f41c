import type { BoardEvent, BoardReading, BoardTrend, BoardWave } from "../console/contract.ts";
import type { Waveform } from "../reading.ts";
import type { Board, ShownSeries } from "./board.ts";
import { MINUTE_MS } from "./board-trends.ts";

/** What is said of the board: these values, and the trends of these series. */
export interface BoardNews {
  /** It replaces all that was said before. */
  readonly full: boolean;
  readonly values: readonly ShownSeries[];
  readonly trends: readonly ShownSeries[];
}

/**
 * The same in messages that are each far below the limit of a frame: the values first, then the trends, as they are when their message
 * is made. There is at least one message; only the first is `full`. `now` gives epoch milliseconds.
 */
export function* boardEvents(
  board: Board,
  { full, values, trends }: BoardNews,
  now: () => number,
): Generator<BoardEvent> {
  const readings = cut(values, boardReading);
  const { value: first = [] } = readings.next();
  yield { at: now(), full, readings: first, trends: [] };
  for (const part of readings) {
    yield { at: now(), full: false, readings: part, trends: [] };
  }
  for (const part of cut(trends, (series) => boardTrend(board, series, now()))) {
    yield { at: now(), full: false, readings: [], trends: part };
  }
}

/** A block as the pages draw it. */
export function boardWave(wave: Waveform): BoardWave {
  const { device, code, path, unit, start, period, scale, offset } = wave;
  return {
    device,
    code,
    path,
    unit,
    at: start,
    periodMs: period.ms / period.samples,
    samples: wave.samples.map((sample) => (sample === null ? null : sample * scale + offset)),
  };
}

/**
 * Cuts what is made of the series into parts of a bounded length. What is too long by itself is left out: a flow can have made it so
 * after it was looked at.
 */
function* cut<Part>(
  all: readonly ShownSeries[],
  make: (series: ShownSeries) => Part | null,
): Generator<Part[]> {
  let parts: Part[] = [];
  let chars = 0;
  for (const series of all) {
    const part = make(series);
    const length = part === null ? 0 : JSON.stringify(part).length;
    if (part !== null && length <= PART_CHARS_MAX) {
      parts.push(part);
      chars += length;
    }
    if (chars > MESSAGE_CHARS) {
      yield parts;
      parts = [];
      chars = 0;
    }
  }
  if (parts.length > 0) {
    yield parts;
  }
}

function boardReading({ device, code, path, reading }: ShownSeries): BoardReading {
  const { value, text, unit, at, quality } = reading;
  return { device, code, path, value, text, unit, at, quality };
}

function boardTrend(board: Board, series: ShownSeries, at: number): BoardTrend | null {
  const points = board.trendOf(series, Math.floor(at / MINUTE_MS));
  const { device, code, path } = series;
  return points.length === 0 ? null : { device, code, path, points };
}

/** A message ends with the part that exceeds this; in UTF-8 a character takes three bytes at most. */
const MESSAGE_CHARS = 128 * 1024;
const PART_CHARS_MAX = 64 * 1024;
