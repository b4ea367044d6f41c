import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import * as fc from "fast-check";

import { RECORD_CLASSES } from "../../../gateway/sealing/envelope.ts";
import {
  ParcelWriter,
  readParcel,
  type ParcelEnd,
  type ParcelEntry,
} from "../../../gateway/sealing/parcel.ts";

const bytes = fc.uint8Array({ maxLength: 2000 });
const PLAIN = { noNullPrototype: true };
const entries: fc.Arbitrary<ParcelEntry[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("epoch" as const), bytes }, PLAIN),
    fc.record({ kind: fc.constant("receipt" as const), bytes }, PLAIN),
    fc.record(
      {
        kind: fc.constant("record" as const),
        class: fc.constantFrom(...RECORD_CLASSES),
        bytes,
      },
      PLAIN,
    ),
  ),
  { maxLength: 30 },
);

test("what is put into a parcel comes out of it, whole and in order", async (t) => {
  const path = pathFor(t);
  await fc.assert(
    fc.asyncProperty(entries, async (put) => {
      await write(path, put);
      const { found, end } = await read(path);
      assert.deepEqual(found, [{ kind: "gateway", gateway: "gw-1" }, ...put]);
      assert.deepEqual(end, { entries: put.length + 1, damaged: 0, complete: true });
    }),
    { numRuns: 30 },
  );
});

test("a parcel that was cut off anywhere is gone on with, and is then the same", async (t) => {
  const path = pathFor(t);
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(), async (put, cut) => {
      await write(path, put);
      const whole = readFileSync(path);
      const length = 20 + (cut % (whole.length - 20));
      truncateSync(path, length);
      const early = await read(path);
      assert.equal(early.end.complete, false);
      const seen: ParcelEntry[] = [];
      const writer = await ParcelWriter.resume(path, (entry) => seen.push(entry));
      assert.deepEqual(seen, early.found);
      for (const entry of put.slice(Math.max(0, seen.length - 1))) {
        if (seen.length === 0) {
          break;
        }
        await writer.add(entry);
      }
      await writer.finish();
      if (seen.length > 0) {
        assert.deepEqual(readFileSync(path), whole);
      }
    }),
    { numRuns: 30 },
  );
});

test("a flipped bit costs one entry and is noticed; the others come out as they were", async (t) => {
  const path = pathFor(t);
  await fc.assert(
    fc.asyncProperty(entries, fc.nat(), fc.nat(7), async (put, place, bit) => {
      await write(path, put);
      const damaged = readFileSync(path);
      const at = 8 + (place % (damaged.length - 8));
      damaged[at]! ^= 1 << bit;
      writeFileSync(path, damaged);
      const { found, end } = await read(path);
      assert.equal(end.complete, false);
      const all = [{ kind: "gateway", gateway: "gw-1" }, ...put].map((entry) =>
        JSON.stringify(entry),
      );
      let from = 0;
      for (const entry of found) {
        from = all.indexOf(JSON.stringify(entry), from) + 1;
        assert.ok(from > 0, "nothing comes out that was not put in");
      }
      assert.ok(end.damaged <= 1);
    }),
    { numRuns: 60 },
  );
});

test("what is no parcel is said; a finished one is not gone on with", async (t) => {
  const path = pathFor(t);
  writeFileSync(path, "something else");
  await assert.rejects(read(path), { code: "WARD_PARCEL" });
  writeFileSync(path, "");
  await assert.rejects(read(path), { code: "WARD_PARCEL" });
  await write(path, []);
  await assert.rejects(
    ParcelWriter.resume(path, () => undefined),
    { code: "WARD_PARCEL" },
  );
  appendFileSync(path, "behind the end");
  assert.equal((await read(path)).end.complete, true);
});

async function write(path: string, put: readonly ParcelEntry[]): Promise<void> {
  const writer = await ParcelWriter.create(path, "gw-1");
  for (const entry of put) {
    await writer.add(entry);
  }
  const { bytes: size } = writer;
  await writer.finish();
  assert.ok(readFileSync(path).length > size);
}

async function read(path: string): Promise<{ found: ParcelEntry[]; end: ParcelEnd }> {
  const found: ParcelEntry[] = [];
  const end = await readParcel(path, async (entry) => {
    found.push(entry);
  });
  return { found, end };
}

function pathFor(t: { after: (act: () => void) => void }): string {
  const directory = mkdtempSync(join(tmpdir(), "wardgate-parcel-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "parcel");
}
