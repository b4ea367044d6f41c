import assert from "node:assert/strict";
import { test } from "node:test";

import { errorCode } from "../../../gateway/errors.ts";
import { Outbox } from "../../../gateway/outbox/outbox.ts";
import { Store } from "../../../gateway/outbox/commits.ts";
import { allOf, slotOf } from "../../../gateway/outbox/keys.ts";
import { QUARANTINE_RECORDS_MAX } from "../../../gateway/outbox/leave.ts";
import type { StoredRecord } from "../../../gateway/outbox/records.ts";
import { RECENT_EPOCHS } from "../../../gateway/outbox/epochs.ts";
import { openTestOutbox, readAll, temporaryDirectory } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, hex } from "../../fakes/record-codec.ts";

const EPOCH = hex("one");

test("a put is read back, in order, with its place", async (t) => {
  const { outbox, told } = await openTestOutbox(temporaryDirectory(t));
  const stored = await outbox.put({
    epochs: [fakeEpoch(EPOCH)],
    batches: [vital("a"), fakeBatch("tally", EPOCH, 1, "t"), vital("b")],
  });
  assert.deepEqual(
    stored.map(({ class: name, sequence, items }) => [name, sequence, items]),
    [
      ["vital", 1, 3],
      ["tally", 1, 1],
      ["vital", 2, 3],
    ],
  );
  assert.deepEqual(await readAll(outbox), [stored[0], stored[2], stored[1]]);
  assert.deepEqual(told.committed, stored);
  assert.deepEqual(told.epochs, await outbox.neededEpochs());
  assert.match(outbox.storeId, /^[0-9a-f]{16}$/);
  await outbox.close();
});

test("sequence numbers go on after emptying and reopening", async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openTestOutbox(directory);
  await putVitals(first.outbox, ["a", "b", "c"]);
  await receipt(first.outbox, [[1, 3]]);
  assert.deepEqual(first.outbox.waiting(), []);
  await first.outbox.close();

  const second = await openTestOutbox(directory);
  assert.equal(second.outbox.storeId, first.outbox.storeId);
  assert.deepEqual(second.outbox.waiting(), []);
  const [record] = await putVitals(second.outbox, ["d"]);
  assert.equal(record?.sequence, 4);
  await second.outbox.close();
});

test("a receipt deletes exactly what it names", async (t) => {
  const directory = temporaryDirectory(t);
  const { outbox, told } = await openTestOutbox(directory);
  await putVitals(outbox, ["1", "2", "3", "4", "5", "6", "7"]);
  await outbox.receipt({ store: "ffffffffffffffff", ranges: [vitals([1, 7])], rejects: [] });
  assert.equal((await readAll(outbox)).length, 7, "another store's receipt is none of ours");
  await receipt(outbox, [
    [2, 3],
    [6, 900],
  ]);
  assert.deepEqual((await readAll(outbox)).map(bodyOf), ["1", "4", "5"]);
  assert.deepEqual((await outbox.backlog())["vital"]?.batches, 3);
  const again = await reopened(outbox, directory);
  assert.deepEqual((await readAll(again)).map(bodyOf), ["1", "4", "5"]);
  await receipt(again, [[1, 5]]);
  assert.deepEqual((await again.backlog())["vital"], { batches: 0, bytes: 0, oldestAt: null });
  assert.deepEqual(
    told.forgotten.map(({ batches, why }) => [batches, why]),
    [
      [2, "receipted"],
      [2, "receipted"],
    ],
  );
  await again.close();
});

test("a receipt for numbers not given yet takes nothing of what comes later", async (t) => {
  const { outbox } = await openTestOutbox(temporaryDirectory(t));
  await putVitals(outbox, ["1"]);
  await receipt(outbox, [[1, 1000]]);
  await putVitals(outbox, ["2"]);
  assert.deepEqual((await readAll(outbox)).map(bodyOf), ["2"]);
  await outbox.close();
});

test("a rejected record goes to quarantine with a gap record, once", async (t) => {
  const { outbox, told } = await openTestOutbox(temporaryDirectory(t));
  const stored = await putVitals(outbox, ["1", "2"]);
  const rejects = [{ class: "vital", sequence: 2, reason: "bad-signature" }] as const;
  await outbox.receipt({ store: outbox.storeId, ranges: [], rejects });
  await outbox.receipt({ store: outbox.storeId, ranges: [], rejects });
  const waiting = await readAll(outbox);
  assert.deepEqual(
    waiting.map(({ class: name, sequence }) => [name, sequence]),
    [
      ["vital", 1],
      ["gap", 1],
    ],
  );
  assert.deepEqual(told.lost, [
    {
      class: "vital",
      store: outbox.storeId,
      from: 2,
      to: 2,
      reason: "rejected",
      text: "bad-signature",
      records: [factsOf(stored[1]!)],
    },
  ]);
  await outbox.receipt({
    store: outbox.storeId,
    ranges: [],
    rejects: [{ class: "gap", sequence: 1, reason: "no" }],
  });
  assert.deepEqual((await readAll(outbox)).map(bodyOf), ["1"], "no gap record about a gap record");
  assert.equal(told.lost.length, 2);
  await outbox.close();
});

test("quarantine keeps only the newest", async (t) => {
  const directory = temporaryDirectory(t);
  const { outbox } = await openTestOutbox(directory);
  const count = QUARANTINE_RECORDS_MAX + 10;
  await putVitals(
    outbox,
    Array.from({ length: count }, (_, place) => `${place}`),
  );
  const rejects = Array.from({ length: count }, (_, place) => ({
    class: "vital" as const,
    sequence: place + 1,
    reason: "no",
  }));
  await outbox.receipt({ store: outbox.storeId, ranges: [], rejects });
  await outbox.close();
  const store = await Store.open({ directory, commitMs: 0 });
  const kept = (await store.range(allOf("quarantine"))).map(([key]) => slotOf(key)?.sequence);
  await store.close();
  assert.equal(kept.length, QUARANTINE_RECORDS_MAX);
  assert.deepEqual([kept.at(0), kept.at(-1)], [11, count]);
});

test("an epoch stays until every batch of it is receipted, and is not asked for twice", async (t) => {
  const directory = temporaryDirectory(t);
  const { outbox } = await openTestOutbox(directory);
  for (let count = 0; count < RECENT_EPOCHS + 3; count += 1) {
    const epoch = hex(`epoch ${count}`);
    await outbox.put({
      epochs: [fakeEpoch(epoch)],
      batches: [fakeBatch("vital", epoch, 1, `${count}`)],
    });
  }
  await receipt(outbox, [[2, RECENT_EPOCHS + 3]]);
  assert.deepEqual(
    (await outbox.neededEpochs()).map(({ epoch }) => epoch),
    Array.from({ length: RECENT_EPOCHS + 3 }, (_, count) => hex(`epoch ${count}`)),
    "a hole keeps all that came after",
  );
  await receipt(outbox, [[1, 1]]);
  const again = await reopened(outbox, directory);
  assert.deepEqual(await again.neededEpochs(), []);
  assert.equal(await again.epoch(hex("epoch 0")), null);
  assert.equal(await again.epoch(hex("epoch 2")), null);
  assert.notEqual(await again.epoch(hex("epoch 3")), null);
  await again.close();
});

test("a batch of an unknown epoch is refused, and so is what is no batch", async (t) => {
  const { outbox } = await openTestOutbox(temporaryDirectory(t));
  await rejectsWith(outbox.put({ epochs: [], batches: [vital("a")] }), "WARD_OUTBOX_EPOCH");
  await rejectsWith(
    outbox.put({ epochs: [fakeEpoch(EPOCH)], batches: [Buffer.from("x")] }),
    "WARD_FAKE",
  );
  assert.deepEqual(outbox.waiting(), []);
  const [record] = await putVitals(outbox, ["a"]);
  assert.equal(record?.sequence, 1, "a refused put uses no number");
  await outbox.close();
});

test("the byte budget refuses, and takes again after receipts", async (t) => {
  const { outbox } = await openTestOutbox(temporaryDirectory(t), { bytesMax: 2000 });
  const long = "x".repeat(600);
  await putVitals(outbox, [long, long]);
  await rejectsWith(putVitals(outbox, [long]), "WARD_OUTBOX_FULL");
  await receipt(outbox, [[1, 2]]);
  assert.equal((await putVitals(outbox, [long]))[0]?.sequence, 3);
  await rejectsWith(putVitals(outbox, ["y".repeat(2 ** 21)]), "WARD_OUTBOX_TOO_LARGE");
  await outbox.close();
});

test("one process cannot open a directory twice", async (t) => {
  const directory = temporaryDirectory(t);
  const { outbox } = await openTestOutbox(directory);
  await rejectsWith(openTestOutbox(`${directory}/.`), "WARD_OUTBOX_TWICE");
  await putVitals(outbox, ["still works"]);
  const again = await reopened(outbox, directory);
  assert.deepEqual((await readAll(again)).map(bodyOf), ["still works"]);
  await again.close();
});

test("documents lie beside the records", async (t) => {
  const directory = temporaryDirectory(t);
  const { outbox } = await openTestOutbox(directory);
  assert.equal(await outbox.readDocument("flows"), null);
  await outbox.writeDocument("flows", Buffer.from("[]"));
  const again = await reopened(outbox, directory);
  assert.deepEqual(Buffer.from((await again.readDocument("flows")) ?? []).toString(), "[]");
  await again.close();
  await rejectsWith(again.put({ epochs: [], batches: [] }), "WARD_OUTBOX_CLOSED");
});

test("who comes while it closes, or later, is told that it is closed, and nobody that the disk is at fault", async (t) => {
  const { outbox, told } = await openTestOutbox(temporaryDirectory(t));
  await putVitals(outbox, ["a", "b", "c"]);
  const place = outbox.waiting()[0];
  assert.ok(place !== undefined);
  const { storeId: store } = outbox;
  const ask = (): readonly Promise<unknown>[] => [
    outbox.read(place, 64),
    outbox.epoch(EPOCH),
    outbox.backlog(),
    outbox.receipt({ store, ranges: [vitals([1, 1])], rejects: [] }),
  ];
  const closing = outbox.close();
  const during = await Promise.allSettled(ask());
  await closing;
  const later = await Promise.allSettled(ask());
  const codes = [...during, ...later].flatMap((done) =>
    done.status === "rejected" ? [errorCode(done.reason)] : [],
  );
  assert.deepEqual([...new Set(codes)], ["WARD_OUTBOX_CLOSED"]);
  assert.deepEqual(told.trouble, []);
});

function vital(body: string): Uint8Array {
  return fakeBatch("vital", EPOCH, 3, body);
}

function vitals(range: readonly [number, number]): {
  class: "vital";
  range: readonly [number, number];
} {
  return { class: "vital", range };
}

async function putVitals(outbox: Outbox, bodies: readonly string[]): ReturnType<Outbox["put"]> {
  return outbox.put({ epochs: [fakeEpoch(EPOCH)], batches: bodies.map(vital) });
}

async function receipt(
  outbox: Outbox,
  ranges: readonly (readonly [number, number])[],
): Promise<void> {
  await outbox.receipt({ store: outbox.storeId, ranges: ranges.map(vitals), rejects: [] });
}

async function reopened(outbox: Outbox, directory: string): Promise<Outbox> {
  await outbox.close();
  return (await openTestOutbox(directory)).outbox;
}

function bodyOf(record: { bytes: Uint8Array }): string {
  return fakeBody(record.bytes);
}

function factsOf({ sequence, items, salt, hash, storedAt }: StoredRecord): object {
  return { sequence, items, salt, hash, storedAt };
}

async function rejectsWith(promise: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(promise, { code });
}
