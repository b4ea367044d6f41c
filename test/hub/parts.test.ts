import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import * as fc from "fast-check";

import { Histogram } from "../../hub/histogram.ts";
import { Inbox } from "../../hub/inbox.ts";
import { LinkedRuns } from "../../hub/linked-runs.ts";
import { DeviceNames } from "../../hub/names.ts";
import { NdjsonFile } from "../../hub/ndjson.ts";
import { Parking } from "../../hub/parking.ts";
import { Ranges } from "../../hub/ranges.ts";
import { ReceiptBook } from "../../hub/receipts.ts";
import { parseUpTopic } from "../../hub/topics.ts";

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), "wardgate-hub-parts-"));
});
after(() => rmSync(directory, { recursive: true, force: true }));

const anyRange = fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 4 }));

test("ranges are the same set as numbers in a Set", () => {
  fc.assert(
    fc.property(fc.array(anyRange), fc.array(fc.integer({ min: 1, max: 55 })), (added, removed) => {
      const ranges = new Ranges();
      const numbers = new Set<number>();
      for (const [first, length] of added) {
        ranges.add(first, first + length);
        for (let value = first; value <= first + length; value += 1) {
          numbers.add(value);
        }
      }
      for (const value of removed) {
        ranges.remove(value);
        numbers.delete(value);
      }
      assert.deepEqual(
        ranges.numbers(),
        [...numbers].sort((a, b) => a - b),
      );
      assert.equal(ranges.size, numbers.size);
      assert.deepEqual(
        ranges.numbersIn(10, 20),
        ranges.numbers().filter((value) => value >= 10 && value <= 20),
      );
      for (const [place, range] of ranges.list().entries()) {
        assert.ok(range[0] > (ranges.list()[place - 1]?.[1] ?? -1) + 1);
      }
    }),
  );
});

test("linked runs hold together exactly where hashes do, in any order", () => {
  const anyOrder = fc.shuffledSubarray(Array.from({ length: 20 }, (_, place) => place + 1));
  fc.assert(
    fc.property(anyOrder, fc.integer({ min: 2, max: 20 }), (order, fork) => {
      const runs = new LinkedRuns();
      for (const sequence of order) {
        const previous = sequence === fork ? "elsewhere" : `h${sequence - 1}`;
        const fits = runs.add({ sequence, hash: `h${sequence}`, previous });
        const [below, above] = [sequence === fork, sequence === fork - 1];
        const earlier = new Set(order.slice(0, order.indexOf(sequence)));
        const clash = (below && earlier.has(sequence - 1)) || (above && earlier.has(sequence + 1));
        assert.equal(fits, !clash);
        assert.equal(runs.add({ sequence, hash: `h${sequence}`, previous }), true);
      }
      for (const sequence of order) {
        let first = sequence;
        while (first !== fork && order.includes(first - 1)) {
          first -= 1;
        }
        assert.equal(runs.holding(sequence)?.first, first);
      }
      assert.equal(runs.holding(0), null);
      assert.equal(runs.holding(21), null);
    }),
  );
});

test("device names come back only under the same key and gateway", () => {
  const key = (): DeviceNames =>
    new DeviceNames(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  const names = key();
  const sealed = names.seal("gw-1", "bed-1/monitor");
  assert.equal(names.open("gw-1", sealed), "bed-1/monitor");
  assert.equal(names.tag("gw-1", "bed-1"), names.tag("gw-1", "bed-1"));
  assert.notEqual(names.tag("gw-1", "bed-1"), names.tag("gw-2", "bed-1"));
  assert.throws(() => names.open("gw-2", sealed), { code: "WARD_HUB_NAMES" });
  assert.throws(() => key().open("gw-1", sealed), { code: "WARD_HUB_NAMES" });
  assert.throws(() => names.open("gw-1", new Uint8Array(5)), { code: "WARD_HUB_NAMES" });
});

test("the readings file completes a torn line and loses what does not belong to it", () => {
  const path = join(directory, "readings.ndjson");
  const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");
  const file = NdjsonFile.open(path, 7);
  file.write(1, bytes("one\n"));
  file.sync();
  file.write(2, bytes("two\nthree\n"));
  file.close();
  writeFileSync(path, readFileSync(path, "utf8").slice(0, -3));
  const again = NdjsonFile.open(path, 7);
  assert.deepEqual(again.cursor, { upto: 1, offset: 4, generation: 7 });
  again.write(2, bytes("two\nthree\n"));
  again.sync();
  again.close();
  assert.equal(readFileSync(path, "utf8"), "one\ntwo\nthree\n");
  writeFileSync(path, "one\ntwo\nthree\nrubbish");
  const third = NdjsonFile.open(path, 7);
  assert.deepEqual(third.cursor, { upto: 2, offset: 14, generation: 7 });
  third.cut();
  third.close();
  assert.equal(readFileSync(path, "utf8"), "one\ntwo\nthree\n");
  const anew = { upto: 0, offset: 0 };
  const other = NdjsonFile.open(path, 8);
  assert.deepEqual(other.cursor, { ...anew, generation: 8 });
  other.close();
  writeFileSync(path, "on");
  const cut = NdjsonFile.open(path, 7);
  assert.deepEqual(cut.cursor, { ...anew, generation: 7 });
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
