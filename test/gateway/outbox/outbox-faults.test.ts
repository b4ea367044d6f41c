import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import type { Outbox } from "../../../gateway/outbox/outbox.ts";
import { KEEP_ALL } from "../../../gateway/outbox/policy.ts";
import type { RecordClass } from "../../../gateway/sealing/envelope.ts";
import { FaultyDisk, type WriteFate } from "../../fakes/faulty-database.ts";
import { openTestOutbox, readAll, temporaryDirectory } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, hex } from "../../fakes/record-codec.ts";

const EPOCH = hex("one");
const MIB = 2 ** 20;

for (const fate of ["fails", "fails but is there"] as const) {
  test(`after a write that ${fate} nothing is acknowledged before the database is opened again`, async (t) => {
    const directory = temporaryDirectory(t);
    const disk = new FaultyDisk();
    const { outbox, told } = await openTestOutbox(directory, { openDatabase: disk.open });
    await put(outbox, "before");
    const fates: WriteFate[] = [fate, "ok", fate, fate];
    disk.fate = () => fates.shift() ?? "ok";
    for (const body of ["a", "b", "c", "d"]) {
      await put(outbox, body);
    }
    assert.equal(disk.opened, 4);
    assert.deepEqual(told.trouble, [
      "WARD_OUTBOX_WRITE",
      null,
      "WARD_OUTBOX_WRITE",
      "WARD_OUTBOX_WRITE",
      null,
    ]);
    await outbox.close();
    const again = await openTestOutbox(directory);
    const found = await readAll(again.outbox);
    assert.deepEqual(
      found.map(({ sequence, bytes }) => [sequence, fakeBody(bytes)]),
      [
        [1, "before"],
        [2, "a"],
        [3, "b"],
        [4, "c"],
        [5, "d"],
      ],
    );
    assert.equal(again.outbox.renewed, false);
    await again.outbox.close();
  });
}

test("a reader under which the database is closed twice reads in the third one", async (t) => {
  const directory = temporaryDirectory(t);
  const disk = new FaultyDisk();
  const { outbox } = await openTestOutbox(directory, { openDatabase: disk.open });
  await put(outbox, "before");
  let reads = 0;
  const until = async (isTrue: () => boolean): Promise<void> => {
    while (!isTrue()) {
      await setTimeout(1);
    }
  };
  disk.fate = async () => {
    await until(() => reads >= disk.opened);
    return disk.opened < 3 ? "fails" : "ok";
  };
  disk.beforeRange = async () => {
    reads += 1;
    const { opened } = disk;
    if (opened < 3) {
      await until(() => disk.opened > opened);
      throw new Error("Iterator is not open: cannot read after close()");
    }
  };
  const [place] = outbox.waiting();
  const [found] = await Promise.all([outbox.read(place!, 10), put(outbox, "later")]);
  assert.deepEqual(
    found.records.map(({ bytes }) => fakeBody(bytes)),
    ["before"],
  );
  assert.equal(reads, 3);
  disk.beforeRange = () => Promise.resolve();
  await outbox.close();
});

test("a full disk: ballast goes before the database is opened again, and comes back when there is space", async (t) => {
  const directory = temporaryDirectory(t);
  const ballast = `${directory}.ballast`;
  const space = { free: 1000 * MIB };
  const disk = new FaultyDisk();
  disk.message = "IO error: /data/store/000003.log: No space left on device";
  const { outbox, told } = await openTestOutbox(directory, {
    openDatabase: disk.open,
    ballastBytes: 2 * MIB,
    reserveBytes: 10 * MIB,
    freeBytes: () => space.free,
  });
  outbox.tend();
  outbox.tend();
  assert.equal(statSync(ballast).size, 2 * MIB);
  space.free = 0;
  disk.fate = () => (existsSync(ballast) ? "fails" : "ok");
  await put(outbox, "on a full disk");
  assert.deepEqual(told.trouble, ["WARD_OUTBOX_WRITE", null]);
  assert.equal(outbox.room.ballastBytes, 0);
  outbox.tend();
  assert.equal(outbox.room.ballastBytes, 0, "not as long as the disk is full");
  disk.fate = () => "ok";
  space.free = 1000 * MIB;
  outbox.tend();
  outbox.tend();
  assert.deepEqual([outbox.room.ballastBytes, outbox.room.diskShort], [2 * MIB, false]);
  await outbox.close();

  space.free = MIB;
  const again = await openTestOutbox(directory, {
    ballastBytes: 2 * MIB,
    freeBytes: () => space.free,
  });
  assert.equal(existsSync(ballast), false, "a start on a full disk needs it too");
  assert.deepEqual(
    (await readAll(again.outbox)).map(({ bytes }) => fakeBody(bytes)),
    ["on a full disk"],
  );
  await again.outbox.close();
});

test("a disk without space: what comes is refused, a little is given up to win some back, and it goes on by itself", async (t) => {
  const space = { free: 1000 * MIB };
  const clock = { ms: 0 };
  const wave = { share: 0.2, ttlMs: null, whenFull: "evict-old" } as const;
  const { outbox, told } = await openTestOutbox(temporaryDirectory(t), {
    classes: { ...KEEP_ALL, wave },
    freeBytes: () => space.free,
    monotonic: () => clock.ms,
  });
  for (let count = 0; count < 8; count += 1) {
    await put(outbox, "w".repeat(500_000), "wave");
  }
  space.free = 6 * MIB;
  const tended = async (): Promise<void> => {
    outbox.tend();
    await outbox.receipt({ store: outbox.storeId, ranges: [], rejects: [] });
  };
  await tended();
  await assert.rejects(put(outbox, "x"), { code: "WARD_OUTBOX_FULL", message: /disk is full/ });
  const lost = told.lost.flatMap(({ records }) => records.map(({ sequence }) => sequence));
  assert.deepEqual(lost, [1, 2, 3, 4, 5], "2 MiB are lacking");
  await tended();
  assert.equal(told.lost.at(-1)?.to, 5, "not again within half a minute");
  space.free = 20 * MIB;
  await tended();
  await put(outbox, "x");
  assert.equal(told.lost.at(-1)?.to, 5);
  await outbox.close();
});

test("a disk that cannot be opened again is tried until it can", async (t) => {
  const disk = new FaultyDisk();
  const { outbox, told } = await openTestOutbox(temporaryDirectory(t), { openDatabase: disk.open });
  await put(outbox, "a");
  let isBad = true;
  disk.fate = () => (isBad ? "fails" : "ok");
  disk.cannotOpen = true;
  const stored = put(outbox, "b");
  const reading = readAll(outbox);
  while (told.trouble.length < 3) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  isBad = false;
  disk.cannotOpen = false;
  await stored;
  assert.deepEqual(
    (await reading).map(({ bytes }) => fakeBody(bytes)),
    ["a"],
  );
  assert.equal((await readAll(outbox)).length, 2);
  await outbox.close();
});

test("many bytes at once are committed in pieces, in order", async (t) => {
  const disk = new FaultyDisk();
  const sizes: number[] = [];
  disk.fate = (writes) => {
    sizes.push(writes.reduce((sum, [key, value]) => sum + key.length + (value?.length ?? 0), 0));
    return "ok";
  };
  const directory = temporaryDirectory(t);
  await (await openTestOutbox(directory)).outbox.close();
  const { outbox } = await openTestOutbox(directory, {
    openDatabase: disk.open,
    commitBytes: 100_000,
    commitMs: 60_000,
  });
  const puts = Array.from({ length: 40 }, () => put(outbox, "x".repeat(20_000)));
  const done = Promise.all(puts);
  const records = (await Promise.race([done, puts[30]!])).flat();
  assert.ok(records.length > 0, "a full commit does not wait for its window");
  assert.ok(Math.max(...sizes) < 200_000, `the largest has ${Math.max(...sizes)} bytes`);
  await outbox.close();
  const sequences = (await done).flat().map(({ sequence }) => sequence);
  assert.deepEqual(
    sequences,
    Array.from({ length: 40 }, (_, place) => place + 1),
  );
});

async function put(
  outbox: Outbox,
  body: string,
  className: RecordClass = "vital",
): ReturnType<Outbox["put"]> {
  return outbox.put({
    epochs: [fakeEpoch(EPOCH)],
    batches: [fakeBatch(className, EPOCH, 1, body)],
  });
}
