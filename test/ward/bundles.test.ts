import assert from "node:assert/strict";
import { test } from "node:test";

import { openBundleWard } from "../fakes/bundle-ward.ts";
import { until } from "./house.ts";

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
