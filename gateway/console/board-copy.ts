import type { BoardEvent, BoardReading, BoardTrend } from "./contract.ts";

/** The board as the flow host last told it, so that whoever looks next sees all of it at once. */
export class BoardCopy {
  readonly #readings = new Map<string, BoardReading>();
  readonly #trends = new Map<string, BoardTrend>();

  /** Takes over an event; what came first goes when there is too much. */
  take({ full, readings, trends }: BoardEvent): void {
    if (full) {
      this.#readings.clear();
      this.#trends.clear();
    }
    readings.forEach((reading) => put(this.#readings, reading));
    trends.forEach((trend) => put(this.#trends, trend));
  }

  /** All of it, `at` this time (epoch milliseconds): what the flow host has not told again since is as old as it is. */
  whole(at: number): BoardEvent {
    const [readings, trends] = [[...this.#readings.values()], [...this.#trends.values()]];
    return { at, full: true, readings, trends };
  }
}

type Series = Pick<BoardReading, "device" | "code" | "path">;

function put<Value extends Series>(map: Map<string, Value>, value: Value): void {
  map.set(`${value.device} ${value.code} ${value.path}`, value);
  if (map.size > SERIES_MAX) {
    const [oldest = ""] = map.keys();
    map.delete(oldest);
  }
}

/** As many as the flow host keeps. */
const SERIES_MAX = 5000;
