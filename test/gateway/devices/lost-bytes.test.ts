import assert from "node:assert/strict";
import { test } from "node:test";

import { LostBytes } from "../../../gateway/devices/lost-bytes.ts";

test("lost bytes are told once each, at the latest every 1000, however they were cut", () => {
  for (const piece of [1, 7, 999, 1000, 2500]) {
    const lost = new LostBytes("nothing known");
    const told: number[] = [];
    for (let left = 2500; left > 0; left -= piece) {
      told.push(...lost.add(Math.min(piece, left)).map(({ bytes }) => bytes));
    }
    told.push(...lost.tell().map(({ bytes }) => bytes));
    assert.deepEqual(told, [1000, 1000, 500]);
    assert.deepEqual(lost.tell(), []);
  }
});

test("what is told says in plain words what the bytes are not", () => {
  const lost = new LostBytes("bytes that are no message");
  lost.add(3);
  assert.deepEqual(lost.tell(), [
    { kind: "fault", fault: "noise", bytes: 3, text: "bytes that are no message" },
  ]);
});
