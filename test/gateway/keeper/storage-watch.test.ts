import assert from "node:assert/strict";
import { test } from "node:test";

import { spanText, StorageWatch } from "../../../gateway/keeper/storage-watch.ts";
import type { OutboxRoom } from "../../../gateway/outbox/caretaker.ts";

const HOUR_MS = 3_600_000;
const MIB = 2 ** 20;

test("storage low is said once, and room again once, with a good distance in between", () => {
  const watch = new StorageWatch();
  let now = 1000;
  const look = (part: number): string[] => {
    now += HOUR_MS;
    return watch.look(room({ bytes: part * 100 * MIB }), now).map(({ notice }) => notice);
  };
  assert.deepEqual([0.1, 0.79].flatMap(look), []);
  assert.deepEqual([0.8, 0.9, 0.7, 0.85, 1].flatMap(look), ["storage-low"]);
  assert.deepEqual([0.6, 0.59, 0.5, 0.3].flatMap(look), ["storage-back"]);
  assert.deepEqual([0.81].flatMap(look), ["storage-low"]);
});

test("an outbox that fills in a day is low long before it is full, but not when it has hardly begun", () => {
  const watch = new StorageWatch();
  const fills = { fullInMs: 10 * HOUR_MS };
  assert.deepEqual(watch.look(room({ ...fills, bytes: 9 * MIB }), 0), []);
  const [low] = watch.look(room({ ...fills, bytes: 11 * MIB }), 5);
  assert.match(low?.text ?? "", /11 % full.*in 10 hours.*wardgate outbox export/);
  assert.deepEqual(watch.look(room({ bytes: 11 * MIB }), 600_004), [], "not within ten minutes");
  assert.deepEqual(watch.look(room({ ...fills, bytes: 11 * MIB }), 600_006), []);
  const [back] = watch.look(room({ bytes: 11 * MIB }), 600_007);
  assert.deepEqual([back?.notice, back?.since], ["storage-back", 5]);
});

test("a disk that is short of space is said apart", () => {
  const watch = new StorageWatch();
  const short = room({ diskShort: true, freeBytes: 90 * MIB, limit: 40 * MIB, bytes: 10 * MIB });
  const said = watch.look(short, 0);
  assert.deepEqual(
    said.map(({ notice }) => notice),
    ["disk-short"],
  );
  assert.match(said[0]?.text ?? "", /only 90 MiB.*beyond 40 MiB/);
  assert.deepEqual(watch.look(short, HOUR_MS), []);
  assert.equal(watch.look(room({}), 2 * HOUR_MS)[0]?.notice, "disk-back");
});

test("spans of time are said in words", () => {
  assert.deepEqual(
    [30_000, 119 * 60_000, 120 * 60_000, 71 * HOUR_MS, 100 * HOUR_MS].map(spanText),
    ["a minute", "119 minutes", "2 hours", "71 hours", "4 days"],
  );
});

function room(some: Partial<OutboxRoom>): OutboxRoom {
  return {
    bytes: 0,
    bytesMax: 100 * MIB,
    limit: 100 * MIB,
    freeBytes: 10_000 * MIB,
    diskShort: false,
    ballastBytes: 0,
    bytesPerSecond: null,
    fullInMs: null,
    ...some,
  };
}
