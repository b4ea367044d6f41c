import assert from "node:assert/strict";
import { describe, test } from "node:test";

import type { Frame, Measured, MeasuredWave } from "../../../gateway/devices/device.ts";
import { itemProblem } from "../../../gateway/item-shape.ts";
import { makeTakes, TakeNumberer } from "../../../gateway/bedside/take.ts";

const BOOT = "00112233445566ff";
const AT = 1_795_475_502_598;

describe("takes", () => {
  test("a frame becomes one vital take and one wave take for each waveform", () => {
    const takes = makeTakes(frame(2, [wave(25)]), context());
    assert.deepEqual(
      takes.map(({ take, class: name, items }) => [take, name, items.length]),
      [
        [7, "vital", 2],
        [8, "wave", 1],
      ],
    );
    for (const { items, take } of takes) {
      for (const [index, item] of items.entries()) {
        assert.equal(itemProblem(item), null);
        assert.deepEqual([item.boot, item.take, item.index], [BOOT, take, index]);
      }
    }
    const [item] = takes[1]?.items ?? [];
    assert.ok(item?.kind === "waveform");
    assert.equal(item.start, AT - 333);
  });

  test("more readings than a take may have become several takes, none lost", () => {
    const takes = makeTakes(frame(120, []), context());
    assert.deepEqual(
      takes.map(({ items }) => items.length),
      [50, 50, 20],
    );
    const texts = takes.flatMap(({ items }) => items.map((item) => "text" in item && item.text));
    assert.deepEqual(
      texts,
      Array.from({ length: 120 }, (_, place) => String(place)),
    );
  });

  test("a waveform longer than a block is cut, and each part starts where the last ended", () => {
    const [first, second] = makeTakes(frame(0, [{ ...wave(5000), gap: true }]), context());
    const [a] = first?.items ?? [];
    const [b] = second?.items ?? [];
    assert.ok(a?.kind === "waveform" && b?.kind === "waveform");
    assert.deepEqual([a.samples.length, b.samples.length], [4096, 904]);
    assert.ok(Math.abs(b.start - a.start - (4096 * 1000) / 75) <= 1, "to the millisecond");
    assert.deepEqual([a.gap, b.gap], [true, false]);
  });

  test("an empty frame takes no number", () => {
    const numberer = new TakeNumberer(BOOT);
    assert.deepEqual(numberer.number("bed-1", frame(0, []), AT, "synchronised"), []);
    assert.equal(numberer.last("bed-1"), 0);
  });

  test("numbers count per device without holes over every kind of take", () => {
    const numberer = new TakeNumberer(BOOT);
    const one = numberer.number("bed-1", frame(1, [wave(5)]), AT, "synchronised");
    const facts = { notice: "device-silent", text: "no bytes", since: AT };
    const notice = numberer.notice("bed-1", facts, AT, "holdover");
    const trend = numberer.trend(one[0] ?? notice);
    const other = numberer.number("bed-2", frame(60, []), AT, "synchronised");
    assert.deepEqual(
      [...one, notice, trend].map(({ take }) => take),
      [1, 2, 3, 4],
    );
    assert.deepEqual(
      other.map(({ take }) => take),
      [1, 2],
    );
    assert.equal(numberer.last("bed-1"), 4);
    assert.equal(trend.class, "trend");
    assert.equal(itemProblem(trend.items[0]), null);
    assert.equal(itemProblem(notice.items[0]), null);
    assert.deepEqual({ ...trend.items[0], take: 1 }, one[0]?.items[0]);
  });
});

function context(): Parameters<typeof makeTakes>[1] {
  return { device: "bed-3/monitor", boot: BOOT, nextTake: 7, at: AT, clock: "synchronised" };
}

function frame(readings: number, waves: readonly MeasuredWave[]): Frame {
  const measured = (place: number): Measured => ({
    code: "MDC_PULS_OXIM_SAT_O2",
    mdc: 150_456,
    value: place,
    text: String(place),
    unit: "%",
    quality: ["valid"],
    path: "1.1.1",
    deviceAt: null,
  });
  return {
    kind: "frame",
    readings: Array.from({ length: readings }, (_, place) => measured(place)),
    waves,
  };
}

function wave(samples: number): MeasuredWave {
  return {
    code: "MDC_PULS_OXIM_PLETH",
    mdc: 150_452,
    unit: "1",
    period: { ms: 1000, samples: 75 },
    scale: 1,
    offset: 0,
    samples: Array.from({ length: samples }, (_, place) => place % 256),
    gap: false,
    quality: ["valid"],
    path: "1.1.3",
    spanMs: (samples * 1000) / 75,
  };
}
