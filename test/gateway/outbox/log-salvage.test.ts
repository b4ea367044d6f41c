import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import * as fc from "fast-check";

import { slotOf } from "../../../gateway/outbox/keys.ts";
import { salvageLog } from "../../../gateway/outbox/log-salvage.ts";
import type { StoreWrite } from "../../../gateway/outbox/store.ts";
import { readRecord } from "../../../gateway/outbox/values.ts";
import { openTestOutbox, temporaryDirectory } from "../../fakes/outbox-kit.ts";
import { fakeBatch, fakeEpoch, hex } from "../../fakes/record-codec.ts";

const EPOCH = hex("one");
const PUTS = 60;

test("a whole log gives every write, a cut one all that came before", async (t) => {
  const log = await someLog(t);
  const all = textOf(salvageLog(log));
  assert.equal(records(salvageLog(log)).length, 2 * PUTS);
  assert.deepEqual(salvageLog(Buffer.alloc(0)), []);
  for (const cut of [4, 7, 8, 300, 5000, 40_000]) {
    const less = textOf(salvageLog(log.subarray(0, -cut)));
    assert.deepEqual(less, all.slice(0, less.length), `${cut} bytes less`);
    assert.ok(less.length < all.length);
  }
  for (const blank of [4, 7, 8, 300]) {
    // What a power cut leaves of a write that was not synced: zeros.
    const blanked = Buffer.from(log);
    blanked.fill(0, log.length - blank);
    assert.deepEqual(textOf(salvageLog(blanked)), textOf(salvageLog(log.subarray(0, -4))));
  }
});

test("one flipped bit anywhere costs one record at most, and that is found damaged", async (t) => {
  const log = await someLog(t);
  const all = records(salvageLog(log));
  fc.assert(
    fc.property(fc.nat(log.length - 1), fc.nat(7), (at, bit) => {
      const copy = Buffer.from(log);
      copy[at]! ^= 1 << bit;
      const found = new Map(records(salvageLog(copy)));
      const changed = all.filter(([name, value]) => found.get(name) !== value);
      const context = `byte ${at}, bit ${bit}: ${changed.map(([name]) => `${name} ${found.get(name) ?? "gone"}`).join(", ")}`;
      assert.ok(changed.length <= 1 && found.size <= all.length, context);
    }),
    { numRuns: 100 },
  );
});

test("any bytes are read to their end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => void salvageLog(Buffer.from(bytes))),
  );
});

/** A log with records that reach over its blocks. */
async function someLog(t: { after: (act: () => void) => void }): Promise<Buffer> {
  const directory = temporaryDirectory(t);
  const { outbox } = await openTestOutbox(directory);
  for (let count = 0; count < PUTS; count += 1) {
    const body = `body ${count} ${"x".repeat(100 + ((count * 977) % 3000))}`;
    await outbox.put({
      epochs: [fakeEpoch(EPOCH)],
      batches: [fakeBatch("vital", EPOCH, 1, body), fakeBatch("wave", EPOCH, 1, body)],
    });
  }
  await outbox.close();
  const name = readdirSync(directory).find((each) => each.endsWith(".log"))!;
  return readFileSync(join(directory, name));
}

function textOf(writes: readonly StoreWrite[]): string[] {
  return writes.map((write) =>
    write.map((part) => Buffer.from(part ?? []).toString("hex")).join(" "),
  );
}

/** The records among some writes, by name; the value as hex, or "damaged". */
function records(writes: readonly StoreWrite[]): [name: string, value: string][] {
  return writes.flatMap(([key, value]) => {
    const slot = key[0] === 0x72 ? slotOf(key) : null;
    if (slot === null || value === null || slot.sequence === 0) {
      return [];
    }
    const text = readRecord(key, value) === null ? "damaged" : Buffer.from(value).toString("hex");
    return [[`${slot.class}/${slot.store} ${slot.sequence}`, text]];
  });
}
