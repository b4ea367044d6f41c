import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import * as fc from "fast-check";

import { liveTables } from "../../../gateway/outbox/manifest.ts";
import { damagedTables } from "../../../gateway/outbox/scrub.ts";
import { openTestOutbox, temporaryDirectory } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeEpoch, hex } from "../../fakes/record-codec.ts";

const EPOCH = hex("one");

test("the manifest names the tables that count; a half-written one is not damage", async (t) => {
  const directory = await someStore(t);
  const tables = readdirSync(directory).filter((name) => name.endsWith(".ldb"));
  assert.ok(tables.length > 1);
  const numbers = tables.map((name) => Number.parseInt(name, 10));
  assert.deepEqual(liveTables(directory), new Set(numbers));

  const whole = readFileSync(join(directory, tables[0]!));
  writeFileSync(join(directory, "000999.ldb"), whole.subarray(0, 1000));
  assert.deepEqual(damagedTables(directory), []);
  writeFileSync(join(directory, tables[0]!), whole.subarray(0, 1000));
  assert.deepEqual(damagedTables(directory), [tables[0]]);
  rmSync(join(directory, "CURRENT"));
  assert.deepEqual(new Set(damagedTables(directory)), new Set([tables[0], "000999.ldb"]));
});

test("a manifest that is not what was written names nothing", async (t) => {
  const directory = await someStore(t);
  const name = readdirSync(directory).find((each) => each.startsWith("MANIFEST-"))!;
  const manifest = readFileSync(join(directory, name));
  fc.assert(
    fc.property(fc.nat(manifest.length - 1), fc.nat(7), (at, bit) => {
      const copy = Buffer.from(manifest);
      copy[at]! ^= 1 << bit;
      writeFileSync(join(directory, name), copy);
      const live = liveTables(directory);
      // The length of a record is not covered by its checksum, and can be made good.
      assert.ok(live === null || isLength(at, manifest), `byte ${at}, bit ${bit}`);
    }),
    { numRuns: 60 },
  );
  for (const text of ["", "no name\n", "MANIFEST-000099\n"]) {
    writeFileSync(join(directory, "CURRENT"), text);
    assert.equal(liveTables(directory), null);
  }
});

/** Bytes 4 and 5 of each record of the manifest are its length. */
function isLength(at: number, manifest: Buffer): boolean {
  for (let record = 0; record < manifest.length; record += 7 + manifest.readUInt16LE(record + 4)) {
    if (at === record + 4 || at === record + 5) {
      return true;
    }
  }
  return false;
}

/** A store with some tables, closed. */
async function someStore(t: { after: (act: () => void) => void }): Promise<string> {
  const directory = temporaryDirectory(t);
  for (let part = 0; part < 3; part += 1) {
    const { outbox } = await openTestOutbox(directory);
    const batches = [fakeBatch("vital", EPOCH, 1, `body ${part} ${"x".repeat(2000)}`)];
    await outbox.put({ epochs: [fakeEpoch(EPOCH)], batches });
    await outbox.close();
  }
  return directory;
}
