import assert from "node:assert/strict";
import { test } from "node:test";

import { HealthMeter } from "../../../gateway/house/health.ts";
import { HouseHealth } from "../../../gateway/house/house-health.ts";

interface Report {
  readonly held?: number;
  readonly rate?: number;
  readonly stored?: number;
  readonly withheld?: number;
  readonly dropped?: number;
  /** What is not said was all that was taken. */
  readonly taken?: number;
}

/** What bedside reports, as far as health looks at it. */
function report({
  held = 0,
  rate = 1,
  stored = 0,
  withheld = 0,
  dropped = 0,
  taken,
}: Report): object {
  const all = taken ?? stored + withheld + dropped + held;
  const vital = { taken: all, stored, withheld, dropped, refused: 0, evicted: 0 };
  return { held, classes: { vital }, lines: { "bed-1/monitor": { rate } } };
}

const AGE = 10_000;
/** What health said in the end of reports a second apart. */
function course(reports: readonly object[]): HealthMeter {
  const meter = new HealthMeter(AGE, 0);
  reports.forEach((said, second) => meter.look(second * 1000, said));
  return meter;
}

const seconds = (count: number, at: (second: number) => object): object[] =>
  Array.from({ length: count }, (_, second) => at(second));

test("a gateway whose data moves is healthy, and says how old its newest data is", () => {
  const { health } = course(seconds(60, (second) => report({ stored: second })));
  assert.deepEqual(health, {
    state: "good",
    text: "1 devices deliver, newest data 0 s old",
    forMs: 0,
  });
});

test("values that are withheld because they are no news are healthy too", () => {
  const said = seconds(60, (second) => report({ stored: 5, withheld: second }));
  assert.equal(course(said).health.state, "good");
});

test("a ward with silent devices is healthy", () => {
  const { health } = course(seconds(60, () => report({ rate: 0 })));
  assert.deepEqual(health, {
    state: "good",
    text: "no device delivers",
    forMs: 0,
  });
});

test("takes that wait and never come to an end are stuck, and since when", () => {
  const { health } = course(seconds(31, () => report({ held: 40, stored: 7 })));
  assert.equal(health.state, "stuck");
  assert.match(health.text, /^40 takes wait and none came to an end for 30 s$/);
  assert.equal(health.forMs, 19_000);
});

test("a flow that drops everything is poor, not stuck: a new start does not cure it", () => {
  const { health } = course(seconds(31, (second) => report({ dropped: second, held: 3 })));
  assert.deepEqual([health.state, health.text.includes("look at the flow")], ["poor", true]);
});

test("a device that delivers nothing which could be kept makes nobody ill", () => {
  const { health } = course(seconds(60, () => report({ stored: 7, taken: 7 })));
  assert.equal(health.state, "good");
});

test("a room that reports nothing is stuck, and one report later it is not", () => {
  const meter = new HealthMeter(AGE, 0);
  const last = report({ stored: 1 });
  meter.look(0, last);
  assert.equal(meter.look(AGE, last).state, "good");
  assert.equal(meter.look(AGE + 1000, last).state, "stuck");
  assert.equal(meter.look(AGE + 2000, report({ stored: 2 })).state, "good");
});

test("a bedside that counts from 0 again is progress", () => {
  const before = seconds(9, () => report({ held: 5, stored: 100 }));
  const after = seconds(9, () => report({ held: 5, stored: 0 }));
  assert.equal(course([...before, ...after]).health.state, "good");
});

test("nonsense in place of a report is no crash", () => {
  for (const nonsense of [null, 7, "x", [], { classes: 1, lines: [1] }]) {
    assert.equal(new HealthMeter(AGE, 0).look(1, nonsense).state, "good");
  }
});

test("a house that is stuck for too long is given up, with the reason", async () => {
  const stuck = report({ held: 3 });
  const house = { stats: () => stuck };
  const health = new HouseHealth(house, { healthAgeS: 0.01, healthExitS: 0.05 }, 1);
  const waiting = setInterval(() => undefined, 50);
  assert.match(await health.givenUp, /nothing was heard/);
  clearInterval(waiting);
  health.close();
});
