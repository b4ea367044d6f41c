import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { FilterOptions } from "../../gateway/filter.ts";
import { Filter, isNews, SERIES_MAX } from "../../gateway/filter.ts";
import type { Item, Quality, Reading } from "../../gateway/reading.ts";
import { aReading, aWaveform } from "../fakes/flow-services.ts";

const OPTIONS: FilterOptions = {
  deadBand: { kind: "absolute", size: 2 },
  minimumIntervalMs: 0,
  heartbeatMs: 60_000,
  classes: ["vital"],
};
const START = 1_795_475_500_000;

/** Which of these values pass, one a second. */
function passedOf(
  values: readonly Reading["value"][],
  options: Partial<FilterOptions> = {},
): unknown[] {
  const filter = new Filter({ ...OPTIONS, ...options });
  const items = values.map((value, second) => aReading({ value, at: START + second * 1000 }));
  return items.flatMap((item) => filter.select("vital", [item], 1).passed.map(valueOf));
}

function valueOf(item: Item): unknown {
  return item.kind === "reading" ? item.value : item.kind;
}

test("a number passes when it has moved by more than the dead-band from the last one passed", () => {
  assert.deepEqual(passedOf([97, 98, 99, 100, 101, 102, 103]), [97, 100, 103]);
  assert.deepEqual(passedOf([97, 95, 94]), [97, 94]);
});

test("without a dead-band any change is news", () => {
  const deadBand = { kind: "none", size: 5 } as const;
  assert.deepEqual(passedOf([1, 1, 1.000_001, 1, 1], { deadBand }), [1, 1.000_001, 1]);
});

test("a percentage is of the last value passed", () => {
  const deadBand = { kind: "percent", size: 10 } as const;
  assert.deepEqual(passedOf([100, 109, 111, 121, 123], { deadBand }), [100, 111, 123]);
  assert.deepEqual(passedOf([-100, -109, -111], { deadBand }), [-100, -111]);
  assert.deepEqual(passedOf([0, 0, 0.1], { deadBand }), [0, 0.1]);
});

test("no value: appearing and disappearing is news, staying away is not", () => {
  assert.deepEqual(passedOf([97, null, null, 97, 97]), [97, null, 97]);
  const slow = { minimumIntervalMs: 10_000 };
  assert.deepEqual(
    passedOf([97, null, 97], slow),
    [97, null, 97],
    "at once, whatever the interval",
  );
});

test("words pass on change, and from and to numbers", () => {
  assert.deepEqual(passedOf(["on", "on", "off", 1, 1, "on"]), ["on", "off", 1, "on"]);
});

test("numbers that are none do not stick", () => {
  assert.deepEqual(passedOf([Number.NaN, Number.NaN, 97, Number.POSITIVE_INFINITY]), [
    Number.NaN,
    97,
    Number.POSITIVE_INFINITY,
  ]);
});

test("nothing passes within the minimum interval, the newest after it", () => {
  const minimumIntervalMs = 3000;
  assert.deepEqual(passedOf([10, 20, 30, 40, 50, 60], { minimumIntervalMs }), [10, 40]);
});

test("the heartbeat passes an unchanged value", () => {
  assert.deepEqual(passedOf([97, 97, 97, 97, 97], { heartbeatMs: 2000 }), [97, 97, 97]);
});

test("changes of quality or unit, and a clock that went back, are news", () => {
  const last = aReading({ at: START });
  const news = (changes: Partial<Reading>): boolean =>
    isNews(last, aReading({ at: START + 1, ...changes }), { ...OPTIONS, minimumIntervalMs: 5000 });
  assert.equal(news({}), false);
  assert.equal(news({ quality: ["questionable"] }), true);
  assert.equal(news({ quality: ["valid", "early"] }), true);
  assert.equal(news({ unit: "1" }), true);
  assert.equal(news({ at: START - 1 }), true);
});

test("series are apart: device, code and path", () => {
  const filter = new Filter(OPTIONS);
  const items = [
    aReading(),
    aReading({ index: 1, path: "1.1.2" }),
    aReading({ index: 2, code: "MDC_PULS_OXIM_PULS_RATE" }),
    aReading({ index: 3, device: "bed-2/monitor" }),
    aReading({ index: 4 }),
  ];
  const { passed, withheld } = filter.select("vital", items, 1);
  assert.deepEqual([passed.length, withheld], [4, [items[4]]]);
  assert.deepEqual(filter.counts, { passed: 4, withheld: 1 });
});

test("only the chosen classes are filtered; waveforms pass in any class", () => {
  const filter = new Filter(OPTIONS);
  for (const className of ["trend", "wave", "notice"] as const) {
    for (let time = 0; time < 2; time += 1) {
      assert.equal(filter.select(className, [aReading()], 1).withheld.length, 0);
    }
  }
  const waves = [aWaveform(), aWaveform()];
  assert.deepEqual(filter.select("vital", waves, 1).passed, waves);
});

test("a new generation starts anew; what is left of an old one passes and changes nothing", () => {
  const filter = new Filter(OPTIONS);
  const one = (generation: number): number =>
    filter.select("vital", [aReading()], generation).passed.length;
  assert.deepEqual([one(1), one(1), one(2), one(2), one(1), one(1), one(2)], [1, 0, 1, 0, 1, 1, 0]);
});

test("memory is bounded: the series that was longest without news is forgotten", () => {
  const filter = new Filter(OPTIONS);
  for (let bed = 0; bed <= SERIES_MAX; bed += 1) {
    filter.select("vital", [aReading({ device: `bed-${bed}` })], 1);
  }
  assert.equal(filter.select("vital", [aReading({ device: "bed-1" })], 1).passed.length, 0);
  assert.equal(filter.select("vital", [aReading({ device: "bed-0" })], 1).passed.length, 1);
});

const qualities = fc.constantFrom<Quality[]>(["valid"], ["questionable"], ["valid", "early"]);
const values = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.double({ noNaN: true, min: -5, max: 5 }),
  fc.constantFrom(null, "on", "off"),
);
const steps = fc.array(
  fc.record({
    value: values,
    quality: qualities,
    after: fc.integer({ min: 0, max: 3000 }),
    series: fc.constantFrom("1.1.1", "1.1.2"),
  }),
  { maxLength: 60 },
);
const options = fc.record({
  deadBand: fc.record({
    kind: fc.constantFrom("none", "absolute", "percent"),
    size: fc.double({ noNaN: true, min: 0, max: 3 }),
  }),
  minimumIntervalMs: fc.constantFrom(0, 1000, 2500),
  heartbeatMs: fc.constantFrom(1000, 5000, 60_000),
  classes: fc.constant(["vital"] as const),
});

test("it selects and never alters: what comes out are the very objects, in order, each once", () => {
  fc.assert(
    fc.property(options, steps, (chosen, taken) => {
      const filter = new Filter(chosen);
      const items = readingsOf(taken);
      const before = JSON.stringify(items);
      const { passed, withheld } = filter.select("vital", items, 1);
      const places = [...passed, ...withheld].map((item) => items.findIndex((own) => own === item));
      assert.deepEqual(
        places.toSorted((a, b) => a - b),
        [...items.keys()],
      );
      const passedPlaces = places.slice(0, passed.length);
      assert.deepEqual(
        passedPlaces,
        passedPlaces.toSorted((a, b) => a - b),
      );
      assert.equal(JSON.stringify(items), before);
      assert.deepEqual(filter.counts, { passed: passed.length, withheld: withheld.length });
    }),
  );
});

test("what a receiver holds is never further off than the dead-band, nor older than the heartbeat", () => {
  fc.assert(
    fc.property(options, steps, (chosen, taken) => {
      const filter = new Filter({ ...chosen, minimumIntervalMs: 0 });
      const held = new Map<string, Reading>();
      for (const item of readingsOf(taken)) {
        for (const passed of filter.select("vital", [item], 1).passed) {
          assert.equal(passed, item);
          held.set(item.path, item);
        }
        const known = held.get(item.path);
        assert.ok(known !== undefined, "the first of a series always passes");
        assert.ok(item.at - known.at < chosen.heartbeatMs);
        assert.deepEqual(known.quality, item.quality);
        if (typeof known.value === "number" && typeof item.value === "number") {
          const { kind, size } = chosen.deadBand;
          const part = kind === "percent" ? Math.abs(known.value) / 100 : 1;
          const band = kind === "none" ? 0 : size * part;
          assert.ok(Math.abs(item.value - known.value) <= band * (1 + 1e-9));
        } else {
          assert.equal(known.value, item.value);
        }
      }
    }),
  );
});

function readingsOf(
  taken: readonly { value: Reading["value"]; quality: Quality[]; after: number; series: string }[],
): Reading[] {
  let at = START;
  return taken.map(({ value, quality, after, series }, index) => {
    at += after;
    return aReading({ value, quality, at, path: series, take: index + 1 });
  });
}
