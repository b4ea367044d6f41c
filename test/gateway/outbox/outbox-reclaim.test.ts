import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Store } from "../../../gateway/outbox/commits.ts";
import { allOf, fenceKey, recordKey } from "../../../gateway/outbox/keys.ts";
import type { Outbox } from "../../../gateway/outbox/outbox.ts";
import { openLevel, type OpenDatabase } from "../../../gateway/outbox/store.ts";
import { openTestOutbox, readAll, temporaryDirectory } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeEpoch, hex } from "../../fakes/record-codec.ts";

const EPOCH = hex("one");
const CLASSES = ["notice", "vital", "wave"] as const;
const MIB = 2 ** 20;

test("a drained outbox gives its space back when it is calm, and not before", async (t) => {
  const directory = temporaryDirectory(t);
  const { outbox } = await openTestOutbox(directory);
  await fill(outbox, 16, 100_000);
  assert.ok(sizeOf(directory) > 4 * MIB);
  await drain(outbox);
  const drained = sizeOf(directory);
  outbox.tend();
  await fill(outbox, 1, 100_000);
  await drain(outbox);
  outbox.tend();
  assert.ok(sizeOf(directory) >= drained / 2, "it is at work");
  for (let ticks = 0; sizeOf(directory) > MIB; ticks += 1) {
    assert.ok(ticks < 2000, `${sizeOf(directory)} bytes are left`);
    outbox.tend();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await fill(outbox, 1, 10);
  assert.equal((await readAll(outbox)).length, CLASSES.length);
  await outbox.close();
});

test("no walk runs over deleted records: a fence stands before every chain", async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openTestOutbox(directory);
  await fill(first.outbox, 40, 10);
  await drain(first.outbox);
  await first.outbox.close();
  // LevelDB itself steps over deleted keys one by one. What it finds next, from where the outbox looks, must be near.
  const store = await Store.open({ directory, commitMs: 0 });
  for (const name of CLASSES) {
    const place = { class: name, store: 1 };
    assert.notEqual(await store.get(fenceKey(place)), undefined, name);
    assert.equal(await store.get(recordKey({ ...place, sequence: 1 })), undefined);
  }
  const heads = await store.range(allOf("head"));
  assert.equal(heads.length, CLASSES.length);
  await store.close();
  const ranges: number[] = [];
  const openDatabase: OpenDatabase = async (path) => {
    const level = await openLevel(path);
    return {
      ...level,
      range: async (range) => {
        const entries = await level.range(range);
        ranges.push(entries.length);
        return entries;
      },
    };
  };
  const second = await openTestOutbox(directory, { openDatabase });
  assert.ok(ranges.length < 20 && Math.max(...ranges) <= CLASSES.length);
  assert.equal(second.outbox.renewed, false);
  await second.outbox.close();
});

test("closing waits for a compaction that is under way", async (t) => {
  const directory = temporaryDirectory(t);
  const { outbox } = await openTestOutbox(directory);
  await fill(outbox, 16, 100_000);
  await drain(outbox);
  for (let ticks = 0; ticks < 8; ticks += 1) {
    outbox.tend();
  }
  await outbox.close();
  const again = await openTestOutbox(directory);
  assert.deepEqual(again.outbox.waiting(), []);
  await again.outbox.close();
});

async function fill(outbox: Outbox, puts: number, bytes: number): Promise<void> {
  for (let count = 0; count < puts; count += 1) {
    const batches = CLASSES.map((name) =>
      fakeBatch(name, EPOCH, 1, `${"x".repeat(bytes)}${count}`),
    );
    await outbox.put({ epochs: [fakeEpoch(EPOCH)], batches });
  }
}

async function drain(outbox: Outbox): Promise<void> {
  const ranges = CLASSES.map((name) => ({ class: name, range: [1, 1000] as const }));
  await outbox.receipt({ store: outbox.storeId, ranges, rejects: [] });
  // The deletions ride with the next commit.
  await outbox.writeDocument("flows", Buffer.from("[]"));
}

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce(
    (sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
}
