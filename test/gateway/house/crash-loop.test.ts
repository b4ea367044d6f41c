import assert from "node:assert/strict";
import { test } from "node:test";

import { CrashLoop, restartPause } from "../../../gateway/house/crash-loop.ts";

test("five crashes in a minute are a loop, spread over an hour they are not", () => {
  const quick = new CrashLoop(5, 60_000);
  for (let crash = 1; crash <= 5; crash += 1) {
    assert.equal(quick.looping, false);
    quick.crashed(crash * 1000);
  }
  assert.ok(quick.looping && quick.justBegan);
  quick.crashed(6000);
  assert.ok(quick.looping && !quick.justBegan);
  const slow = new CrashLoop(5, 60_000);
  for (let crash = 1; crash <= 20; crash += 1) {
    slow.crashed(crash * 20_000);
  }
  assert.equal(slow.looping, false);
});

test("the pause doubles up to its limit", () => {
  const limits = { restartFirstMs: 100, restartMaxMs: 1000 };
  assert.deepEqual(
    [1, 2, 3, 4, 5, 50].map((crashes) => restartPause(crashes, limits)),
    [100, 200, 400, 800, 1000, 1000],
  );
});
