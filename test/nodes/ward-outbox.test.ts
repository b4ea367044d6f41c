import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { WardError } from "../../gateway/errors.ts";
import type { OutboxStatus } from "../../gateway/rooms.ts";
import { readWard } from "../../nodes/ward-message.ts";
import { aMessage, aReading, aTake, FakeServices } from "../fakes/flow-services.ts";
import { TestRed } from "../fakes/node-red.ts";

const services = new FakeServices();
let red: TestRed;
before(async () => {
  red = await TestRed.open({ ward: services });
});
after(() => red.close());

const node = (id: string, type: string, wires: string[][] = [], more: object = {}): object => ({
  id,
  type,
  z: "t",
  x: 1,
  y: 1,
  wires,
  ...more,
});
const FLOW = [
  { id: "t", type: "tab", label: "Ward A" },
  node("outbox", "ward-outbox"),
  node("catch", "catch", [["errors"]], { scope: ["outbox"] }),
  node("errors", "test-sink"),
  node("complete", "complete", [["done"]], { scope: ["outbox"] }),
  node("done", "test-sink"),
];
const WARD = {
  ...readWard(aMessage(aTake([aReading()]))),
  sealed: { salt: "0".repeat(32), items: 1 },
};

beforeEach(async () => {
  red.forget();
  services.stored.length = 0;
  services.storeFails = null;
  services.storeWaits = null;
  await red.deploy(FLOW);
});

test("a message is done when its batch is on disk, not before", async () => {
  const gate = Promise.withResolvers<void>();
  services.storeWaits = gate.promise;
  red.inject("outbox", { payload: new Uint8Array([1, 2, 3]), ward: WARD, topic: "vital" });
  await red.settle();
  assert.deepEqual(red.soFar("done"), []);
  gate.resolve();
  await red.received("done", 1);
  assert.deepEqual(services.stored, [{ bytes: new Uint8Array([1, 2, 3]), ward: WARD }]);
});

test("what is not sealed is refused and nothing is stored", async () => {
  const unsealed = { ...WARD, sealed: undefined };
  for (const message of [
    aMessage(aTake([aReading()])),
    { payload: new Uint8Array([1]), ward: unsealed },
    { payload: new Uint8Array(0), ward: WARD },
    { payload: "text", ward: WARD },
    { payload: [1, 2, 3], ward: WARD },
  ]) {
    red.inject("outbox", structuredClone(message));
  }
  red.inject("outbox", { payload: new Uint8Array([1]) });
  const errors = await red.received("errors", 6);
  assert.deepEqual(
    errors.map(({ error }) => error.code),
    [...Array.from({ length: 5 }, () => "WARD_OUTBOX_UNSEALED"), "WARD_NODE_MESSAGE"],
  );
  await red.settle();
  assert.deepEqual([services.stored, red.soFar("done")], [[], []]);
});

test("when the keeper cannot store, the message and the reason go to the catch node", async () => {
  services.storeFails = new WardError(
    "WARD_OUTBOX_FULL",
    "Cannot store: disk full. Free some space.",
  );
  red.inject("outbox", { payload: new Uint8Array([1]), ward: WARD });
  const [{ error, ward } = {}] = await red.received("errors", 1);
  assert.deepEqual([error?.code, ward], ["WARD_OUTBOX_FULL", WARD]);
});

test("close waits for what is being stored", async () => {
  const gate = Promise.withResolvers<void>();
  services.storeWaits = gate.promise;
  red.inject("outbox", { payload: new Uint8Array([7]), ward: WARD });
  let stopped = false;
  const deployed = red.deploy([]).then(() => {
    stopped = true;
  });
  await red.settle();
  assert.deepEqual([services.stored.length, stopped], [0, false]);
  gate.resolve();
  await deployed;
  assert.equal(services.stored.length, 1);
  assert.equal(services.outboxListeners.size, 0);
});

test("the status says how the outbox does", async (context) => {
  await red.deploy([]);
  red.forget();
  context.mock.timers.enable({ apis: ["setTimeout"] });
  await red.deploy(FLOW);
  const tell = (connected: boolean, ...batches: number[]): void => {
    const classes: OutboxStatus["classes"] = Object.fromEntries(
      batches.map((count, place) => [`c${place}`, { batches: count, bytes: 1, oldestAt: null }]),
    );
    for (const listener of services.outboxListeners) {
      listener({ connected, classes });
    }
    context.mock.timers.tick(1000);
  };
  tell(true);
  tell(true, 2, 3);
  tell(false, 2, 3);
  tell(false);
  const shown = red.statuses
    .get("outbox")
    ?.map(({ fill, shape, text }) => `${fill} ${shape} ${text}`);
  assert.deepEqual(shown, [
    "grey ring ward-outbox.status.waiting",
    "green dot ward-outbox.status.connected",
    "green dot \u2191 5",
    "yellow ring \u2016 5",
    "yellow ring ward-outbox.status.disconnected",
  ]);
});
