import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { AckDeadline } from "../../../gateway/uplink/ack-deadline.ts";

test("a broker that acknowledges nothing is given up after its time", () => {
  const deadline = new AckDeadline(100);
  assert.equal(deadline.isOver(1e9), false, "nothing was sent");
  deadline.sent(1000);
  assert.equal(deadline.isOver(1099), false);
  assert.equal(deadline.isOver(1100), true);
});

test("a slow line is not given up while acknowledgements come in order", () => {
  const deadline = new AckDeadline(100);
  const ids = Array.from({ length: 50 }, () => deadline.sent(0));
  for (const [place, id] of ids.entries()) {
    const now = (place + 1) * 99;
    assert.equal(deadline.isOver(now), false, `message ${place}`);
    deadline.answered(id, now);
  }
  assert.equal(deadline.isOver(1e9), false);
});

test("a message that was left out is noticed although later ones are acknowledged", () => {
  const deadline = new AckDeadline(100);
  deadline.sent(0);
  for (let now = 10; now < 110; now += 10) {
    assert.equal(deadline.isOver(now), false);
    deadline.answered(deadline.sent(now), now);
  }
  assert.equal(deadline.isOver(109), false);
  assert.equal(deadline.isOver(110), true, "100 ms after the first that came later");
});

test("silence is never borne longer than its time, whatever came before", () => {
  const steps = fc.array(
    fc.record({ wait: fc.nat(80), act: fc.constantFrom("send", "first", "any"), pick: fc.nat() }),
  );
  fc.assert(
    fc.property(steps, (all) => {
      const deadline = new AckDeadline(100);
      const open: number[] = [];
      let now = 0;
      for (const { wait, act, pick } of all) {
        now += wait;
        if (act === "send") {
          open.push(deadline.sent(now));
        } else if (open.length > 0) {
          const [id] = open.splice(act === "first" ? 0 : pick % open.length, 1);
          deadline.answered(id!, now);
        }
      }
      assert.equal(deadline.isOver(now + 100), open.length > 0);
    }),
  );
});
