import assert from "node:assert/strict";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Store } from "../../../gateway/outbox/commits.ts";
import { FORMAT } from "../../../gateway/outbox/format.ts";
import { formatKey } from "../../../gateway/outbox/keys.ts";
import type { Outbox } from "../../../gateway/outbox/outbox.ts";
import { sealRow } from "../../../gateway/outbox/values.ts";
import { openTestOutbox, readAll, temporaryDirectory } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, hex } from "../../fakes/record-codec.ts";

/** Written by the program before stores said their version: two runs of sequence numbers, holes, a rejected record. */
const VERSION_1 = join(import.meta.dirname, "store-version-1");
const STORES = ["e1f15415a887ec4d", "83caca6140c9292b"] as const;

test("a store of version 1 opens, drains and goes on", async (t) => {
  const directory = temporaryDirectory(t);
  cpSync(VERSION_1, directory, { recursive: true });
  const first = await openTestOutbox(directory);
  assert.equal(first.outbox.renewed, false);
  assert.equal(first.outbox.storeId, STORES[1]);
  assert.deepEqual(await waitingIn(first.outbox), {
    "notice/1": [1, 2, 4, 5, 6],
    "notice/2": [1, 2, 3, 4],
    "vital/1": [3, 5, 6],
    "vital/2": [1, 2, 3, 4],
    "tally/1": [1, 2, 3, 4, 5, 6],
    "tally/2": [3, 4],
    "gap/1": [1],
    "trend/1": [1, 2, 3, 4, 5],
    "trend/2": [1, 2, 3, 4],
    "wave/2": [1, 2, 3, 4],
  });
  const bodies = new Set((await readAll(first.outbox)).map(({ bytes }) => fakeBody(bytes)));
  assert.ok(bodies.has("first vital 2") && bodies.has("second wave 3"));
  assert.deepEqual(first.told.lost, []);
  assert.equal((await first.outbox.neededEpochs()).length, 3);
  const document = await first.outbox.readDocument("flows");
  assert.equal(Buffer.from(document ?? []).toString(), "document of version 1");
  const epochs = [fakeEpoch(hex("third"))];
  const batches = [fakeBatch("wave", hex("third"), 1, "third")];
  const [record] = await first.outbox.put({ epochs, batches });
  assert.deepEqual([record?.store, record?.sequence], [2, 5]);
  await first.outbox.close();

  const second = await openTestOutbox(directory);
  assert.equal(second.outbox.renewed, false);
  for (const store of STORES) {
    const ranges = (["notice", "vital", "tally", "gap", "trend", "wave"] as const).map((name) => ({
      class: name,
      range: [1, 9] as const,
    }));
    await second.outbox.receipt({ store, ranges, rejects: [] });
  }
  assert.deepEqual(second.outbox.waiting(), []);
  const backlog = Object.values(await second.outbox.backlog());
  assert.ok(backlog.every(({ batches: left, bytes }) => left === 0 && bytes === 0));
  await second.outbox.close();
  const store = await Store.open({ directory, commitMs: 0 });
  assert.notEqual(await store.get(formatKey()), undefined);
  await store.close();
});

test("a store of a newer program is refused, and nothing of it is changed", async (t) => {
  const directory = temporaryDirectory(t);
  const { outbox } = await openTestOutbox(directory);
  await outbox.put({
    epochs: [fakeEpoch(hex("one"))],
    batches: [fakeBatch("wave", hex("one"), 1, "x")],
  });
  await outbox.close();
  await write(directory, FORMAT + 1);
  const before = await contentOf(directory);
  await assert.rejects(openTestOutbox(directory), {
    code: "WARD_OUTBOX_FORMAT",
    message: /format 3, this program knows up to 2/,
  });
  assert.deepEqual(await contentOf(directory), before);
  const names = readdirSync(join(directory, ".."));
  assert.deepEqual(names.toSorted(), ["store", "store.lock"], "nothing was moved aside");
  await write(directory, FORMAT);
  const again = await openTestOutbox(directory);
  assert.equal(again.outbox.renewed, false);
  assert.equal((await readAll(again.outbox)).length, 1);
  await again.outbox.close();
});

async function write(directory: string, format: number): Promise<void> {
  const store = await Store.open({ directory, commitMs: 0 });
  await store.write([sealRow(formatKey(), Uint8Array.of(format))]);
  await store.close();
}

async function contentOf(directory: string): Promise<string[]> {
  const store = await Store.open({ directory, commitMs: 0 });
  const entries = await store.range({ gte: Buffer.from([0]), lt: Buffer.from([255]) });
  await store.close();
  return entries.map((entry) => entry.map((part) => Buffer.from(part).toString("hex")).join(" "));
}

async function waitingIn(outbox: Outbox): Promise<Record<string, number[]>> {
  const all = await readAll(outbox);
  const chains = Map.groupBy(all, ({ class: name, store }) => `${name}/${store}`);
  return Object.fromEntries(
    [...chains].map(([name, records]) => [name, records.map(({ sequence }) => sequence)]),
  );
}
