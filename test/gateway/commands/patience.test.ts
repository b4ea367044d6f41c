import assert from "node:assert/strict";
import { test } from "node:test";

import { waitMs, waitUntil } from "../../../gateway/commands/patience.ts";

const stop = new AbortController().signal;

test("--wait is a whole number of seconds", () => {
  assert.equal(waitMs(undefined), 0);
  assert.equal(waitMs("90"), 90_000);
  for (const wrong of ["-1", "1.5", "3601", "soon"]) {
    assert.throws(() => waitMs(wrong), { code: "WARD_USAGE" });
  }
});

test("what is so at once is not waited for, and what is never so is asked once at least", async () => {
  assert.equal(await waitUntil(() => true, { withinMs: 0, stop }), true);
  let asked = 0;
  const never = (): boolean => {
    asked += 1;
    return false;
  };
  assert.equal(await waitUntil(never, { withinMs: 0, stop }), false);
  assert.equal(asked, 1);
});

test("what becomes so is noticed; a command that is stopped waits no longer", async () => {
  let asked = 0;
  const later = async (): Promise<boolean> => (asked += 1) === 2;
  assert.equal(await waitUntil(later, { withinMs: 60_000, stop }), true);
  const stopping = new AbortController();
  const never = (): boolean => {
    stopping.abort();
    return false;
  };
  const patience = { withinMs: 3_600_000, stop: stopping.signal };
  assert.equal(await waitUntil(never, patience), false);
});
