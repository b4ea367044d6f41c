import assert from "node:assert/strict";
import { test } from "node:test";

import type { Outbox } from "../../../gateway/outbox/outbox.ts";
import type { OutboxOptions } from "../../../gateway/outbox/outbox-options.ts";
import { GAP_RECORDS_MAX } from "../../../gateway/outbox/evict.ts";
import type { ClassPolicies, ClassPolicy } from "../../../gateway/outbox/policy.ts";
import type { Loss, StoredRecord } from "../../../gateway/outbox/records.ts";
import type { ClassName } from "../../../gateway/reading.ts";
import type { RecordClass } from "../../../gateway/sealing/envelope.ts";
import { openTestOutbox, readAll, temporaryDirectory, type Told } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, hex } from "../../fakes/record-codec.ts";

const EPOCH = hex("one");
const KIB = 1024;
const DAY_MS = 86_400_000;

test("a full outbox gives up its oldest waves, and one gap record tells of many", async (t) => {
  const { outbox, told } = await open(t, 400 * KIB);
  const put = new Map<string, StoredRecord>();
  for (let count = 0; count < 60; count += 1) {
    const classes = ["wave", "wave", "wave", "wave", "vital", "tally"] as const;
    for (const record of await putAll(outbox, classes, 1500)) {
      put.set(nameOf(record), record);
    }
  }
  const there = await accountFor(outbox, told, put);
  assert.deepEqual([there.get("vital"), there.get("tally")], [60, 60], "nothing else had to go");
  const evicted = told.lost.reduce((sum, { records }) => sum + records.length, 0);
  assert.ok(evicted > 20, `${evicted} waves went`);
  assert.ok(told.lost.length <= evicted / 2, `${told.lost.length} gap records for ${evicted}`);
  assert.ok(told.lost.every(({ reason, class: name }) => reason === "evicted" && name === "wave"));
  const forgotten = told.forgotten.reduce((sum, { batches }) => sum + batches, 0);
  assert.equal(forgotten, evicted);
  assert.ok(outbox.room.bytes <= 400 * KIB);
  await outbox.close();
});

test("a trend outlives the vital readings, and notices and tallies outlive the waves", async (t) => {
  const { outbox, told } = await open(t, 120 * KIB);
  const put = new Map<string, StoredRecord>();
  for (let count = 0; count < 60; count += 1) {
    const some = ["vital", "vital", "wave"] as const;
    const rare = count % 10 === 0 ? (["trend", "notice", "tally"] as const) : [];
    const records = [...(await putAll(outbox, some, KIB)), ...(await putAll(outbox, rare, 100))];
    for (const record of records) {
      put.set(nameOf(record), record);
    }
  }
  const there = await accountFor(outbox, told, put);
  assert.deepEqual([there.get("trend"), there.get("notice"), there.get("tally")], [6, 6, 6]);
  assert.ok(Number(there.get("vital")) < 120);
  await outbox.close();
});

test("a class that refuses new ones keeps its oldest", async (t) => {
  const { outbox, told } = await open(t, 200 * KIB, {
    vital: { share: 0.4, ttlMs: null, whenFull: "refuse-new" },
  });
  const put = new Map<string, StoredRecord>();
  for (let count = 0; count < 150; count += 1) {
    for (const record of await putAll(outbox, ["vital"], 2 * KIB)) {
      put.set(nameOf(record), record);
    }
  }
  await accountFor(outbox, told, put);
  const kept = (await readAll(outbox)).filter(({ class: name }) => name === "vital");
  const share = 0.4 * 200 * KIB;
  const first = kept.findIndex(({ sequence }, place) => sequence !== place + 1);
  const bytes = kept.slice(0, first).reduce((sum, record) => sum + record.bytes.length, 0);
  assert.ok(bytes > share, `${first} records of ${bytes} bytes, more than its share`);
  assert.ok(told.lost.length > 3 && told.lost.every(({ reason }) => reason === "turned-away"));
  const [next] = await putAll(outbox, ["vital"], 10);
  assert.equal(next?.sequence, 151, "numbers of what was turned away are not used again");
  await outbox.close();
});

test("when nothing may be given up, what comes is refused until there is room", async (t) => {
  const { outbox, told } = await open(t, 64 * KIB);
  let tallies = 0;
  await assert.rejects(
    async () => {
      for (; tallies < 1000; tallies += 1) {
        await putAll(outbox, ["tally"], 4 * KIB);
      }
    },
    { code: "WARD_OUTBOX_FULL" },
  );
  await assert.rejects(putAll(outbox, ["vital"], 128 * KIB), { code: "WARD_OUTBOX_FULL" });
  assert.deepEqual(told.lost, []);
  assert.equal((await readAll(outbox)).length, tallies);
  const ranges = [{ class: "tally" as const, range: [1, 3] as const }];
  await outbox.receipt({ store: outbox.storeId, ranges, rejects: [] });
  await putAll(outbox, ["tally"], 4 * KIB);
  await outbox.close();
});

test("a gap record tells of no more than one sealed record can hold", async (t) => {
  const directory = temporaryDirectory(t);
  const big = await open(t, 100_000 * KIB, {}, { directory });
  const names = Array.from({ length: 512 }, () => "wave" as const);
  for (let count = 0; count < GAP_RECORDS_MAX + names.length; count += names.length) {
    await putAll(big.outbox, names, 10);
  }
  await big.outbox.close();
  const small = await open(t, 40 * KIB, {}, { directory });
  small.outbox.tend();
  await small.outbox.close();
  assert.deepEqual(small.told.lost[0]?.records.length, GAP_RECORDS_MAX);
  const runs = small.told.lost.map(({ from, to }) => [from, to]);
  assert.deepEqual(runs[0], [1, GAP_RECORDS_MAX]);
  assert.equal(runs[1]?.[0], GAP_RECORDS_MAX + 1);
});

test("what holds too much is trimmed when it is tended, oldest store first", async (t) => {
  const directory = temporaryDirectory(t);
  const first = await open(t, 1000 * KIB, {}, { directory });
  const put = new Map<string, StoredRecord>();
  for (let count = 0; count < 50; count += 1) {
    for (const record of await putAll(first.outbox, ["wave"], 4 * KIB)) {
      put.set(nameOf(record), record);
    }
  }
  await first.outbox.close();
  const second = await open(t, 100 * KIB, {}, { directory });
  await tended(second.outbox);
  assert.ok(second.outbox.room.bytes <= 100 * KIB);
  await accountFor(second.outbox, second.told, put);
  const kept = (await readAll(second.outbox)).filter(({ class: name }) => name === "wave");
  assert.equal(kept.at(-1)?.sequence, 50);
  await second.outbox.close();
});

test("what waits too long expires, in time that the outbox was open; a clock that jumps by years changes nothing", async (t) => {
  const directory = temporaryDirectory(t);
  const clock = { monotonic: 0, wall: 1_795_000_000_000 };
  const classes = { wave: { share: 0.5, ttlMs: DAY_MS, whenFull: "evict-old" } } as const;
  const times = { directory, monotonic: () => clock.monotonic, now: () => clock.wall };
  const first = await open(t, 1000 * KIB, classes, times);
  const put = new Map<string, StoredRecord>();
  for (const record of await putAll(first.outbox, ["wave", "wave", "vital"], 100)) {
    put.set(nameOf(record), record);
  }
  clock.wall += 3650 * DAY_MS;
  clock.monotonic += DAY_MS / 2;
  first.outbox.tend();
  for (const record of await putAll(first.outbox, ["wave"], 100)) {
    put.set(nameOf(record), record);
  }
  await first.outbox.close();
  assert.deepEqual(first.told.lost, []);

  // Switched off for a long time, on a machine that counts from 0 again.
  clock.monotonic = 1000;
  clock.wall -= 7000 * DAY_MS;
  const second = await open(t, 1000 * KIB, classes, times);
  clock.monotonic += DAY_MS / 2 - 60_000;
  await tended(second.outbox);
  assert.deepEqual(second.told.lost, [], "not a day yet");
  clock.monotonic += 60_000;
  await tended(second.outbox);
  assert.deepEqual(
    second.told.lost.map(({ class: name, from, to, reason }) => [name, from, to, reason]),
    [["wave", 1, 2, "expired"]],
  );
  await accountFor(second.outbox, second.told, put);
  clock.monotonic += DAY_MS;
  await tended(second.outbox);
  assert.deepEqual(
    second.outbox.waiting().map(({ class: name }) => name),
    ["vital", "gap"],
  );
  await second.outbox.close();
});

test("an outbox that gets a time to live afterwards lets what it holds live as long from then on", async (t) => {
  const directory = temporaryDirectory(t);
  const clock = { monotonic: 0 };
  const monotonic = (): number => clock.monotonic;
  const first = await open(t, 1000 * KIB, {}, { directory, monotonic });
  await putAll(first.outbox, ["wave"], 100);
  clock.monotonic += 100 * DAY_MS;
  await first.outbox.close();
  const classes = { wave: { share: 0.5, ttlMs: DAY_MS, whenFull: "evict-old" } } as const;
  const second = await open(t, 1000 * KIB, classes, { directory, monotonic });
  await tended(second.outbox);
  assert.equal(second.told.lost.length, 0);
  clock.monotonic += DAY_MS;
  await tended(second.outbox);
  assert.equal(second.told.lost[0]?.reason, "expired");
  await second.outbox.close();
});

test("a short disk: new records take the place of old ones, and the outbox does not shrink", async (t) => {
  const disk = { free: 10 ** 9 };
  const { outbox, told } = await open(
    t,
    1000 * KIB,
    {},
    {
      freeBytes: () => disk.free,
      reserveBytes: 10 ** 8,
    },
  );
  for (let count = 0; count < 60; count += 1) {
    await putAll(outbox, ["wave"], 4 * KIB);
  }
  const { bytes } = outbox.room;
  disk.free = 5 * 10 ** 7;
  for (let count = 0; count < 60; count += 1) {
    outbox.tend();
    await putAll(outbox, ["wave"], 4 * KIB);
  }
  const { room } = outbox;
  assert.ok(room.diskShort && room.limit < room.bytesMax);
  assert.ok(room.bytes <= bytes && room.bytes > bytes / 2, `${room.bytes} of ${bytes}`);
  assert.ok(told.lost.length > 0 && told.lost.every(({ reason }) => reason === "evicted"));
  await outbox.close();
});

const POLICIES: ClassPolicies = {
  notice: { share: 0.05, ttlMs: null, whenFull: "evict-old" },
  vital: { share: 0.4, ttlMs: null, whenFull: "evict-old" },
  trend: { share: 0.1, ttlMs: null, whenFull: "evict-old" },
  wave: { share: 0.25, ttlMs: null, whenFull: "evict-old" },
};

async function open(
  t: { after: (act: () => void) => void },
  bytesMax: number,
  policies: Partial<Record<ClassName, ClassPolicy>> = {},
  options: Partial<OutboxOptions> = {},
): Promise<{ outbox: Outbox; told: Told }> {
  const { directory = temporaryDirectory(t), ...others } = options;
  const classes = { ...POLICIES, ...policies };
  return openTestOutbox(directory, { bytesMax, classes, freeBytes: () => null, ...others });
}

async function putAll(
  outbox: Outbox,
  classes: readonly RecordClass[],
  bytes: number,
): Promise<readonly StoredRecord[]> {
  const batches = classes.map((name) => fakeBatch(name, EPOCH, 1, "x".repeat(bytes)));
  return outbox.put({ epochs: [fakeEpoch(EPOCH)], batches });
}

/** Tends, and waits until that is done. */
async function tended(outbox: Outbox): Promise<void> {
  outbox.tend();
  await settled(outbox);
}

/** A receipt of nothing has its turn after everything that is under way. */
async function settled(outbox: Outbox): Promise<void> {
  await outbox.receipt({ store: outbox.storeId, ranges: [], rejects: [] });
}

/** Every record that was put is here, or named in exactly one gap record that is here. Returns how many are here. */
async function accountFor(
  outbox: Outbox,
  told: Told,
  put: ReadonlyMap<string, StoredRecord>,
): Promise<Map<RecordClass, number>> {
  await settled(outbox);
  const all = await readAll(outbox);
  const here = new Set(all.map(nameOf));
  const gaps = all
    .filter(({ class: name }) => name === "gap")
    .map(({ bytes }) => JSON.parse(fakeBody(bytes)) as Loss);
  assert.equal(JSON.stringify(gaps), JSON.stringify(told.lost));
  const named = gaps.flatMap((gap) =>
    gap.records.map((record) => {
      assert.ok(record.sequence >= gap.from && record.sequence <= gap.to);
      const name = `${gap.class}/1 ${record.sequence}`;
      const { hash, salt, items } = put.get(name)!;
      assert.deepEqual([record.hash, record.salt, record.items], [hash, salt, items]);
      return name;
    }),
  );
  assert.equal(new Set(named).size, named.length, "no record is given up twice");
  for (const name of put.keys()) {
    assert.ok(here.has(name) !== named.includes(name), `${name} is here or accounted for`);
  }
  const counts = Map.groupBy(all, ({ class: name }) => name);
  return new Map([...counts].map(([name, records]) => [name, records.length]));
}

function nameOf({ class: name, store, sequence }: StoredRecord): string {
  return `${name}/${store} ${sequence}`;
}
