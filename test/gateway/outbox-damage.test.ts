import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { openTestOutbox, readAll, temporaryDirectory, type Told } from "../fakes/outbox-kit.ts";
import { fakeBatch, fakeBody, fakeEpoch, hex } from "../fakes/record-codec.ts";

const EPOCH = hex("one");
const FLIPS = 120;

test("a flipped bit never forwards a wrong value: a record is right, or named in a gap record", async (t) => {
  const base = temporaryDirectory(t);
  const original = join(base, "original");
  const written = await writeStore(original, 150);
  const files = readdirSync(original).filter((name) => /\.(ldb|log)$/.test(name));
  assert.ok(files.some((name) => name.endsWith(".ldb")) && files.some((n) => n.endsWith(".log")));
  let harmed = 0;
  for (let round = 0; round < FLIPS; round += 1) {
    const copy = join(base, `copy-${round}`);
    cpSync(original, copy, { recursive: true });
    const flip = flipSomeBit(copy, files);
    const found = await readDamaged(copy);
    for (const [place, body] of found.bodies) {
      assert.equal(body, written.get(place), `${place} is right (${flip})`);
    }
    const gone = [...written.keys()].filter((place) => !found.bodies.has(place));
    harmed += gone.length > 0 ? 1 : 0;
    assert.deepEqual(found.epochs, [EPOCH], `the key is still there (${flip})`);
    for (const place of gone) {
      const [name, sequence] = place.split(" ");
      const isNamed = found.told.lost.some(
        (loss) =>
          loss.class === name && loss.from <= Number(sequence) && loss.to >= Number(sequence),
      );
      assert.ok(isNamed || found.renewed, `${place} is named (${flip})`);
    }
    rmSync(copy, { recursive: true });
  }
  assert.ok(harmed > 5, `the flips hit something (${harmed})`);
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
  const bodies = (await readAll(second.outbox)).map(({ bytes: each }) => fakeBody(each));
  assert.deepEqual([bodies.at(0), bodies.at(-1)], ["0", "new"], "the rest goes on");
  await second.outbox.receipt({
    store: first.outbox.storeId,
    ranges: [{ class: "vital", range: [1, 50] }],
    rejects: [],
  });
  assert.deepEqual(
    (await readAll(second.outbox)).map(({ bytes: each }) => fakeBody(each)),
    ["new"],
    "receipts for the old store still count",
  );
  await second.outbox.close();
  const third = await openTestOutbox(directory);
  assert.equal(third.outbox.renewed, false);
  assert.equal(third.outbox.storeId, second.outbox.storeId);
  await third.outbox.close();
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

function flipSomeBit(directory: string, files: readonly string[]): string {
  const name = files[Math.floor(Math.random() * files.length)]!;
  const bytes = readFileSync(join(directory, name));
  const at = Math.floor(Math.random() * bytes.length);
  const bit = Math.floor(Math.random() * 8);
  bytes[at]! ^= 1 << bit;
  writeFileSync(join(directory, name), bytes);
  return `${name}: byte ${at} of ${bytes.length}, bit ${bit}`;
}

function manifestOf(directory: string): string {
  return readdirSync(directory).find((name) => name.startsWith("MANIFEST-"))!;
}

function vital(body: string): Uint8Array {
  return fakeBatch("vital", EPOCH, 3, body);
}
