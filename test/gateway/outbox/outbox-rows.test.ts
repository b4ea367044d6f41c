import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { Store } from "../../../gateway/outbox/commits.ts";
import { allOf, goneKey, headKey, storeKey, useKey } from "../../../gateway/outbox/keys.ts";
import type { Outbox } from "../../../gateway/outbox/outbox.ts";
import type { StoredRecord } from "../../../gateway/outbox/records.ts";
import {
  openLevel,
  type OpenDatabase,
  type StoreRange,
  type StoreWrite,
} from "../../../gateway/outbox/store.ts";
import { openTestOutbox, readAll, temporaryDirectory } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, hex } from "../../fakes/record-codec.ts";

/** The small rows are what everything hangs on: what becomes of a store that has lost some of them. */
const EPOCH = hex("one");
const PLACE = { class: "vital", store: 1 } as const;
const NONSENSE = Buffer.from("not a row");

const HARMS: readonly { readonly what: string; readonly writes: readonly StoreWrite[] }[] = [
  { what: "its head is damaged", writes: [[headKey(PLACE), NONSENSE]] },
  { what: "its head is older than its records", writes: [] },
  { what: "its gone row is damaged", writes: [[goneKey(PLACE), NONSENSE]] },
  { what: "its store row is damaged", writes: [[storeKey(1), NONSENSE]] },
  { what: "its epoch's uses are damaged", writes: [[useKey(EPOCH), NONSENSE]] },
];

for (const { what, writes } of HARMS) {
  test(`a chain is there as before, in a store that is not used on, although ${what}`, async (t) => {
    const directory = temporaryDirectory(t);
    const first = await openTestOutbox(directory);
    await put(first.outbox, ["1", "2"]);
    const old = await rowOf(first.outbox, directory);
    const again = await openTestOutbox(directory);
    await put(again.outbox, ["3", "4", "5"]);
    await again.outbox.receipt({
      store: again.outbox.storeId,
      ranges: [{ class: "vital", range: [2, 2] }],
      rejects: [],
    });
    await again.outbox.close();
    await change(directory, writes.length > 0 ? writes : [[headKey(PLACE), old]]);

    const damaged = await openTestOutbox(directory);
    assert.equal(damaged.outbox.renewed, true);
    assert.notEqual(damaged.outbox.storeId, first.outbox.storeId);
    const found = await bodiesOf(damaged.outbox);
    assert.deepEqual(
      found.filter((body) => body !== "2"),
      ["1", "3", "4", "5"],
    );
    assert.equal((await damaged.outbox.neededEpochs()).length, 1);
    const [record] = await put(damaged.outbox, ["new"]);
    assert.deepEqual([record?.store, record?.sequence], [2, 1]);
    await damaged.outbox.close();

    const ordinary = await openTestOutbox(directory);
    assert.equal(ordinary.outbox.renewed, false, "the next start is an ordinary one");
    assert.deepEqual(
      (await bodiesOf(ordinary.outbox)).filter((body) => body !== "2"),
      ["1", "3", "4", "5", "new"],
    );
    const ranges = [{ class: "vital", range: [1, 9] }] as const;
    await ordinary.outbox.receipt({ store: first.outbox.storeId, ranges, rejects: [] });
    assert.deepEqual(await bodiesOf(ordinary.outbox), ["new"], "receipts find the old store");
    await ordinary.outbox.close();
  });
}

test("rows that cannot be read make a new store, and the next start check every table", async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openTestOutbox(directory);
  await put(first.outbox, ["1", "2"]);
  await first.outbox.close();
  assert.equal(existsSync(`${directory}.starts`), false);
  const openDatabase: OpenDatabase = async (path) => {
    const level = await openLevel(path);
    const isBad = ({ gte, limit }: StoreRange): boolean => gte[0] === 0x68 && limit === undefined;
    return {
      ...level,
      range: async (range) => {
        if (isBad(range)) {
          throw Object.assign(new Error("bad block"), { code: "LEVEL_CORRUPTION" });
        }
        return level.range(range);
      },
    };
  };
  const damaged = await openTestOutbox(directory, { openDatabase });
  assert.equal(damaged.outbox.renewed, true);
  assert.deepEqual(await bodiesOf(damaged.outbox), ["1", "2"]);
  await damaged.outbox.close();
  assert.equal(existsSync(`${directory}.starts`), true, "a clean end does not take that back");
  const ordinary = await openTestOutbox(directory);
  assert.deepEqual(await bodiesOf(ordinary.outbox), ["1", "2"]);
  await ordinary.outbox.close();
});

test("the ends of a chain that is too large to be counted are looked up, and its bytes estimated", async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openTestOutbox(directory);
  await put(first.outbox, ["1", "2", "3", "4"]);
  await first.outbox.receipt({
    store: first.outbox.storeId,
    ranges: [{ class: "vital", range: [1, 1] }],
    rejects: [],
  });
  await first.outbox.close();
  await change(directory, [[headKey(PLACE), NONSENSE]]);
  const openDatabase: OpenDatabase = async (path) => ({
    ...(await openLevel(path)),
    size: async () => 100_000_000,
  });
  const { outbox } = await openTestOutbox(directory, { openDatabase });
  assert.deepEqual(outbox.waiting(), [{ ...PLACE, range: [2, 4] }]);
  assert.deepEqual((await outbox.backlog())["vital"], {
    batches: 3,
    bytes: 100_000_000,
    oldestAt: 1_795_000_000_000,
  });
  const ranges = [{ class: "vital", range: [1, 4] }] as const;
  await outbox.receipt({ store: first.outbox.storeId, ranges, rejects: [] });
  assert.equal((await outbox.backlog())["vital"]?.bytes, 0, "nothing of an estimate is left over");
  await outbox.close();
});

test("an old store of which nothing is left is forgotten, and its number not used again", async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openTestOutbox(directory);
  await put(first.outbox, ["1"]);
  await first.outbox.close();
  await change(directory, [[headKey(PLACE), NONSENSE]]);
  const second = await openTestOutbox(directory);
  await second.outbox.receipt({
    store: first.outbox.storeId,
    ranges: [{ class: "vital", range: [1, 1] }],
    rejects: [],
  });
  for (let ticks = 0; ticks < 8; ticks += 1) {
    second.outbox.tend();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await second.outbox.close();
  const store = await Store.open({ directory, commitMs: 0 });
  const stores = await store.range(allOf("store"));
  assert.deepEqual(
    stores.map(([key]) => Buffer.from(key).toString("hex")),
    [Buffer.from(storeKey(2)).toString("hex")],
  );
  assert.deepEqual(await store.range(allOf("head")), []);
  await store.write([[storeKey(2), NONSENSE]]);
  await store.close();
  const third = await openTestOutbox(directory);
  const [record] = await put(third.outbox, ["new"]);
  assert.ok(Number(record?.store) >= 1);
  assert.equal(third.outbox.storeId.length, 16);
  await third.outbox.close();
});

async function put(outbox: Outbox, bodies: readonly string[]): ReturnType<Outbox["put"]> {
  const batches = bodies.map((body) => fakeBatch("vital", EPOCH, 1, body));
  return outbox.put({ epochs: [fakeEpoch(EPOCH)], batches });
}

async function bodiesOf(outbox: Outbox): Promise<string[]> {
  const records = await readAll(outbox);
  return records.filter(isVital).map(({ bytes }) => fakeBody(bytes));
}

/** A number that was receipted and of which that was forgotten is told of in a gap record: the hub knows better. */
function isVital(record: StoredRecord): boolean {
  return record.class === "vital";
}

/** Closes an outbox and gives the head of its chain. */
async function rowOf(outbox: Outbox, directory: string): Promise<Uint8Array> {
  await outbox.close();
  const store = await Store.open({ directory, commitMs: 0 });
  const row = await store.get(headKey(PLACE));
  await store.close();
  assert.ok(row !== undefined);
  return row;
}

async function change(directory: string, writes: readonly StoreWrite[]): Promise<void> {
  const store = await Store.open({ directory, commitMs: 0 });
  await store.write(writes);
  await store.close();
}
