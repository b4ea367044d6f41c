import assert from "node:assert/strict";
import { test } from "node:test";

import type { FlowNode } from "../../gateway/bundles/content.ts";
import { type BundleWard, openBundleWard } from "../fakes/bundle-ward.ts";
import { until } from "../ward/house.ts";

/** What may be wrong with a flow that was signed all the same, and what is said of it. */
const BAD: readonly { what: string; flow: (ward: BundleWard) => readonly FlowNode[] }[] = [
  {
    what: "a node type that this gateway does not have",
    flow: (ward) => [...ward.flow(), { ...onTab(ward), id: "x1", type: "no-such-node" }],
  },
  {
    what: "a calculation that never ends",
    flow: (ward) => [
      ...ward.flow(),
      {
        ...onTab(ward),
        id: "x1",
        type: "inject",
        once: true,
        onceDelay: 0.1,
        props: [],
        wires: [["x2"]],
      },
      {
        ...onTab(ward),
        id: "x2",
        type: "change",
        rules: [{ t: "set", p: "payload", pt: "msg", to: ENDLESS, tot: "jsonata" }],
        wires: [[]],
      },
    ],
  },
  {
    what: "a source that leads nowhere",
    flow: (ward) =>
      ward
        .flow()
        .map((node) => (node["type"] === "ward-check" ? { ...node, wires: [[], []] } : node)),
  },
];
const ENDLESS = "($again := function($n) { $again($n + 1) }; $again(0))";

function onTab(ward: BundleWard): FlowNode {
  return { z: ward.flow().find((node) => node["type"] === "tab")?.["id"], x: 1, y: 1 };
}

/** The others take a minute: set WARD_BUNDLE_TRIALS=all. */
const TRIED = process.env["WARD_BUNDLE_TRIALS"] === "all" ? BAD : BAD.slice(0, 1);

test("a good bundle is kept; bad ones are rolled back, each for its own reason", async () => {
  const ward = await openBundleWard({
    bundleSteadyS: 3,
    bundleHealthS: 12,
    droppedAfterMs: 2000,
  });
  try {
    const { slots, trials, events } = ward;
    await ward.delivering();
    const better = ward
      .flow()
      .map((node) => (node["type"] === "ward-filter" ? { ...node, heartbeatMs: "20000" } : node));
    await ward.put(2, better);
    await trials.activate();
    await until("bundle 2 is kept", () => events.includes("kept 2"), 120_000);
    await trials.settled();
    for (const [place, { what, flow }] of TRIED.entries()) {
      const version = place + 3;
      await ward.delivering();
      await ward.put(version, flow(ward));
      await trials.activate();
      await until(
        `${what} is rolled back`,
        () => events.includes(`rolled-back ${version}`),
        180_000,
      );
      await trials.settled();
      assert.equal(slots.running?.manifest.version, 2, what);
    }
    await ward.delivering();
  } finally {
    await ward.close();
  }
});

test("a bundle under which a device falls silent goes by itself for the one before it", async () => {
  const ward = await openBundleWard({ bundleSteadyS: 1, bundleHealthS: 3 });
  try {
    const { slots, trials, events } = ward;
    await ward.delivering();
    await ward.put(2, ward.flow("tcp://127.0.0.1:1"));
    assert.equal((await trials.activate()).version, 2);
    await until("bundle 2 is rolled back", () => events.includes("rolled-back 2"), 90_000);
    await trials.settled();
    assert.equal(slots.running?.manifest.version, 1);
    await ward.delivering();
    assert.deepEqual(events.slice(-3), ["staged 2", "trial 2", "rolled-back 2"]);
    assert.equal(ward.restarts(), 0);
  } finally {
    await ward.close();
  }
});
