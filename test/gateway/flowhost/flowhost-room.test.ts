import assert from "node:assert/strict";
import { once } from "node:events";
import { test, type TestContext } from "node:test";

import {
  type FlowhostKit,
  type FlowhostKitOptions,
  noticeTake,
  startFlowhost,
  unaccounted,
  vitalTake,
  wardFlow,
} from "../../fakes/flowhost-kit.ts";

const DEVICE = "bed-1/spo2";

async function started(context: TestContext, options: FlowhostKitOptions): Promise<FlowhostKit> {
  const kit = await startFlowhost(options);
  context.after(() => kit.stop());
  return kit;
}

function takesFrom(first: number, count: number): ReturnType<typeof vitalTake>[] {
  return Array.from({ length: count }, (_, place) => vitalTake(DEVICE, first + place));
}

test("takes go through the ward nodes into puts and come back settled", async (context) => {
  const kit = await started(context, { flows: wardFlow([DEVICE]) });
  assert.deepEqual(kit.bedside.subscriptions, [
    {
      device: DEVICE,
      model: "nonin-oem3-format2",
      line: "tcp://127.0.0.1:9",
      unit: null,
      options: {},
    },
  ]);
  const takes = [...takesFrom(1, 200), noticeTake(1)];
  takes.forEach((take) => kit.bedside.feed(take));
  await kit.bedside.allSettled();
  assert.deepEqual(unaccounted(takes, kit.keeper), []);
  assert.deepEqual(kit.keeper.problems, []);
  const { stored, withheld, refused, dropped } = kit.bedside.outcomes.get(`${DEVICE} 1`)!;
  assert.deepEqual([stored, withheld, refused, dropped], [1, 2, 0, 0]);
  const row = kit.keeper.rows.get(`${DEVICE} 1`)!;
  assert.equal(row.digest, takes[0]!.digest);
  const board = JSON.parse((await kit.admin("GET", "/ward/board")).text) as {
    readings: { device: string }[];
  };
  assert.equal(board.readings[0]?.device, DEVICE);
});

test("devices without a source and notices without a node are accounted for as dropped", async (context) => {
  const kit = await started(context, { flows: [] });
  const gap = {
    id: "gap-1",
    device: DEVICE,
    boot: "00000000000000aa",
    from: 1,
    to: 4,
    reason: "lost-in-bedside",
    atMost: true,
    start: 1,
    end: 2,
  };
  kit.bedside.feed(vitalTake(DEVICE, 1));
  kit.bedside.feed(noticeTake(7));
  kit.bedside.feedGap(gap);
  await kit.bedside.allSettled();
  assert.equal(kit.bedside.outcomes.get(`${DEVICE} 1`)?.dropped, 3);
  const tabs = kit.keeper.droppedTabs.map(({ device, tab }) => `${device} ${tab}`);
  assert.deepEqual(tabs.sort(), [`${DEVICE} (no source node)`, "gateway (no notices node)"]);
  assert.deepEqual(kit.keeper.gaps.get("gap-1"), gap);
});

test("what is lost in a flow is accounted for in time and names the tab", async (context) => {
  const flow = wardFlow([DEVICE]).filter((node) => !JSON.stringify(node).includes("ward-filter"));
  const kit = await started(context, { flows: flow, config: { droppedAfterMs: 600 } });
  kit.bedside.feed(vitalTake(DEVICE, 1));
  await kit.bedside.allSettled();
  assert.equal(kit.bedside.outcomes.get(`${DEVICE} 1`)?.dropped, 3);
  assert.deepEqual(
    kit.keeper.droppedTabs.map(({ tab }) => tab),
    ["Ward 3"],
  );
});

test("each kind of deploy under load loses nothing", async (context) => {
  const delay = {
    id: "delay",
    type: "delay",
    z: "tab-1",
    pauseType: "delay",
    timeout: "30",
    timeoutUnits: "milliseconds",
    rate: "1",
    nbRateUnits: "1",
    rateUnits: "second",
    x: 520,
    y: 60,
    wires: [["seal"]],
  };
  const flowWith = (change: number): object[] =>
    wardFlow([DEVICE, "bed-2/spo2"], [{ ...delay, name: `change ${change}` }]).map((node) =>
      "id" in node && node.id === "filter" ? { ...node, wires: [["delay"]] } : node,
    );
  const kit = await started(context, { flows: flowWith(0) });
  const takes: ReturnType<typeof vitalTake>[] = [];
  let number = 0;
  const load = setInterval(() => {
    number += 1;
    for (const device of [DEVICE, "bed-2/spo2"]) {
      const take = vitalTake(device, number);
      takes.push(take);
      kit.bedside.feed(take);
    }
  }, 2);
  context.after(() => clearInterval(load));
  let change = 0;
  for (const type of ["full", "flows", "nodes", "full", "nodes", "flows"] as const) {
    await once(kit.bedside.events, "settled");
    change += 1;
    const answer = await kit.deploy(type, flowWith(change));
    assert.equal(answer.status, 200, answer.text);
  }
  await once(kit.bedside.events, "settled");
  clearInterval(load);
  await kit.bedside.allSettled();
  assert.ok(takes.length > 100);
  assert.deepEqual(unaccounted(takes, kit.keeper), []);
  const dropped = takes.filter(
    ({ device, take }) => kit.keeper.rows.get(`${device} ${take}`)?.dropped !== 0,
  );
  assert.deepEqual(dropped, []);
  assert.ok(kit.bedside.generation >= 7);
});

test("takes for which there was no room are handed over again and lose nothing", async (context) => {
  const kit = await started(context, { flows: wardFlow([DEVICE]), config: { unsettledMax: 8 } });
  const takes = takesFrom(1, 60);
  takes.forEach((take) => kit.bedside.feed(take));
  await kit.bedside.allSettled();
  assert.deepEqual(unaccounted(takes, kit.keeper), []);
  assert.ok(kit.bedside.generation > 1);
});

test("a keeper that is replaced in the middle gets what the old one did not answer", async (context) => {
  const kit = await started(context, { flows: wardFlow([DEVICE]) });
  kit.keeper.answering = false;
  const put = once(kit.keeper.events, "put");
  const takes = takesFrom(1, 40);
  takes.forEach((take) => kit.bedside.feed(take));
  await put;
  kit.keeper.answering = true;
  await kit.linkKeeper();
  await kit.bedside.allSettled();
  assert.deepEqual(unaccounted(takes, kit.keeper), []);
});

test("bedside on a new link hears of the flow again; what is in the flow goes through it once", async (context) => {
  const kit = await started(context, { flows: wardFlow([DEVICE]) });
  kit.keeper.answering = false;
  const put = once(kit.keeper.events, "put");
  const takes = takesFrom(1, 10);
  takes.forEach((take) => kit.bedside.feed(take));
  await put;
  const before = kit.bedside.generation;
  const again = once(kit.bedside.events, "flows");
  await kit.linkBedside();
  await again;
  assert.ok(kit.bedside.generation > before);
  assert.equal(kit.bedside.subscriptions.length, 1);
  kit.keeper.answering = true;
  await kit.linkKeeper();
  await kit.bedside.allSettled();
  assert.deepEqual(unaccounted(takes, kit.keeper), []);
  assert.ok([...kit.keeper.stored.values()].every((times) => times === 1));
});

test("a stop seals and stores what is in the flow", async (context) => {
  const flow = wardFlow([DEVICE]).map((node) =>
    "id" in node && node.id === "seal" ? { ...node, windowMs: "10000" } : node,
  );
  const kit = await started(context, { flows: flow });
  const takes = takesFrom(1, 10);
  takes.forEach((take) => kit.bedside.feed(take));
  // The board is last on its branch: when it shows the take, the seal on the other branch has it too.
  while ((await kit.admin("GET", "/ward/board")).text.includes('"readings":[]')) {
    // Asked again.
  }
  await kit.stop();
  assert.equal(kit.child.exitCode, 0);
  assert.ok(kit.keeper.items.length > 0);
  assert.deepEqual(kit.said.at(-1), { t: "stopped" });
});
