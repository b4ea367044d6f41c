import assert from "node:assert/strict";
import { test } from "node:test";

import { DeliveryMeter } from "../../../gateway/house/delivery.ts";
import { type GateFacts, judgeTrial } from "../../../gateway/house/health-gate.ts";

const LIMITS = { withinMs: 300_000, steadyMs: 60_000, ratePercent: 80 };
const GOOD = { devices: { a: 2, b: 1 }, accepted: 1 };

function facts(changes: Partial<GateFacts> = {}): GateFacts {
  return {
    elapsedMs: 70_000,
    before: GOOD,
    wanted: new Set(["a", "b"]),
    since: GOOD,
    lately: GOOD,
    crashed: null,
    ...changes,
  };
}

test("as good as before for long enough is good, sooner it waits", () => {
  assert.deepEqual(judgeTrial(facts(), LIMITS), { state: "good" });
  assert.deepEqual(judgeTrial(facts({ elapsedMs: 59_000 }), LIMITS), { state: "waiting" });
  assert.deepEqual(judgeTrial(facts({ before: null, since: NONE, lately: NONE }), LIMITS), {
    state: "good",
  });
});

const NONE = { devices: {}, accepted: null };

const BAD: readonly { what: string; changes: Partial<GateFacts>; why: RegExp }[] = [
  {
    what: "a device that does not come back",
    changes: { since: { devices: { a: 2 }, accepted: 1 } },
    why: /1 of 2 devices do not deliver any more \(b\)/,
  },
  {
    what: "a rate under 80 %",
    changes: { lately: { devices: { a: 1.3, b: 1 }, accepted: 1 } },
    why: /2\.3 frames a second, and it was 3\.0/,
  },
  {
    what: "a flow that drops what is taken",
    changes: { lately: { ...GOOD, accepted: 0.5 } },
    why: /keeps 50 % of what is taken, and it was 100 %/,
  },
  {
    what: "a flow that takes nothing any more",
    changes: { lately: { ...GOOD, accepted: null } },
    why: /keeps 0 %/,
  },
];

for (const { what, changes, why } of BAD) {
  test(`not good: ${what}`, () => {
    assert.deepEqual(judgeTrial(facts(changes), LIMITS), { state: "waiting" });
    const verdict = judgeTrial(facts({ ...changes, elapsedMs: 300_000 }), LIMITS);
    assert.match(verdict.state === "bad" ? verdict.why : verdict.state, why);
  });
}

test("a room that ends is bad at once", () => {
  assert.deepEqual(judgeTrial(facts({ elapsedMs: 1, crashed: "flowhost" }), LIMITS), {
    state: "bad",
    why: "the flowhost ended",
  });
});

test("81 % is good enough, and a device that the flow no longer reads need not deliver", () => {
  const lately = { devices: { a: 1.62, b: 0.81 }, accepted: 0.81 };
  assert.equal(judgeTrial(facts({ lately }), LIMITS).state, "good");
  const only = { devices: { a: 2 }, accepted: 1 };
  const changes = { wanted: new Set(["a"]), since: only, lately: only };
  assert.equal(judgeTrial(facts(changes), LIMITS).state, "good");
});

function stats(boot: string, rate: number, taken: number, stored: number): object {
  const classes = { vital: { taken, stored, withheld: 0 }, notice: { taken: 99, stored: 0 } };
  return { boot, classes, lines: { a: { rate }, silent: { rate: 0 } } };
}

test("the meter means rates, and what the flow has kept of what was taken", () => {
  const meter = new DeliveryMeter(10_000);
  assert.deepEqual(meter.baseline(), NONE);
  meter.add(0, null);
  meter.add(1000, stats("x", 1, 100, 90));
  meter.add(2000, stats("x", 3, 200, 140));
  assert.deepEqual(meter.baseline(), { devices: { a: 2 }, accepted: 0.5 });
  assert.deepEqual(meter.baseline(1500), { devices: { a: 3 }, accepted: null });
});

test("the meter forgets what is old, and begins anew with another bedside", () => {
  const meter = new DeliveryMeter(10_000);
  meter.add(0, stats("x", 9, 0, 0));
  meter.add(11_000, stats("x", 1, 10, 10));
  assert.deepEqual(meter.baseline(), { devices: { a: 1 }, accepted: null });
  meter.add(12_000, stats("y", 2, 0, 0));
  assert.deepEqual(meter.baseline(), { devices: { a: 2 }, accepted: null });
});
