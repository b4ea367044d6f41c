import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { digestOf, itemDigest } from "../../gateway/digest.ts";
import { firstIndices, oneIndex } from "../../gateway/indices.ts";
import {
  complement,
  countOf,
  emptyRow,
  explainHoles,
  sumsOf,
  verdictOf,
  withItems,
  withTally,
  type ExplainedTakes,
  type TakeRange,
  type TakeRow,
} from "../../hub/ledger.ts";
import { keptOf, rowOf, takeOf } from "../fakes/hub-kit.ts";

const ITEMS = takeOf({ device: "bed-1", take: 1, count: 5 });

const HOUR = 498_743;

function withAll(row: TakeRow, items: typeof ITEMS): TakeRow {
  return items.reduce(
    (sum, item) =>
      withItems(sum, {
        set: oneIndex(item.index),
        count: item.index + 1,
        digest: itemDigest(item),
        hour: HOUR,
      }),
    row,
  );
}

const NOTHING = emptyRow("vital", HOUR);

test("without a tally a take is as long as its highest index, and holes are unaccounted", () => {
  const row = withAll(NOTHING, [ITEMS[0]!, ITEMS[3]!]);
  assert.deepEqual(sumsOf(row), {
    taken: 4,
    kept: 2,
    withheld: 0,
    refused: 0,
    dropped: 0,
    gaps: 0,
    unaccounted: 2,
  });
});

test("items and tally give the same row in either order", () => {
  const said = rowOf(ITEMS, { withheld: oneIndex(2), refused: oneIndex(0) });
  const kept = keptOf(ITEMS, said);
  const itemsFirst = withTally(withAll(NOTHING, kept), said);
  const tallyFirst = withAll(withTally(NOTHING, said), kept);
  assert.deepEqual(itemsFirst, tallyFirst);
  assert.equal(verdictOf(itemsFirst), "same");
});

test("stored wins over refused, over withheld, over dropped", () => {
  const all = firstIndices(5);
  const words = ["dropped", "withheld", "refused"] as const;
  let row = NOTHING;
  for (const word of words) {
    row = withTally(row, rowOf(ITEMS, { [word]: all }));
    assert.equal(sumsOf(row)[word], 5);
    assert.equal(sumsOf(row).taken, 5);
  }
  row = withTally(row, rowOf(ITEMS));
  assert.equal(sumsOf(row).unaccounted, 5);
  assert.equal(sumsOf({ ...row, excuse: "evicted" }).gaps, 5);
  assert.equal(sumsOf(withAll(row, ITEMS)).kept, 5);
});

test("a changed value is derived, a dropped item leaves it open", () => {
  const changed = Object.assign({}, ITEMS[1], { value: 61.5 });
  const others = ITEMS.filter(({ index }) => index !== 1);
  const said = rowOf(ITEMS);
  const row = withAll(withTally(NOTHING, said), [...others, changed]);
  assert.equal(verdictOf(row), "derived");
  const dropped = withTally(NOTHING, rowOf(ITEMS, { dropped: oneIndex(1) }));
  assert.equal(verdictOf(withAll(dropped, others)), "open");
});

test("two tallies that disagree only allow a comparison when all was stored in the end", () => {
  const first = rowOf(ITEMS, { withheld: oneIndex(4) });
  const second = rowOf(ITEMS, { withheld: oneIndex(0) });
  const row = withTally(withTally(NOTHING, first), second);
  assert.equal(row.rest, 0);
  assert.equal(verdictOf(withAll(row, ITEMS)), "same");
  const third = rowOf(ITEMS, { withheld: oneIndex(0) + oneIndex(1) });
  const fourth = rowOf(ITEMS, { withheld: oneIndex(0), refused: oneIndex(1) });
  const open = withTally(withTally(NOTHING, third), fourth);
  assert.equal(open.rest, digestOf(ITEMS.slice(0, 2)));
  const fifth = rowOf(ITEMS, { withheld: oneIndex(0), refused: oneIndex(3) });
  assert.equal(withTally(open, fifth).rest, null);
});

const anyRange = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 8 }))
  .map(([first, length]): TakeRange => [first, first + length]);
const anyGap: fc.Arbitrary<ExplainedTakes> = fc
  .tuple(anyRange, fc.constantFrom("a", "b"), fc.boolean())
  .map(([[first, last], reason, atMost]) => ({ first, last, reason, atMost, start: 0 }));

test("holes are explained as counting them one by one does", () => {
  fc.assert(
    fc.property(fc.array(anyRange), fc.array(anyGap), (present, gaps) => {
      const isIn = (take: number, [first, last]: TakeRange): boolean =>
        take >= first && take <= last;
      const last = Math.max(0, ...present.map((range) => range[1]), ...gaps.map((gap) => gap.last));
      let unexplained = 0;
      let explained = 0;
      for (let take = 1; take <= last; take += 1) {
        if (!present.some((range) => isIn(take, range))) {
          const isExplained = gaps.some((gap) => isIn(take, [gap.first, gap.last]));
          explained += isExplained ? 1 : 0;
          unexplained += isExplained ? 0 : 1;
        }
      }
      const holes = explainHoles(present, gaps);
      assert.equal(countOf(holes.unexplained), unexplained);
      assert.equal(countOf(holes.explained.map((gap) => [gap.first, gap.last])), explained);
    }),
  );
});

test("a very wide gap costs nothing", () => {
  const gap = { first: 5, last: 2 ** 50, reason: "lost-in-bedside", atMost: true, start: 0 };
  const holes = explainHoles([[1, 3]], [gap]);
  assert.deepEqual(holes, { explained: [gap], unexplained: [[4, 4]] });
});

test("the complement has what the ranges leave of the whole", () => {
  assert.deepEqual(
    complement(
      [
        [3, 4],
        [1, 1],
        [4, 6],
      ],
      [1, 9],
    ),
    [
      [2, 2],
      [7, 9],
    ],
  );
  assert.deepEqual(complement([], [1, 0]), []);
});
