import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { digestOf, itemDigest } from "../../gateway/digest.ts";
import { firstIndices, oneIndex } from "../../gateway/indices.ts";
import {
  complement,
  emptyRow,
  explainHoles,
  isComplete,
  sumsOf,
  verdictOf,
  withItem,
  withTally,
  type ExplainedTakes,
  type TakeRange,
  type TakeRow,
} from "../../hub/ledger.ts";
import { keptOf, rowOf, takeOf } from "../fakes/hub-kit.ts";

const ITEMS = takeOf({ device: "bed-1", take: 1, count: 5 });

function withItems(row: TakeRow, items: typeof ITEMS): TakeRow {
  return items.reduce((sum, item) => withItem(sum, item.index, itemDigest(item)) ?? sum, row);
}

test("an item counts once", () => {
  const row = withItems(emptyRow("vital"), ITEMS);
  assert.equal(withItem(row, 3, 1), null);
  assert.equal(sumsOf(row, null).kept, 5);
});

test("without a tally a take is as long as its highest index, and holes are unaccounted", () => {
  const row = withItems(emptyRow("vital"), [ITEMS[0]!, ITEMS[3]!]);
  assert.deepEqual(sumsOf(row, null), {
    taken: 4,
    kept: 2,
    withheld: 0,
    refused: 0,
    dropped: 0,
    gaps: 0,
    unaccounted: 2,
  });
  assert.equal(isComplete(withItems(emptyRow("vital"), ITEMS), null), false);
});

test("items and tally give the same row in either order", () => {
  const said = rowOf(ITEMS, { withheld: oneIndex(2), refused: oneIndex(0) });
  const kept = keptOf(ITEMS, said);
  const itemsFirst = withTally(withItems(emptyRow("vital"), kept), said, 7);
  const tallyFirst = withItems(withTally(emptyRow("vital"), said, 7), kept);
  assert.deepEqual(itemsFirst, tallyFirst);
  assert.equal(verdictOf(itemsFirst), "same");
  assert.equal(isComplete(itemsFirst, null), true);
});

test("stored wins over refused, over withheld, over dropped", () => {
  const all = firstIndices(5);
  const words = ["dropped", "withheld", "refused"] as const;
  let row = emptyRow("vital");
  for (const [place, word] of words.entries()) {
    row = withTally(row, rowOf(ITEMS, { [word]: all }), place + 1);
    assert.equal(sumsOf(row, null)[word], 5);
    assert.equal(sumsOf(row, null).taken, 5);
  }
  row = withTally(row, rowOf(ITEMS), 9);
  assert.equal(sumsOf(row, null).unaccounted, 5);
  assert.equal(sumsOf(row, "evicted").gaps, 5);
  assert.equal(sumsOf(withItems(row, ITEMS), null).kept, 5);
});

test("a changed value is derived, a dropped item leaves it open", () => {
  const changed = Object.assign({}, ITEMS[1], { value: 61.5 });
  const others = ITEMS.filter(({ index }) => index !== 1);
  const said = rowOf(ITEMS);
  const row = withItems(withTally(emptyRow("vital"), said, 1), [...others, changed]);
  assert.equal(verdictOf(row), "derived");
  const dropped = withTally(emptyRow("vital"), rowOf(ITEMS, { dropped: oneIndex(1) }), 1);
  assert.equal(verdictOf(withItems(dropped, others)), "open");
});

test("two tallies that disagree only allow a comparison when all was stored in the end", () => {
  const first = rowOf(ITEMS, { withheld: oneIndex(4) });
  const second = rowOf(ITEMS, { withheld: oneIndex(0) });
  const row = withTally(withTally(emptyRow("vital"), first, 1), second, 2);
  assert.equal(row.rest, 0);
  assert.equal(verdictOf(withItems(row, ITEMS)), "same");
  const third = rowOf(ITEMS, { withheld: oneIndex(0) + oneIndex(1) });
  const fourth = rowOf(ITEMS, { withheld: oneIndex(0), refused: oneIndex(1) });
  const open = withTally(withTally(emptyRow("vital"), third, 1), fourth, 2);
  assert.equal(open.rest, digestOf(ITEMS.slice(0, 2)));
  const fifth = rowOf(ITEMS, { withheld: oneIndex(0), refused: oneIndex(3) });
  assert.equal(withTally(open, fifth, 3).rest, null);
});

const anyRange = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 8 }))
  .map(([first, length]): TakeRange => [first, first + length]);
const anyGap: fc.Arbitrary<ExplainedTakes> = fc
  .tuple(anyRange, fc.constantFrom("a", "b"), fc.boolean())
  .map(([[first, last], reason, atMost]) => ({ first, last, reason, atMost }));

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
      assert.equal(holes.unexplained, unexplained);
      assert.equal(
        [...holes.reasons.values()].reduce((sum, count) => sum + count, 0),
        explained,
      );
      assert.ok(holes.atMost <= explained);
    }),
  );
});

test("a very wide gap costs nothing", () => {
  const gap = { first: 5, last: 2 ** 50, reason: "lost-in-bedside", atMost: true };
  const holes = explainHoles([[1, 3]], [gap]);
  assert.deepEqual([holes.unexplained, holes.atMost], [1, 2 ** 50 - 4]);
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
