import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { LinkPace, WINDOW_BYTES_MIN } from "../../../gateway/uplink/link-pace.ts";
import { RECORDS_MAX, ReceiptWindow } from "../../../gateway/uplink/receipt-window.ts";
import { simulateLink } from "../../fakes/simulated-link.ts";

describe("the pace of the backlog", () => {
  test("stays within its limits, whatever the answers", () => {
    const answers = fc.array(
      fc.record({ wait: fc.nat(5000), latency: fc.nat(20_000), bytes: fc.nat(2 ** 20) }),
    );
    fc.assert(
      fc.property(answers, fc.integer({ min: 1, max: 2 ** 20 }), (all, bytesMax) => {
        const pace = new LinkPace(bytesMax);
        let now = 0;
        for (const { wait, latency, bytes } of all) {
          now += wait;
          pace.acknowledged(now - latency, bytes, now);
          assert.ok(pace.bytes >= WINDOW_BYTES_MIN);
          assert.ok(pace.bytes <= Math.max(WINDOW_BYTES_MIN, bytesMax));
        }
      }),
    );
  });

  test("forgets a latency that the link does not have any more", () => {
    const pace = new LinkPace(2 ** 20);
    pace.acknowledged(0, 0, 10);
    let now = 0;
    for (let round = 0; round < 400; round += 1) {
      now += 1000;
      pace.acknowledged(now - 500, 4000, now);
    }
    assert.ok(pace.bytes > 30_000, "half a second is what this link takes now");
  });

  const links: readonly (readonly [rate: number, rttMs: number, recordBytes: number])[] = [
    [8000, 50, 2000],
    [8000, 300, 30_000],
    [100_000, 1, 2000],
    [100_000, 50, 30_000],
    [100_000, 300, 2000],
    [1_000_000, 1, 30_000],
    [1_000_000, 50, 2000],
    [1_000_000, 300, 30_000],
  ];
  for (const [bytesPerSecond, rttMs, backlogBytes] of links) {
    const name = `${bytesPerSecond} bytes/s, ${rttMs} ms, records of ${backlogBytes} bytes`;
    test(`fills the link and lets live records through: ${name}`, () => {
      const { backlogBytesPerSecond, liveDelaysMs } = simulateLink({
        bytesPerSecond,
        rttMs,
        backlog: Math.ceil((bytesPerSecond * 15) / backlogBytes),
        backlogBytes,
        liveBytes: 300,
        liveEveryMs: 100,
        ms: 12_000,
      });
      const recordMs = (backlogBytes * 1000) / bytesPerSecond;
      const settled = liveDelaysMs.slice(50).toSorted((a, b) => a - b);
      const p95 = settled[Math.floor(settled.length * 0.95)] ?? Infinity;
      assert.ok(p95 <= 110 + 2 * recordMs, `live records wait ${p95} ms`);
      const windowRate = Math.min(256 * 1024, 60 * backlogBytes) / (rttMs / 1000);
      const free = Math.min(bytesPerSecond - 3000, windowRate);
      const oneByOne = backlogBytes / ((recordMs + rttMs) / 1000);
      const wanted = Math.min(0.8 * free, oneByOne);
      assert.ok(
        backlogBytesPerSecond >= 0.85 * wanted,
        `${backlogBytesPerSecond} bytes/s, not ${wanted}`,
      );
    });
  }
});

describe("the window of receipts", () => {
  test("stays within its limits, asks with one when nobody answers, and comes back quickly", () => {
    const steps = fc.array(fc.oneof(fc.nat(2000), fc.boolean()), { maxLength: 50 });
    fc.assert(
      fc.property(steps, (all) => {
        const window = new ReceiptWindow();
        for (const step of all) {
          if (typeof step === "number") {
            window.received(step);
          } else {
            window.overdue(step);
          }
          assert.ok(window.records >= 1 && window.records <= RECORDS_MAX);
        }
        window.overdue(true);
        assert.equal(window.records, 1);
        for (let round = 0; round < 6; round += 1) {
          window.received(window.records);
        }
        assert.ok(window.records >= 64);
      }),
    );
  });

  test("is halved when some receipts are overdue", () => {
    const window = new ReceiptWindow();
    window.received(2000);
    assert.equal(window.records, 1000);
    window.overdue(false);
    assert.equal(window.records, 500);
    window.received(500);
    assert.equal(window.records, 501);
  });
});
