import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { aMessage, aReading, aTake, aWaveform, FakeServices } from "../fakes/flow-services.ts";
import { TestRed } from "../fakes/node-red.ts";

const services = new FakeServices();
let red: TestRed;
before(async () => {
  red = await TestRed.open({ ward: services });
});
after(() => red.close());

async function start(fields: object = {}): Promise<void> {
  const node = (id: string, type: string, wires: string[][] = [], more: object = {}): object => ({
    id,
    type,
    z: "t",
    x: 1,
    y: 1,
    wires,
    ...more,
  });
  await red.deploy([
    { id: "t", type: "tab", label: "Ward A" },
    node("check", "ward-check", [["possible"], ["refused", "seal"]], fields),
    node("possible", "test-sink"),
    node("refused", "test-sink"),
    node("seal", "ward-seal", [["sealed"]]),
    node("sealed", "test-sink"),
    node("catch", "catch", [["errors"]], { scope: ["seal"] }),
    node("errors", "test-sink"),
  ]);
}

beforeEach(() => {
  red.forget();
  services.settled.length = 0;
});

test("a take of possible readings passes unchanged, and nothing is settled", async () => {
  await start();
  const message = aMessage(aTake([aReading(), aReading({ index: 1, value: null, text: "" })]));
  red.inject("check", structuredClone(message));
  const [seen] = await red.received("possible", 1);
  assert.deepEqual({ ...message, _msgid: "" }, { ...seen, _msgid: "" });
  await red.settle();
  assert.deepEqual([red.soFar("refused"), services.settled], [[], []]);
});

test("a mixed take is parted: indices narrowed, the refused settled with what the hub needs to check", async () => {
  await start();
  const items = [
    aReading(),
    aReading({ index: 1, value: 970 }),
    aReading({ index: 2, unit: "kPa" }),
    aReading({ index: 3 }),
  ];
  red.inject("check", structuredClone(aMessage(aTake(items))));
  const [possible] = await red.received("possible", 1);
  const [refused] = await red.received("refused", 1);
  assert.deepEqual(possible?.payload, [items[0], items[3]]);
  assert.deepEqual(
    possible?.ward.takes.map(({ indices, count }) => [indices, count]),
    [[0b1001, 4]],
  );
  assert.deepEqual(refused?.payload, [items[1], items[2]]);
  assert.deepEqual(refused?.ward.takes, []);
  assert.deepEqual(
    refused?.ward.refused?.map(({ reason }) => reason),
    ["out-of-range", "wrong-unit"],
  );
  const [settled] = services.settled;
  assert.equal(services.settled.length, 1);
  assert.equal(settled?.outcome, "refused");
  assert.deepEqual(
    settled?.takes.map(({ indices }) => indices),
    [0b0110],
  );
  assert.deepEqual(settled?.items, [items[1], items[2]]);
});

test("what was refused cannot be sealed after all", async () => {
  await start();
  red.inject("check", structuredClone(aMessage(aTake([aReading({ value: 970 })]))));
  const [{ error } = {}] = await red.received("errors", 1);
  assert.equal(error?.code, "WARD_SEAL_SETTLED");
  await red.settle();
  assert.deepEqual([red.soFar("possible"), red.soFar("sealed")], [[], []]);
});

test("demonstration data passes only where it is allowed", async () => {
  const message = aMessage(aTake([aReading({ quality: ["demo"] })]));
  await start();
  red.inject("check", structuredClone(message));
  assert.equal((await red.received("refused", 1))[0]?.ward.refused?.[0]?.reason, "demo-data");
  red.forget();
  await start({ allowDemo: true });
  red.inject("check", structuredClone(message));
  assert.equal((await red.received("possible", 1)).length, 1);
});

test("waveforms are checked, and the status counts", async () => {
  await start();
  const bad = { period: { ms: 1, samples: 4096 } };
  red.inject("check", structuredClone(aMessage(aTake([aWaveform(bad)], "wave"))));
  await red.received("refused", 1);
  red.inject("check", structuredClone(aMessage(aTake([aWaveform()], "wave"))));
  const [wave] = await red.received("possible", 1);
  assert.deepEqual(wave?.payload, [aWaveform()]);
  for (;;) {
    const last = red.statuses.get("check")?.at(-1);
    if (last?.text === "1 ✓ 1 ✗") {
      assert.equal(last.fill, "yellow");
      return;
    }
    await red.statusChange();
  }
});
