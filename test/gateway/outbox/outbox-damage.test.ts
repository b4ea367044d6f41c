import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { NODE_OPTIONS } from "../../../gateway/program/options.ts";
import * as fc from "fast-check";

import { randomOf } from "../../../gateway/devices/simulator.ts";
import { isTorn } from "../../../gateway/outbox/log-tail.ts";
import type { Outbox } from "../../../gateway/outbox/outbox.ts";
import { CRC_START, crc32c, crcEnd, crcStep } from "../../../gateway/outbox/crc32c.ts";
import { hasWholeIndex, isWholeTable, salvageTable } from "../../../gateway/outbox/scrub.ts";

import { openTestOutbox, readAll, temporaryDirectory, type Told } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, hex } from "../../fakes/record-codec.ts";

const EPOCH = hex("one");
const FLIPS = 40;
/** Records that lie in one block of a table or in one write, at most. */
const GONE_MAX = 40;
const READER = join(import.meta.dirname, "../../fakes/outbox-reader.ts");

test("a flipped bit never forwards a wrong value: a record is right, or named in a gap record", async (t) => {
  const base = temporaryDirectory(t);
  const original = join(base, "original");
  const written = await writeStore(original, 150);
  const files = readdirSync(original).filter((name) => /\.(ldb|log)$/.test(name));
  assert.ok(files.some((name) => name.endsWith(".ldb")) && files.some((n) => n.endsWith(".log")));
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = randomOf(seed);
  let harmed = 0;
  for (let round = 0; round < FLIPS; round += 1) {
    const copy = join(base, `copy-${round}`);
    cpSync(original, copy, { recursive: true });
    const flip = `${flipSomeBit(copy, files, random)}, seed ${seed}`;
    // As after some starts that ended the process: LevelDB would end this one too, for about one flip in 500.
    writeFileSync(`${copy}.starts`, "3");
    const found = await readDamaged(copy);
    for (const [place, body] of found.bodies) {
      assert.equal(body, written.get(place), `${place} is right (${flip})`);
    }
    const gone = [...written.keys()].filter((place) => !found.bodies.has(place));
    harmed += gone.length > 0 ? 1 : 0;
    assert.ok(gone.length <= GONE_MAX, `${gone.length} are gone (${flip})`);
    assert.deepEqual(found.epochs, [EPOCH], `the key is there (${flip})`);
    for (const place of gone) {
      const [name, sequence] = place.split(" ");
      const isNamed = found.told.lost.some(
        (loss) =>
          loss.class === name && loss.from <= Number(sequence) && loss.to >= Number(sequence),
      );
      assert.ok(isNamed, `${place} is named (${flip})`);
    }
    rmSync(copy, { recursive: true });
  }
  assert.ok(harmed > 2, `the flips hit something (${harmed})`);
});

test("a store whose log lost its end begins a new store: no number is given twice", async (t) => {
  const directory = temporaryDirectory(t);
  const first = await openTestOutbox(directory);
  for (let count = 0; count < 20; count += 1) {
    await first.outbox.put({ epochs: [fakeEpoch(EPOCH)], batches: [vital(`${count}`)] });
  }
  await first.outbox.close();
  const log = readdirSync(directory).find((name) => name.endsWith(".log"))!;
  const bytes = readFileSync(join(directory, log));
  bytes[bytes.length - 300]! ^= 0x10;
  writeFileSync(join(directory, log), bytes);

  const second = await openTestOutbox(directory);
  assert.equal(second.outbox.renewed, true);
  assert.notEqual(second.outbox.storeId, first.outbox.storeId);
  const [record] = await second.outbox.put({ epochs: [fakeEpoch(EPOCH)], batches: [vital("new")] });
  assert.equal(record?.sequence, 1);
  const bodies = await vitalBodies(second.outbox);
  assert.deepEqual([bodies.at(0), bodies.at(18), bodies.at(-1)], ["0", "18", "new"]);
  await second.outbox.receipt({
    store: first.outbox.storeId,
    ranges: [{ class: "vital", range: [1, 50] }],
    rejects: [],
  });
  assert.deepEqual(
    await vitalBodies(second.outbox),
    ["new"],
    "receipts for the old store still count",
  );
  const lost = second.told.lost.map(({ class: name, from, to }) => `${name} ${from}-${to}`);
  assert.deepEqual(lost, ["vital 20-20"], "what the damage cost is accounted for");
  await second.outbox.close();
  const third = await openTestOutbox(directory);
  assert.equal(third.outbox.renewed, false);
  assert.equal(third.outbox.storeId, second.outbox.storeId);
  await third.outbox.close();
});

test("a write whose length is damaged, in the last block of a log, costs nothing", async (t) => {
  const base = temporaryDirectory(t);
  const original = join(base, "original");
  const written = await writeStore(original, 30);
  const name = readdirSync(original).find((each) => each.endsWith(".log"))!;
  const log = readFileSync(join(original, name));
  const starts = partStarts(log);
  for (const start of [starts.at(0)!, starts.at(-5)!, starts.at(-1)!]) {
    for (const bit of [3, 6, 7]) {
      const copy = join(base, `copy-${start}-${bit}`);
      cpSync(original, copy, { recursive: true });
      const damaged = Buffer.from(log);
      damaged[start + 5]! ^= 1 << bit;
      writeFileSync(join(copy, name), damaged);
      const found = await readDamaged(copy);
      assert.deepEqual(found.bodies, written, `part at ${start}, bit ${bit}`);
      assert.equal(found.renewed, true);
    }
  }
});

test("damage that makes LevelDB end the process is found after a few starts", async (t) => {
  const directory = temporaryDirectory(t);
  const written = await writeStore(directory, 150);
  const table = readdirSync(directory).find((name) => name.endsWith(".ldb"))!;
  const bytes = readFileSync(join(directory, table));
  // The length of the first key in the first block: shorter than any of LevelDB's keys.
  bytes[1] = 3;
  writeFileSync(join(directory, table), bytes);
  const signals: (NodeJS.Signals | null)[] = [];
  for (;;) {
    const reader = spawnSync(process.execPath, [...NODE_OPTIONS, READER, directory], {
      encoding: "utf8",
    });
    signals.push(reader.signal);
    if (reader.status === 0) {
      const found = JSON.parse(reader.stdout) as { read: number; lost: number; renewed: boolean };
      assert.equal(found.renewed, true);
      assert.ok(found.read + found.lost >= written.size && found.lost < 60, reader.stdout);
      break;
    }
    assert.equal(reader.signal, "SIGABRT", reader.stderr);
  }
  assert.deepEqual(signals, ["SIGABRT", "SIGABRT", "SIGABRT", null]);
});

test("the check of tables knows whole ones, and finds any flipped bit", async (t) => {
  const directory = temporaryDirectory(t);
  await writeStore(directory, 150);
  const name = readdirSync(directory).find((each) => each.endsWith(".ldb"))!;
  const table = readFileSync(join(directory, name));
  assert.ok(isWholeTable(table));
  const footerFrom = table.length - 48;
  fc.assert(
    fc.property(fc.nat(footerFrom - 1), fc.nat(7), (at, bit) => {
      const copy = Buffer.from(table);
      copy[at]! ^= 1 << bit;
      assert.equal(isWholeTable(copy), false, `byte ${at}, bit ${bit}`);
    }),
    { numRuns: 50 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(table.length), (bytes, cut) => {
      assert.equal(isWholeTable(Buffer.from(bytes)), false);
      assert.equal(isWholeTable(table.subarray(0, cut)), cut === table.length);
      assert.equal(isWholeTable(Buffer.concat([bytes, table.subarray(-48)])), false);
    }),
  );
});

test("one flipped bit in the index of a table costs no record, and is found at the first start", async (t) => {
  const base = temporaryDirectory(t);
  const original = join(base, "original");
  const written = await writeStore(original, 150);
  const name = readdirSync(original).find((each) => each.endsWith(".ldb"))!;
  const table = readFileSync(join(original, name));
  assert.ok(hasWholeIndex(join(original, name)));
  for (const back of [49, 100, 500, 1000]) {
    const copy = join(base, `copy-${back}`);
    cpSync(original, copy, { recursive: true });
    const damaged = Buffer.from(table);
    damaged[table.length - back]! ^= 0x08;
    writeFileSync(join(copy, name), damaged);
    assert.equal(hasWholeIndex(join(copy, name)), false);
    const found = await readDamaged(copy);
    assert.deepEqual(found.bodies, written);
    assert.deepEqual(found.told.lost, []);
  }
  const elsewhere = Buffer.from(table);
  elsewhere[1000]! ^= 0x08;
  writeFileSync(join(base, "elsewhere"), elsewhere);
  assert.ok(hasWholeIndex(join(base, "elsewhere")), "a block of records has a check of its own");
  writeFileSync(join(base, "short"), table.subarray(-40));
  assert.equal(hasWholeIndex(join(base, "short")), false);
});

test("a checksum is the same by eights and one by one", () => {
  assert.equal(crc32c(Buffer.from("123456789")), 0xc78ab0e5);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(7), (bytes, from) => {
      const some = bytes.subarray(from);
      assert.equal(crc32c(some), crcEnd(some.reduce(crcStep, CRC_START)));
    }),
  );
});

test("a table whose index is damaged gives all that it holds, and one with a damaged block the rest", async (t) => {
  const directory = temporaryDirectory(t);
  await writeStore(directory, 150);
  const name = readdirSync(directory).find((each) => each.endsWith(".ldb"))!;
  const table = readFileSync(join(directory, name));
  const all = new Map(salvageTable(table).map(([key, value]) => [key.toString("hex"), value]));
  assert.ok(all.size > 300);
  const withoutIndex = Buffer.from(table).fill(0, table.length - 60);
  const records = salvageTable(withoutIndex).filter(([key]) => key[0] === 0x72);
  assert.equal(records.length, 300);
  for (const [key, value] of records) {
    assert.deepEqual(value, all.get(key.toString("hex")));
  }
  withoutIndex[Math.floor(table.length / 2)]! ^= 1;
  const rest = salvageTable(withoutIndex).filter(([key]) => key[0] === 0x72);
  assert.ok(rest.length > 300 - GONE_MAX && rest.length < 300, `${rest.length} are left`);
});

test("a log that ends within a write is told from a whole one", async (t) => {
  const directory = temporaryDirectory(t);
  const { outbox } = await openTestOutbox(directory);
  for (const size of [10, 40_000, 32_700, 100_000, 5]) {
    await outbox.put({ epochs: [fakeEpoch(EPOCH)], batches: [vital("x".repeat(size))] });
  }
  await outbox.close();
  const name = readdirSync(directory).find((each) => each.endsWith(".log"))!;
  const log = readFileSync(join(directory, name));
  assert.equal(isTorn(log), false);
  for (const cut of [1, 2, 7, 100, 5000, 40_000, 90_000]) {
    assert.equal(isTorn(log.subarray(0, -cut)), true, `${cut} bytes less`);
  }
  assert.equal(isTorn(Buffer.concat([log, Buffer.alloc(3)])), true);
  assert.equal(isTorn(Buffer.alloc(0)), false);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void isTorn(bytes)));
});

for (const harm of [
  { name: "CURRENT is empty", act: (d: string) => writeFileSync(join(d, "CURRENT"), "") },
  { name: "CURRENT is gone", act: (d: string) => rmSync(join(d, "CURRENT")) },
  { name: "the manifest is gone", act: (d: string) => rmSync(join(d, manifestOf(d))) },
  { name: "the manifest is empty", act: (d: string) => writeFileSync(join(d, manifestOf(d)), "") },
]) {
  test(`the outbox opens and keeps its records although ${harm.name}`, async (t) => {
    const directory = temporaryDirectory(t);
    const written = await writeStore(directory, 30);
    harm.act(directory);
    const found = await readDamaged(directory);
    assert.equal(found.renewed, true);
    assert.deepEqual(found.bodies, written);
    assert.deepEqual(found.epochs, [EPOCH]);
  });
}

async function writeStore(directory: string, count: number): Promise<Map<string, string>> {
  const { outbox } = await openTestOutbox(directory);
  const written = new Map<string, string>();
  for (let number = 1; number <= count; number += 1) {
    // A second open in between moves what was logged into a table.
    const body = `body ${number} ${"x".repeat(100 + (number % 50))}`;
    const stored = await outbox.put({
      epochs: [fakeEpoch(EPOCH)],
      batches: [vital(body), fakeBatch("wave", EPOCH, 1, `wave ${body}`)],
    });
    written.set(`vital ${stored[0]!.sequence}`, body);
    written.set(`wave ${stored[1]!.sequence}`, `wave ${body}`);
  }
  await outbox.close();
  if (count < 100) {
    return written;
  }
  const again = await openTestOutbox(directory);
  const body = "after the reopen";
  const stored = await again.outbox.put({ epochs: [], batches: [vital(body)] });
  written.set(`vital ${stored[0]!.sequence}`, body);
  await again.outbox.close();
  return written;
}

async function readDamaged(
  directory: string,
): Promise<{ bodies: Map<string, string>; epochs: string[]; told: Told; renewed: boolean }> {
  const { outbox, told } = await openTestOutbox(directory);
  const bodies = new Map<string, string>();
  for (const { class: name, sequence, bytes } of await readAll(outbox)) {
    bodies.set(`${name} ${sequence}`, fakeBody(bytes));
  }
  const needed = await outbox.neededEpochs();
  const epochs = needed.map(({ epoch }) => epoch).filter((epoch) => epoch === EPOCH);
  // Whatever is bad is given up in turn before the outbox closes.
  await outbox.close();
  for (const place of bodies.keys()) {
    if (place.startsWith("gap ")) {
      bodies.delete(place);
    }
  }
  return { bodies, epochs, told, renewed: outbox.renewed };
}

function flipSomeBit(directory: string, files: readonly string[], random: () => number): string {
  const name = files[Math.floor(random() * files.length)]!;
  const bytes = readFileSync(join(directory, name));
  // The end of a table holds its index, which damage must not make cost more than the rest.
  const from = random() < 0.3 ? Math.max(0, bytes.length - 4000) : 0;
  const at = from + Math.floor(random() * (bytes.length - from));
  const bit = Math.floor(random() * 8);
  bytes[at]! ^= 1 << bit;
  writeFileSync(join(directory, name), bytes);
  return `${name}: byte ${at} of ${bytes.length}, bit ${bit}`;
}

/** Where the parts of a log begin. */
function partStarts(log: Buffer): number[] {
  const starts: number[] = [];
  for (let at = 0; at + 7 <= log.length; at += 7 + log.readUInt16LE(at + 4)) {
    starts.push(at);
  }
  return starts;
}

function manifestOf(directory: string): string {
  return readdirSync(directory).find((name) => name.startsWith("MANIFEST-"))!;
}

async function vitalBodies(outbox: Outbox): Promise<string[]> {
  const records = await readAll(outbox);
  return records.filter((each) => each.class === "vital").map(({ bytes }) => fakeBody(bytes));
}

function vital(body: string): Uint8Array {
  return fakeBatch("vital", EPOCH, 3, body);
}
