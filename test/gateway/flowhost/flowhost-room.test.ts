import assert from "node:assert/strict";
import { test } from "node:test";

import { startFlowhost, unaccounted, vitalTake, wardFlow } from "../../fakes/flowhost-kit.ts";

test("takes go through the ward nodes into puts and come back settled", async () => {
  const kit = await startFlowhost({ flows: wardFlow(["bed-1/spo2"]) });
  try {
    const takes = Array.from({ length: 20 }, (_, place) => vitalTake("bed-1/spo2", place + 1));
    takes.forEach((take) => kit.bedside.feed(take));
    await kit.bedside.allSettled();
    assert.deepEqual(unaccounted(takes, kit.keeper), []);
    assert.deepEqual(kit.keeper.problems, []);
  } finally {
    await kit.stop();
  }
});
