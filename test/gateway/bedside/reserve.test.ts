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

test("no checkpoint says less than was reserved: meanwhile takes above it may have been handed over", () => {
  const { last, asked, reserve } = setup();
  last.set("bed-1", 500);
  reserve.checkpoint(true);
  reserve.kept(1);
  assert.ok(reserve.covers({ device: "bed-1", take: 1500 }), "after a burst much is reserved");
  // The pace is that of two checkpoints: with the second calm one, little would be reserved for it alone.
  for (const [n, take] of [
    [2, 510],
    [3, 511],
  ] as const) {
    last.set("bed-1", take);
    reserve.checkpoint(false);
    const handed = { device: "bed-1", take: 1500 };
    assert.ok(reserve.covers(handed), "what is reserved on disk may go while the next one waits");
    assert.ok((asked.at(-1)?.devices[0]?.reserved ?? 0) >= handed.take);
    reserve.kept(n);
  }
});

test("a device that has gone quiet gives back what was reserved for a burst", () => {
  const { last, asked, reserve } = setup();
  last.set("bed-1", 500);
  reserve.checkpoint(true);
  reserve.kept(1);
  reserve.checkpoint(false);
  reserve.kept(2);
  reserve.checkpoint(false);
  const reserved = asked.at(-1)?.devices[0]?.reserved ?? 0;
  assert.ok(reserved < 600, `${reserved} are reserved`);
  assert.ok(reserve.covers({ device: "bed-1", take: reserved }));
  assert.ok(
    !reserve.covers({ device: "bed-1", take: reserved + 1 }),
    "at once, not only when kept",
  );
});

test("at a steady pace hardly anything waits for the disk, and nothing goes that no checkpoint on it covers", (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const last = new Map([["bed-1", 0]]);
  let onDisk = 0;
  const underWay: { readonly n: number; readonly reserved: number; at: number }[] = [];
  let urgent = 0;
  const reserve = new Reserve({
    last: () => last,
    lowestHeld: () => new Map(),
    keep: (n, devices, isUrgent) => {
      // What waits is written together with what is urgent, or after two and a half seconds.
      const at = now + (isUrgent ? 30 : 2530);
      urgent += isUrgent ? 1 : 0;
      underWay.push({ n, reserved: devices[0]?.reserved ?? 0, at });
      underWay.forEach((each) => (each.at = Math.min(each.at, at)));
    },
  });
  const device = "bed-1";
  let [next, handed] = [0, 0];
  for (; now < 120_000; now += 20) {
    if (now >= next) {
      last.set(device, (last.get(device) ?? 0) + 1);
      // Ten a second, more or less.
      next += 80 + ((now * 7) % 41);
    }
    while ((underWay[0]?.at ?? Infinity) <= now) {
      const { n = 0, reserved = 0 } = underWay.shift() ?? {};
      onDisk = reserved;
      reserve.kept(n);
    }
    if (now % 500 === 0) {
      reserve.checkpoint(false);
    }
    if (reserve.isUsedUp) {
      reserve.checkpoint(true);
    }
    while (handed < (last.get(device) ?? 0) && reserve.covers({ device, take: handed + 1 })) {
      handed += 1;
    }
    assert.ok(handed <= onDisk, `${handed} handed over, ${onDisk} on disk`);
  }
  assert.ok(handed > 1000);
  assert.ok(urgent < 10, `${urgent} times at once`);
});

test("nothing more is handed over once the last checkpoint was asked for", () => {
  const { last, reserve } = setup();
  reserve.checkpoint(true);
  reserve.kept(1);
  reserve.final();
  last.set("bed-1", 2);
  assert.ok(!reserve.covers({ device: "bed-1", take: 2 }));
  reserve.kept(2);
  assert.ok(!reserve.covers({ device: "bed-1", take: 2 }));
});
