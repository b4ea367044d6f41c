import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { CheckpointMemory } from "../../../gateway/house/checkpoint-memory.ts";
import { WardError } from "../../../gateway/errors.ts";
import {
  type Checkpoint,
  gapsAfterCrash,
  headroom,
  parseCheckpoint,
} from "../../../gateway/bedside/reservation.ts";

const BOOT = "0123456789abcdef";

function checkpoint(settled: number, reserved: number, boot = BOOT): Checkpoint {
  return { boot, at: 1000, devices: [{ device: "bed-1", settled, reserved }], gaps: [] };
}

test("what was counted and not settled becomes one gap per device", () => {
  const [gap, ...more] = gapsAfterCrash(checkpoint(5, 9), 2000);
  assert.equal(more.length, 0);
  assert.deepEqual(
    {
      from: gap?.from,
      to: gap?.to,
      reason: gap?.reason,
      atMost: gap?.atMost,
      start: gap?.start,
      end: gap?.end,
    },
    { from: 6, to: 9, reason: "lost-in-bedside", atMost: true, start: 1000, end: 2000 },
  );
  assert.deepEqual(gapsAfterCrash(checkpoint(9, 9), 2000), []);
});

test("gaps that were not committed yet live on", () => {
  const first = gapsAfterCrash(checkpoint(1, 3), 2000);
  const second = gapsAfterCrash({ ...checkpoint(0, 0, "f".repeat(16)), gaps: first }, 3000);
  assert.deepEqual(second, first);
});

test("a checkpoint survives its text form, and no other text is one", () => {
  assert.deepEqual(parseCheckpoint(JSON.stringify(checkpoint(1, 2))), checkpoint(1, 2));
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assert.throws(() => parseCheckpoint(text), WardError);
    }),
  );
});

test("main's memory is exact about what was counted and takes settled from the reservation", () => {
  const memory = new CheckpointMemory();
  assert.equal(memory.text, null);
  memory.counted(JSON.stringify(checkpoint(2, 30)));
  assert.equal(parseCheckpoint(memory.text ?? "").devices[0]?.reserved, 30);
  const boot = "f".repeat(16);
  memory.counted(JSON.stringify(checkpoint(0, 4, boot)));
  memory.reserved(JSON.stringify(checkpoint(3, 40, boot)));
  assert.deepEqual(parseCheckpoint(memory.text ?? "").devices, [
    { device: "bed-1", settled: 3, reserved: 4 },
  ]);
});

test("headroom grows with the rate and is never nothing", () => {
  assert.ok(headroom(0) > 0);
  assert.ok(headroom(1000) >= 1000);
});
