import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import type { Reading } from "../../gateway/reading.ts";
import { aMessage, aReading, aTake, aWaveform, FakeServices } from "../fakes/flow-services.ts";
import { TestRed } from "../fakes/node-red.ts";

const services = new FakeServices();
let red: TestRed;
before(async () => {
  red = await TestRed.open({ ward: services });
});
after(() => red.close());

async function start(fields: object): Promise<void> {
  await red.deploy([
    { id: "t", type: "tab", label: "Ward A" },
    { id: "filter", type: "ward-filter", z: "t", x: 1, y: 1, wires: [["out"]], ...fields },
    { id: "out", type: "test-sink", z: "t", x: 1, y: 1, wires: [] },
  ]);
}

beforeEach(() => {
  red.forget();
  services.settled.length = 0;
});

let take = 0;

/** Sends one take of readings with these values, each of its own series. */
function send(values: readonly Reading["value"][], laterMs = 0, generation = 1): void {
  take += 1;
  const items = values.map((value, index) =>
    aReading({ take, index, value, path: `1.1.${index}`, at: 1_795_475_500_000 + laterMs }),
  );
  red.inject("filter", structuredClone(aMessage(aTake(items), generation)));
}

test("what is no news is withheld and settled, the rest goes on narrowed", async () => {
  await start({ deadBand: "absolute", size: "1", heartbeatMs: "60000" });
  send([97, 60]);
  send([97.5, 65], 1000);
  send([97.5, 65], 2000);
  const [first, second] = await red.received("out", 2);
  assert.equal(first?.payload.length, 2);
  assert.deepEqual(
    second?.payload.map((item) => item.index),
    [1],
  );
  assert.deepEqual(
    second?.ward.takes.map(({ indices }) => indices),
    [0b10],
  );
  await red.settle();
  assert.equal(red.soFar("out").length, 2, "a take without news goes no further");
  assert.deepEqual(
    services.settled.map(({ outcome, takes, items }) => [outcome, takes[0]?.indices, items.length]),
    [
      ["withheld", 0b01, 1],
      ["withheld", 0b11, 2],
    ],
  );
});

test("a new generation of flows hands over again: everything passes once more", async () => {
  await start({});
  send([97]);
  send([97], 10);
  send([97], 10, 2);
  assert.equal((await red.received("out", 2)).length, 2);
  await red.settle();
  assert.deepEqual([red.soFar("out").length, services.settled.length], [2, 1]);
});

test("interval and heartbeat come from the form", async () => {
  await start({ minimumIntervalMs: "5000", heartbeatMs: "10000" });
  for (const [value, laterMs] of [
    [1, 0],
    [2, 1000],
    [3, 6000],
    [3, 15_000],
    [3, 16_000],
  ] as const) {
    send([value], laterMs);
  }
  const seen = await red.received("out", 3);
  await red.settle();
  assert.deepEqual(
    seen.map(({ payload }) => Reflect.get(Object(payload[0]), "value")),
    [1, 3, 3],
  );
});

test("waveforms pass; trend copies are filtered only when asked for", async () => {
  const trend = structuredClone(aMessage(aTake([aReading()], "trend")));
  await start({});
  red.inject("filter", structuredClone(aMessage(aTake([aWaveform()], "wave"))));
  red.inject("filter", structuredClone(aMessage(aTake([aWaveform()], "wave"))));
  red.inject("filter", structuredClone(trend));
  red.inject("filter", structuredClone(trend));
  assert.equal((await red.received("out", 4)).length, 4);
  red.forget();
  await start({ trend: true });
  red.inject("filter", structuredClone(trend));
  red.inject("filter", structuredClone(trend));
  await red.received("out", 1);
  await red.settle();
  assert.deepEqual([red.soFar("out").length, services.settled.length], [1, 1]);
});

test("a form that cannot be used is named", async () => {
  for (const [fields, problem] of [
    [{ deadBand: "wide" }, /Cannot use field "deadBand": it is not one of none, absolute, percent/],
    [{ deadBand: "percent", size: "101" }, /"size": it is not a number from 0 to 100/],
    [{ heartbeatMs: "10" }, /"heartbeatMs": it is not a whole number from 1000 to 3600000/],
    [{ minimumIntervalMs: "x" }, /"minimumIntervalMs"/],
    [{ trend: "yes" }, /"trend": it is not yes or no/],
  ] as const) {
    red.forget();
    await start(fields);
    assert.match(red.log.join("\n"), problem);
  }
});
