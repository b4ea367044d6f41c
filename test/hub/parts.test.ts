import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import * as fc from "fast-check";

import { Histogram } from "../../hub/histogram.ts";
import { Inbox } from "../../hub/inbox.ts";
import { DeviceNames } from "../../hub/names.ts";
import { NdjsonFile } from "../../hub/ndjson.ts";
import { Parking } from "../../hub/parking.ts";
import { RANGE_KINDS, RangeTable } from "../../hub/range-table.ts";
import { ReceiptBook } from "../../hub/receipts.ts";
import { HubStore } from "../../hub/store.ts";
import { parseUpTopic } from "../../hub/topics.ts";

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "wardgate-hub-parts-"));
});
after(() => rmSync(directory, { recursive: true, force: true }));

test("ranges in the table are the same set as numbers in a Set", () => {
  const store = HubStore.open(join(directory, "ranges.sqlite"));
  const table = new RangeTable(store);
  let owner = 0;
  const anyRange = fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 4 }));
  fc.assert(
    fc.property(fc.array(anyRange), (added) => {
      owner += 1;
      const numbers = new Set<number>();
      store.transaction(() => {
        for (const [first, length] of added) {
          table.add(RANGE_KINDS.committed, owner, first, first + length);
          for (let value = first; value <= first + length; value += 1) {
            numbers.add(value);
          }
        }
      });
      const ranges = table.all(RANGE_KINDS.committed, owner, 1000);
      for (let value = 0; value < 60; value += 1) {
        const isIn = ranges.some(([first, last]) => value >= first && value <= last);
        assert.equal(isIn, numbers.has(value));
        assert.equal(table.holding(RANGE_KINDS.committed, owner, value) !== null, isIn);
      }
      for (const [place, range] of ranges.entries()) {
        assert.ok(range[0] > (ranges[place - 1]?.[1] ?? -1) + 1);
      }
    }),
    { numRuns: 50 },
  );
  store.close();
});

test("a failed transaction leaves nothing, a failed attempt only its own writes", () => {
  const store = HubStore.open(join(directory, "attempt.sqlite"));
  const put = (name: string): void =>
    void store.statement("INSERT INTO facts VALUES (?, 1)").run(name);
  const names = (): unknown[] =>
    store
      .statement("SELECT name FROM facts ORDER BY name")
      .all()
      .map((row) => row["name"]);
  assert.throws(() =>
    store.transaction(() => {
      put("a");
      throw new Error("no");
    }),
  );
  assert.deepEqual(names(), []);
  store.transaction(() => {
    put("b");
    assert.throws(() => {
      store.attempt(() => {
        put("c");
        put("b");
      });
    });
    put("d");
  });
  assert.deepEqual(names(), ["b", "d"]);
  store.close();
});

test("a file that is no hub database is refused in plain words", () => {
  const path = join(directory, "other.sqlite");
  writeFileSync(path, "not a database, but long enough to look at: ".repeat(40));
  assert.throws(() => HubStore.open(path), { code: "WARD_HUB_STORE" });
  assert.throws(() => HubStore.open(join(directory, "none.sqlite"), { readOnly: true }), {
    code: "WARD_HUB_STORE",
  });
});

test("device names come back only under the same key and gateway", () => {
  const key = (): DeviceNames =>
    new DeviceNames(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  const names = key();
  const sealed = names.seal("gw-1", "bed-1/monitor");
  assert.equal(names.open("gw-1", sealed), "bed-1/monitor");
  assert.deepEqual(names.tag("gw-1", "bed-1"), names.tag("gw-1", "bed-1"));
  assert.notDeepEqual(names.tag("gw-1", "bed-1"), names.tag("gw-2", "bed-1"));
  assert.throws(() => names.open("gw-2", sealed), { code: "WARD_HUB_NAMES" });
  assert.throws(() => key().open("gw-1", sealed), { code: "WARD_HUB_NAMES" });
  assert.throws(() => names.open("gw-1", new Uint8Array(5)), { code: "WARD_HUB_NAMES" });
});

test("the readings file completes a torn line and loses what does not belong to it", () => {
  const path = join(directory, "readings.ndjson");
  const file = NdjsonFile.open(path, { upto: 0, offset: 0 });
  file.write(1, "one\n");
  const cursor = file.sync();
  file.write(2, "two\nthree\n");
  file.close();
  writeFileSync(path, readFileSync(path, "utf8").slice(0, -3));
  const again = NdjsonFile.open(path, cursor);
  assert.deepEqual(again.cursor, { upto: 1, offset: 4 });
  again.write(2, "two\nthree\n");
  again.close();
  assert.equal(readFileSync(path, "utf8"), "one\ntwo\nthree\n");
  writeFileSync(path, "one\ntwo\nthree\nrubbish");
  const third = NdjsonFile.open(path, { upto: 2, offset: 14 });
  third.cut();
  third.close();
  assert.equal(readFileSync(path, "utf8"), "one\ntwo\nthree\n");
  writeFileSync(path, "on");
  const cut = NdjsonFile.open(path, { upto: 2, offset: 14 });
  assert.deepEqual(cut.cursor, { upto: 0, offset: 0 });
  cut.close();
});

test("a receipt reaches back as far as is proven and no further", () => {
  const proven = new Map([
    [9, 4],
    [7, 4],
    [2, 1],
    [20, 20],
  ]);
  const receipts = new ReceiptBook(({ sequence }) => proven.get(sequence) ?? sequence);
  const place = { gateway: "gw-1", store: "0011223344556677", class: "vital" } as const;
  for (const sequence of [7, 2, 20, 9, 3]) {
    receipts.committed({ ...place, sequence });
  }
  receipts.rejected({ ...place, sequence: 11 }, "conflict");
  assert.deepEqual(receipts.take(5), [
    {
      version: 1,
      gateway: "gw-1",
      store: "0011223344556677",
      at: 5,
      ranges: {
        vital: [
          [1, 9],
          [20, 20],
        ],
      },
      rejects: [{ class: "vital", sequence: 11, reason: "conflict" }],
    },
  ]);
  assert.equal(receipts.isEmpty, true);
});

test("parking and inbox stay within their bounds", () => {
  const parking = new Parking({ messagesMax: 2, bytesMax: 10 });
  const message = { topic: "t", payload: new Uint8Array(4) };
  assert.equal(parking.add("gw-1", "e", message), true);
  assert.equal(parking.add("gw-1", "e", { topic: "t", payload: new Uint8Array(9) }), false);
  assert.equal(parking.add("gw-2", "e", message), true);
  assert.equal(parking.add("gw-1", "f", { topic: "t", payload: new Uint8Array(0) }), false);
  assert.deepEqual(parking.take("gw-1", "e"), [message]);
  assert.deepEqual(parking.take("gw-1", "e"), []);
  assert.equal(parking.count, 1);
  const inbox = new Inbox();
  let taken = 0;
  while (inbox.add({ topic: "ward/v1/gw-1/up/backlog/vital", payload: new Uint8Array(2 ** 20) })) {
    taken += 1;
  }
  assert.equal(taken, 64);
  assert.equal(inbox.isFilling, true);
});

test("live records go before the backlog", () => {
  const inbox = new Inbox();
  const at = (lane: string) => ({
    topic: `ward/v1/gw-1/up/${lane}/vital`,
    payload: new Uint8Array(1),
  });
  const [old, live] = [at("backlog"), at("live")];
  inbox.add(old);
  inbox.add(live);
  const first = inbox.next(10);
  assert.deepEqual(first, [live]);
  inbox.remove(first, 1);
  assert.deepEqual(inbox.next(10), [old]);
});

test("quantiles are right to four percent", () => {
  const histogram = new Histogram();
  assert.equal(histogram.quantile(0.99), 0);
  for (let ms = 1; ms <= 1000; ms += 1) {
    histogram.add(ms);
  }
  histogram.add(-5);
  assert.ok(Math.abs(histogram.quantile(0.5) - 500) < 25);
  assert.ok(Math.abs(histogram.quantile(0.99) - 990) < 50);
  histogram.add(1e12);
  assert.ok(Number.isFinite(histogram.quantile(1)));
});

test("only topics of the house are understood", () => {
  assert.deepEqual(parseUpTopic("ward/v1/gw-1/up/epoch"), { kind: "epoch", gateway: "gw-1" });
  assert.equal(parseUpTopic("ward/v1/gw-1/up/live/tally")?.kind, "record");
  for (const topic of ["", "ward/v1/gw-1/up", "ward/v1/G/up/epoch", "ward/v1/gw-1/up/epoch/x"]) {
    assert.equal(parseUpTopic(topic), null);
  }
  fc.assert(fc.property(fc.string(), (topic) => parseUpTopic(topic) === null));
});
