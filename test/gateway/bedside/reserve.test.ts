import assert from "node:assert/strict";
import { test } from "node:test";

import type { CheckpointDevice } from "../../../gateway/bedside/reservation.ts";
import { Reserve } from "../../../gateway/bedside/reserve.ts";

interface Asked {
  readonly n: number;
  readonly devices: readonly CheckpointDevice[];
  readonly isUrgent: boolean;
}

function setup(): { last: Map<string, number>; asked: Asked[]; reserve: Reserve } {
  const last = new Map([["bed-1", 1]]);
  const asked: Asked[] = [];
  const reserve = new Reserve({
    last: () => last,
    lowestHeld: () => new Map(),
    keep: (n, devices, isUrgent) => asked.push({ n, devices, isUrgent }),
  });
  return { last, asked, reserve };
}

test("what is not reserved on disk is not covered, and is asked for at once", () => {
  const { asked, reserve } = setup();
  assert.ok(reserve.isUsedUp);
  reserve.checkpoint(true);
  assert.ok(!reserve.isUsedUp, "it is asked for");
  assert.ok(!reserve.covers({ device: "bed-1", take: 1 }));
  assert.ok(reserve.kept(asked[0]!.n));
  assert.ok(reserve.covers({ device: "bed-1", take: 1 }));
  assert.ok(!reserve.kept(asked[0]!.n), "it was kept already");
});

test("a checkpoint that may wait does not hold up takes that need one now", () => {
  const { last, asked, reserve } = setup();
  reserve.checkpoint(true);
  reserve.kept(1);
  last.set("bed-1", 10);
  reserve.checkpoint(false);
  reserve.checkpoint(false);
  assert.deepEqual(
    asked.map(({ isUrgent }) => isUrgent),
    [true, false],
    "one on its way is enough",
  );
  assert.ok(!reserve.isUsedUp);
  last.set("bed-1", 1000);
  assert.ok(reserve.isUsedUp);
  reserve.checkpoint(true);
  assert.deepEqual(
    asked.map(({ isUrgent }) => isUrgent),
    [true, false, true],
  );
  assert.ok(!reserve.kept(2), "the newer one counts");
  assert.ok(!reserve.covers({ device: "bed-1", take: 1000 }));
  reserve.kept(3);
  assert.ok(reserve.covers({ device: "bed-1", take: 1000 }));
});

test("the last checkpoint says exactly how far has been counted", () => {
  const { asked, reserve } = setup();
  reserve.checkpoint(false);
  reserve.final();
  assert.deepEqual(asked.at(-1)?.devices, [{ device: "bed-1", settled: 1, reserved: 1 }]);
  assert.deepEqual(reserve.counted(["bed-1"]), [{ device: "bed-1", settled: 1, reserved: 1 }]);
});
