import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { boardEvents, boardWave } from "../../../gateway/flowhost/board-events.ts";
import { BoardTrends, NO_TREND } from "../../../gateway/flowhost/board-trends.ts";
import { BoardWaves } from "../../../gateway/flowhost/board-waves.ts";
import { Board } from "../../../gateway/flowhost/board.ts";
import type { Quality, Reading, Waveform } from "../../../gateway/reading.ts";
import { TREND_MINUTES } from "../../../gateway/rooms.ts";
import { AT, BOOT, reading } from "../../fakes/sealing-kit.ts";

const MINUTE = 60_000;
const FIRST = 1000;

function waveform(more: Partial<Waveform> = {}): Waveform {
  return {
    kind: "waveform",
    device: "bed-12/monitor",
    boot: BOOT,
    take: 1,
    index: 0,
    code: "MDC_ECG_ELEC_POTL_II",
    mdc: null,
    unit: "mV",
    start: AT,
    clock: "synchronised",
    period: { ms: 4, samples: 2 },
    scale: 0.5,
    offset: -1,
    samples: [2, null, 4],
    gap: false,
    quality: ["valid"],
    path: "",
    ...more,
  };
}

function nameOf({ device, code, path }: Reading): string {
  return JSON.stringify([device, code, path]);
}

/** The same as BoardTrends, without any thought of memory. */
class NaiveTrend {
  readonly values = new Map<number, number[]>();

  add(minute: number, value: number): void {
    for (const known of this.values.keys()) {
      if (known > minute || known <= minute - TREND_MINUTES) {
        this.values.delete(known);
      }
    }
    this.values.set(minute, [...(this.values.get(minute) ?? []), value]);
  }

  points(until: number): (readonly [number, number, number])[] {
    return [...this.values]
      .filter(([minute]) => minute <= until && minute > until - TREND_MINUTES)
      .sort(([a], [b]) => a - b)
      .map(([minute, values]) => [minute, Math.min(...values), Math.max(...values)] as const);
  }
}

test("trends are the lowest and highest of each minute of the last hour, whichever way the clock goes", () => {
  const step = fc.record({
    series: fc.nat({ max: 2 }),
    // Mostly on, sometimes back, sometimes over an hour.
    minutes: fc.oneof(
      { weight: 6, arbitrary: fc.nat({ max: 3 }) },
      { weight: 2, arbitrary: fc.integer({ min: -8, max: 0 }) },
      { weight: 1, arbitrary: fc.integer({ min: -150, max: 150 }) },
    ),
    inMinute: fc.nat({ max: MINUTE - 1 }),
    // There is no telling which of 0 and -0 is lower.
    value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    forget: fc.integer({ min: 0, max: 15 }).map((draw) => draw === 0),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 150, size: "max" }),
      fc.nat({ max: 70 }),
      (steps, later) => {
        const trends = new BoardTrends();
        const kept = [NO_TREND, NO_TREND, NO_TREND];
        const naive = [new NaiveTrend(), new NaiveTrend(), new NaiveTrend()];
        let minute = FIRST;
        for (const { series, minutes, inMinute, value, forget } of steps) {
          minute = Math.max(0, minute + minutes);
          if (forget) {
            trends.forget(kept[series]!);
            kept[series] = NO_TREND;
            naive[series] = new NaiveTrend();
          }
          kept[series] = trends.add(kept[series]!, minute * MINUTE + inMinute, value);
          naive[series]!.add(minute, value);
          assert.equal(trends.end(kept[series]), minute);
          for (const [place, trend] of kept.entries()) {
            assert.deepEqual(trends.points(trend, minute), naive[place]!.points(minute));
          }
        }
        for (const [place, trend] of kept.entries()) {
          assert.deepEqual(
            trends.points(trend, minute + later),
            naive[place]!.points(minute + later),
          );
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("5000 trends of an hour take less than 6 MB, and series without numbers take none", () => {
  const trends = new BoardTrends();
  for (let series = 0; series < 5000; series += 1) {
    let trend = NO_TREND;
    for (let minute = 0; minute < 3; minute += 1) {
      trend = trends.add(trend, AT + minute * MINUTE, series);
    }
  }
  assert.ok(trends.bytes < 6e6, `${trends.bytes} bytes`);
  const used = trends.bytes;
  trends.forget(17);
  assert.equal(trends.add(NO_TREND, AT, 1), 17, "what is used no more is used again");
  assert.equal(trends.bytes, used);
  assert.equal(trends.add(NO_TREND, Number.MAX_SAFE_INTEGER, 1), NO_TREND, "no time of a year");
});

test("what was updated since the last look is told, once and at its latest, on a board of any size", () => {
  const step = fc.record({
    look: fc.integer({ min: 0, max: 7 }).map((draw) => draw === 0),
    device: fc.constantFrom("bed-1", "bed-2"),
    code: fc.constantFrom("MDC_A", "MDC_B", "MDC_A 1"),
    path: fc.constantFrom("", "1", "1 1"),
    take: fc.integer({ min: 1, max: 30 }),
    boot: fc.constantFrom(BOOT, "0000000000000000"),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 150, size: "max" }),
      fc.integer({ min: 1, max: 12 }),
      (steps, seriesMax) => {
        const board = new Board(seriesMax);
        let shown: Reading[] = [];
        const changed = new Set<string>();
        for (const { look, device, code, path, take, boot } of steps) {
          const next = reading({ device, code, path, take, boot });
          const before = shown.find((one) => nameOf(one) === nameOf(next));
          board.show([next]);
          if (before === undefined || before.boot !== boot || before.take <= take) {
            shown = [...shown.filter((other) => other !== before), next].slice(-seriesMax);
            changed.delete(nameOf(next));
            changed.add(nameOf(next));
          }
          assert.deepEqual(board.content().readings, shown);
          assert.equal(board.size, shown.length);
          if (look) {
            assert.deepEqual(
              board.takeChanges().map((one) => one.reading),
              shown.filter((one) => changed.has(nameOf(one))),
            );
            changed.clear();
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("only numbers that were measured count into a trend, and what leaves the board leaves with its trend", () => {
  const board = new Board(2);
  const counts = (more: Partial<Reading>): boolean => {
    board.show([reading(more)]);
    const series = board.takeChanges().at(-1)!;
    return board.trendOf(series, Math.floor(AT / MINUTE)).length > 0;
  };
  const words: [Quality, boolean][] = [
    ["invalid", false],
    ["questionable", false],
    ["unavailable", false],
    ["calibrating", false],
    ["test", true],
    ["demo", true],
    ["in-alarm", true],
  ];
  for (const [word, isCounted] of words) {
    assert.equal(counts({ code: word, quality: [word] }), isCounted, word);
    assert.equal(counts({ code: `${word} too`, quality: ["validated", word] }), isCounted, word);
  }
  assert.equal(counts({ code: "MDC_A", value: "on" }), false);
  assert.equal(counts({ code: "MDC_B", value: null, text: "" }), false);
  assert.equal(counts({ code: "MDC_C", value: Number.POSITIVE_INFINITY }), false);
  assert.equal(counts({ code: "MDC_D" }), true);
  const [, last] = board.series();
  board.show([reading({ code: "MDC_E" }), reading({ code: "MDC_F" })]);
  assert.deepEqual(board.trendOf(last!, Math.floor(AT / MINUTE)), []);
  assert.equal(board.size, 2);
  assert.equal(board.gone, 2 * words.length + 6 - 2);
  assert.deepEqual(
    board.trendsSince(Math.floor(AT / MINUTE)).map((one) => one.reading.code),
    ["MDC_E", "MDC_F"],
  );
  assert.deepEqual(board.trendsSince(Math.floor(AT / MINUTE) + 1), []);
});

test("a large board is told in messages below the limit of a frame, without anything twice or missing", () => {
  const board = new Board();
  const long = "\u{ffff}".repeat(128);
  const now = AT + 59 * MINUTE;
  for (let minute = 0; minute < 60; minute += 1) {
    board.show(
      Array.from({ length: 300 }, (_, place) =>
        reading({
          code: `${place} ${long}`.slice(0, 128),
          text: "\u0000".repeat(512),
          path: long,
          take: minute + 1,
          at: AT + minute * MINUTE,
          value: 1 / (3 + place + minute),
        }),
      ),
    );
  }
  const whole = board.series();
  const events = [...boardEvents(board, { full: true, values: whole, trends: whole }, () => now)];
  assert.ok(events.length > 10);
  for (const [place, event] of events.entries()) {
    assert.ok(Buffer.byteLength(JSON.stringify(event)) < 2 ** 20);
    assert.equal(event.full, place === 0);
    assert.equal(event.at, now);
  }
  const codes = whole.map((one) => one.reading.code);
  assert.deepEqual(
    events.flatMap(({ readings }) => readings.map(({ code }) => code)),
    codes,
  );
  const trends = events.flatMap((event) => event.trends);
  assert.deepEqual(
    trends.map(({ code }) => code),
    codes,
  );
  assert.ok(trends.every(({ points }) => points.length === 60));
  const empty = [...boardEvents(board, { full: false, values: [], trends: [] }, () => now)];
  assert.deepEqual(empty, [{ at: now, full: false, readings: [], trends: [] }]);
  // A flow may still hold what it gave.
  Object.assign(whole[0]!.reading, { text: "x".repeat(2 ** 20) });
  Object.assign(whole[1]!.reading, { device: "elsewhere" });
  const [first] = boardEvents(board, { full: true, values: whole, trends: [] }, () => now);
  assert.equal(first!.readings[0]!.code, codes[1]);
  assert.equal(first!.readings[0]!.device, whole[2]!.device);
});

test("waveforms of watched devices wait until they are taken, so many at a time; others are let go", () => {
  const waves = new BoardWaves();
  let calls = 0;
  const onWaiting = (): void => {
    calls += 1;
  };
  waves.show(waveform());
  waves.watch(["bed-12/monitor"], onWaiting);
  assert.deepEqual(waves.take(), []);
  waves.show(waveform({ device: "bed-13/monitor" }));
  assert.equal(calls, 0);
  const long = waveform({ samples: Array.from({ length: 4096 }, () => 1) });
  for (let block = 0; block < 20; block += 1) {
    waves.show(long);
  }
  assert.equal(calls, 1);
  assert.equal(waves.take().length, 7);
  waves.show(long);
  assert.deepEqual(waves.take(), [], "there is no room before it is said");
  waves.refill();
  waves.show(waveform());
  waves.watch(["bed-13/monitor"], onWaiting);
  assert.deepEqual(waves.take(), [], "it is watched no more");
});

test("a waveform is drawn in its unit, with the time between two samples", () => {
  assert.deepEqual(boardWave(waveform()), {
    device: "bed-12/monitor",
    code: "MDC_ECG_ELEC_POTL_II",
    path: "",
    unit: "mV",
    at: AT,
    periodMs: 2,
    samples: [0, null, 1],
  });
  const board = new Board();
  board.waves.watch(["bed-12/monitor"], () => undefined);
  board.show([waveform({ quality: ["invalid"] }), waveform({ quality: ["test"] })]);
  assert.equal(board.waves.take().length, 1);
  assert.equal(board.size, 0);
});
