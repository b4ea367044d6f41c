import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { openAtStart } from "../../../gateway/outbox/opening.ts";
import { lockStore, openLevel, type OpenDatabase } from "../../../gateway/outbox/store.ts";
import { openTestOutbox, readAll, temporaryDirectory } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, hex } from "../../fakes/record-codec.ts";

const EPOCH = hex("one");
const PUTS = 30;

test("what LevelDB could not read of its log is there all the same", async (t) => {
  const directory = await filled(t);
  const { outbox } = await openTestOutbox(directory, { openDatabase: openWithoutLog });
  assert.deepEqual(await bodiesOf(outbox), wanted());
  await outbox.close();
  assert.deepEqual(besides(directory), ["store", "store.lock"]);
});

test("a start that was cut short before the log was written back is finished by the next one", async (t) => {
  const directory = await filled(t);
  const cut = async (path: string): ReturnType<OpenDatabase> => {
    const database = await openWithoutLog(path);
    await database.close();
    throw new Error("the power was cut here");
  };
  await assert.rejects(openAtStart(directory, cut), { code: "WARD_OUTBOX_OPEN" });
  const { outbox } = await openTestOutbox(directory);
  assert.deepEqual(await bodiesOf(outbox), wanted());
  await outbox.close();
});

test("a disk that fails for now is no damage: nothing is moved aside, unless it goes on for very long", async (t) => {
  const directory = await filled(t);
  const fail = (): ReturnType<OpenDatabase> => Promise.reject(new Error("Input/output error"));
  rmSync(join(directory, "CURRENT"));
  await assert.rejects(openAtStart(directory, fail), { code: "WARD_OUTBOX_OPEN" });
  const { outbox } = await openTestOutbox(directory);
  assert.deepEqual(await bodiesOf(outbox), wanted());
  await outbox.close();

  writeFileSync(`${directory}.unopened`, "20\n");
  const full = (): ReturnType<OpenDatabase> => Promise.reject(new Error("No space left on device"));
  await assert.rejects(openAtStart(directory, full), { code: "WARD_OUTBOX_OPEN" });
  let tries = 0;
  const late: OpenDatabase = (path) => {
    tries += 1;
    return tries <= 5 ? fail() : openLevel(path);
  };
  const { database, lost } = await openAtStart(directory, late);
  await database.close();
  assert.equal(lost, "tables");
  assert.ok(besides(directory).some((name) => name.endsWith("-whole")));
});

test("a table that cannot be read when all are checked counts as a start that failed", async (t) => {
  const directory = await filled(t);
  const { outbox } = await openTestOutbox(directory);
  await outbox.close();
  const table = readdirSync(directory).find((name) => name.endsWith(".ldb"))!;
  // A directory in its place stands for a bad sector.
  rmSync(join(directory, table));
  mkdirSync(join(directory, table));
  writeFileSync(`${directory}.starts`, "3\n");
  await assert.rejects(openAtStart(directory, openLevel), { code: "WARD_OUTBOX_OPEN" });
  writeFileSync(`${directory}.unopened`, "20\n");
  const { database, lost } = await openAtStart(directory, openLevel);
  await database.close();
  assert.equal(lost, "tables");
  assert.ok(besides(directory).some((name) => name.endsWith("-whole")));
});

test("a store that another one holds is not even looked at", async (t) => {
  const directory = await filled(t);
  const log = readdirSync(directory).find((name) => name.endsWith(".log"))!;
  // As if somebody were writing right now.
  appendFileSync(join(directory, log), "half a write");
  const release = await lockStore(directory);
  const before = besides(directory);
  await assert.rejects(openTestOutbox(directory), { code: "WARD_OUTBOX_OPEN" });
  assert.deepEqual(besides(directory), before);
  await release();
  const { outbox } = await openTestOutbox(directory);
  assert.deepEqual(await bodiesOf(outbox), wanted());
  await outbox.close();
});

/** LevelDB as it is when its log cannot be read for a moment: it says so in its LOG, and the log is gone. */
async function openWithoutLog(path: string): ReturnType<OpenDatabase> {
  for (const name of readdirSync(path).filter((each) => each.endsWith(".log"))) {
    rmSync(join(path, name));
  }
  const database = await openLevel(path);
  appendFileSync(join(path, "LOG"), "000003.log: dropping 32768 bytes; IO error\n");
  return database;
}

async function filled(t: { after: (act: () => void) => void }): Promise<string> {
  const directory = temporaryDirectory(t);
  const { outbox } = await openTestOutbox(directory);
  for (const body of wanted()) {
    const batches = [fakeBatch("vital", EPOCH, 1, body)];
    await outbox.put({ epochs: [fakeEpoch(EPOCH)], batches });
  }
  await outbox.close();
  return directory;
}

function wanted(): string[] {
  return Array.from({ length: PUTS }, (_, count) => `body ${count}`);
}

async function bodiesOf(outbox: Parameters<typeof readAll>[0]): Promise<string[]> {
  return (await readAll(outbox)).map(({ bytes }) => fakeBody(bytes));
}

function besides(directory: string): string[] {
  return readdirSync(dirname(directory)).toSorted();
}
