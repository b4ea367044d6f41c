import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { aMessage, aReading, aTake, FakeServices } from "../fakes/flow-services.ts";
import { TestRed } from "../fakes/node-red.ts";

const services = new FakeServices();
let red: TestRed;
before(async () => {
  red = await TestRed.open({ ward: services });
});
after(() => red.close());

test("the board shows what can be, and neither settles nor shows what was refused", async () => {
  const node = (id: string, type: string, wires: string[][] = []): object => ({
    id,
    type,
    z: "t",
    x: 1,
    y: 1,
    wires,
  });
  await red.deploy([
    { id: "t", type: "tab", label: "Ward A" },
    node("check", "ward-check", [["board"], ["board"]]),
    node("board", "ward-board"),
    { ...node("catch", "catch", [["errors"]]), scope: ["board"] },
    node("errors", "test-sink"),
  ]);
  const items = [aReading(), aReading({ index: 1, value: 970 })];
  red.inject("check", structuredClone(aMessage(aTake(items))));
  const [{ error } = {}] = await red.received("errors", 1);
  assert.equal(error?.code, "WARD_BOARD_REFUSED");
  assert.deepEqual(services.shown, [[items[0]]]);
  assert.deepEqual(
    services.settled.map(({ outcome }) => outcome),
    ["refused"],
    "by the check alone",
  );
});
