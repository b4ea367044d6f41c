import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { WardError } from "../../gateway/errors.ts";
import type { ClassName, Item } from "../../gateway/reading.ts";
import { readWard } from "../../nodes/ward-message.ts";
import type { Seen } from "../fakes/node-red.ts";
import {
  aMessage,
  aReading,
  aTake,
  aWaveform,
  BOOT,
  FakeServices,
} from "../fakes/flow-services.ts";
import { TestRed } from "../fakes/node-red.ts";

const services = new FakeServices();
let red: TestRed;
before(async () => {
  red = await TestRed.open({ ward: services });
});
after(() => red.close());

const TAB = { id: "t", type: "tab", label: "Ward A" };
function flowOf(fields: object): object[] {
  const node = (id: string, type: string, wires: string[][] = [], more: object = {}): object => ({
    id,
    type,
    z: "t",
    x: 1,
    y: 1,
    wires,
    ...more,
  });
  return [
    TAB,
    node("seal", "ward-seal", [["out"]], fields),
    node("out", "test-sink"),
    node("catch", "catch", [["errors"]], { scope: ["seal"] }),
    node("errors", "test-sink"),
    node("complete", "complete", [["done"]], { scope: ["seal"] }),
    node("done", "test-sink"),
  ];
}

beforeEach(() => {
  red.forget();
  services.sealFails = null;
});

function send(items: readonly Item[], className: ClassName = "vital", generation = 1): void {
  red.inject("seal", structuredClone(aMessage(aTake(items, className), generation)));
}

function sealedItems({ payload }: Seen): { className: ClassName; items: Item[] } {
  assert.ok(payload instanceof Uint8Array);
  return JSON.parse(Buffer.from(payload).toString("utf8"));
}

test("what comes within one window is one batch per class, with all its takes", async () => {
  await red.deploy(flowOf({ windowMs: "30", waveMs: "40" }));
  const first = aReading();
  const second = aReading({ take: 2, device: "bed-2/monitor" });
  const wave = aWaveform({ take: 3 });
  send([first]);
  send([second]);
  send([wave], "wave");
  const [vital, waves] = await red.received("out", 2);
  assert.ok(vital !== undefined && waves !== undefined);
  assert.deepEqual(sealedItems(vital), { className: "vital", items: [first, second] });
  assert.deepEqual(sealedItems(waves), { className: "wave", items: [wave] });
  assert.deepEqual([vital.topic, waves.topic], ["vital", "wave"]);
  assert.deepEqual(vital.ward.sealed?.items, 2);
  assert.match(vital.ward.sealed?.salt ?? "", /^[0-9a-f]{32}$/);
  assert.deepEqual(
    vital.ward.takes.map(({ device, take, indices, count }) => [device, take, indices, count]),
    [
      ["bed-1/monitor", 1, 1, 1],
      ["bed-2/monitor", 2, 1, 1],
    ],
  );
  assert.equal((await red.received("done", 3)).length, 3, "each message is done once");
});

test("waveforms wait for longer, and what waits then goes along with them", async () => {
  await red.deploy(flowOf({ windowMs: "10", waveMs: "200" }));
  send([aWaveform({ take: 1 })], "wave");
  send([aReading({ take: 2 })]);
  send([aReading({ take: 3 })], "trend");
  const first = await red.received("out", 2);
  assert.deepEqual(first.map(({ topic }) => topic).toSorted(), ["trend", "vital"]);
  const [, , wave] = await red.received("out", 3);
  assert.equal(wave?.topic, "wave");
  red.forget();
  await red.deploy(flowOf({ windowMs: "10000", waveMs: "10" }));
  send([aWaveform({ take: 4 })], "wave");
  await red.settle();
  assert.deepEqual(red.soFar("out"), [], "never shorter than the window of the others");
});

test("a full batch does not wait for its window", async () => {
  await red.deploy(flowOf({ windowMs: "10000", itemsMax: "3" }));
  for (let take = 1; take <= 4; take += 1) {
    send([aReading({ take }), aReading({ take, index: 1 })]);
  }
  const seen = await red.received("out", 3);
  assert.deepEqual(
    seen.map((message) => message.ward.sealed?.items),
    [2, 2, 2],
  );
});

test("a batch holds no more takes than a message may carry", async () => {
  await red.deploy(flowOf({ windowMs: "10000" }));
  for (let take = 1; take <= 1000; take += 1) {
    send([aReading({ take })]);
  }
  const [seen] = await red.received("out", 1);
  assert.equal(seen?.ward.takes.length, 1000);
});

test("one take in two parts, and one item twice: indices merged, each item sealed once", async () => {
  await red.deploy(flowOf({ windowMs: "30" }));
  const items = [aReading(), aReading({ index: 1 }), aReading({ index: 2 })];
  const message = aMessage(aTake(items));
  red.inject("seal", structuredClone({ ...message, payload: [items[2]] }));
  red.inject("seal", structuredClone({ ...message, payload: [items[0], items[2]] }));
  const [seen] = await red.received("out", 1);
  assert.ok(seen !== undefined);
  assert.deepEqual(sealedItems(seen).items, [items[2], items[0]]);
  assert.deepEqual(
    seen.ward.takes.map(({ indices }) => indices),
    [0b101],
    "not what the flow took away",
  );
  assert.equal((await red.received("done", 2)).length, 2);
});

test("batches of two generations are never mixed", async () => {
  await red.deploy(flowOf({ windowMs: "50" }));
  send([aReading()], "vital", 1);
  send([aReading({ take: 2 })], "vital", 2);
  const seen = await red.received("out", 2);
  assert.deepEqual(
    seen.map(({ ward }) => [ward.generation, ward.takes.length]),
    [
      [1, 1],
      [2, 1],
    ],
  );
});

test("a deploy seals what waits, before it is stopped", async () => {
  const flow = flowOf({ windowMs: "10000" });
  await red.deploy(flow);
  send([aReading()]);
  await red.settle();
  assert.deepEqual(red.soFar("out"), []);
  await red.deploy([TAB, ...flow.slice(2)], "nodes");
  assert.equal((await red.received("out", 1)).length, 1);
});

test("a full deploy stores what waits, whichever node Node-RED stops first", async () => {
  const seal = {
    id: "seal",
    type: "ward-seal",
    z: "t",
    x: 1,
    y: 1,
    windowMs: "10000",
    wires: [["outbox"]],
  };
  const outbox = { id: "outbox", type: "ward-outbox", z: "t", x: 1, y: 1, wires: [] };
  for (const nodes of [
    [outbox, seal],
    [seal, outbox],
  ]) {
    services.stored.length = 0;
    await red.deploy([TAB, ...nodes]);
    send([aReading()]);
    await red.settle();
    assert.equal(services.stored.length, 0);
    await red.deploy([TAB, ...nodes]);
    assert.equal(services.stored.length, 1);
  }
});

test("takes of which no item is left in the message are not carried on", async () => {
  await red.deploy(flowOf({ windowMs: "10" }));
  const one = aMessage(aTake([aReading()]));
  const two = aMessage(aTake([aReading({ take: 2 })]));
  const ward = { ...readWard(one), takes: [...readWard(one).takes, ...readWard(two).takes] };
  red.inject("seal", structuredClone({ payload: [aReading({ take: 2 })], ward }));
  const [seen] = await red.received("out", 1);
  assert.deepEqual(seen?.ward.takes, readWard(two).takes);
});

test("items that are not in the takes of the message go to the catch node", async () => {
  await red.deploy(flowOf({ windowMs: "10" }));
  const message = aMessage(aTake([aReading()]));
  for (const payload of [
    [aReading({ take: 7 })],
    [aReading({ boot: BOOT.replace("0", "f") })],
    [aReading(), aReading({ index: 1 })],
  ]) {
    red.inject("seal", structuredClone({ ...message, payload }));
  }
  red.inject("seal", structuredClone({ ...message, payload: [aReading({ value: Number.NaN })] }));
  const errors = await red.received("errors", 4);
  assert.deepEqual(
    errors.map(({ error }) => error.code),
    ["WARD_NODE_MESSAGE", "WARD_NODE_MESSAGE", "WARD_NODE_MESSAGE", "WARD_SEAL_VALUE"],
  );
  await red.settle();
  assert.deepEqual([red.soFar("out"), red.soFar("done")], [[], []]);
});

test("a value that the flow changed is sealed as it is: the hub marks it as derived", async () => {
  await red.deploy(flowOf({ windowMs: "10" }));
  const message = aMessage(aTake([aReading()]));
  red.inject(
    "seal",
    structuredClone({ ...message, payload: [aReading({ value: 50, text: "50" })] }),
  );
  const [seen] = await red.received("out", 1);
  assert.ok(seen !== undefined);
  assert.deepEqual(sealedItems(seen).items, [aReading({ value: 50, text: "50" })]);
  assert.deepEqual(seen.ward.takes[0]?.digest, aTake([aReading()]).digest);
});

test("one message that cannot be sealed does not hold up the others of its batch", async () => {
  await red.deploy(flowOf({ windowMs: "30" }));
  services.sealFails = (items) =>
    items.some((item) => item.take === 2)
      ? new WardError("WARD_SEAL_INPUT", "Cannot seal: test.")
      : null;
  for (const take of [1, 2, 3]) {
    send([aReading({ take })]);
  }
  const seen = await red.received("out", 1);
  const [failed] = await red.received("errors", 1);
  assert.deepEqual(
    seen.flatMap((message) => sealedItems(message).items.map(({ take }) => take)),
    [1, 3],
  );
  assert.equal(failed?.error.code, "WARD_SEAL_INPUT");
  assert.deepEqual(failed?.payload[0]?.take, 2);
  assert.equal((await red.received("done", 2)).length, 2);
  await red.settle();
  assert.equal(red.soFar("errors").length, 1);
});
