import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import {
  countIndices,
  differenceOf,
  firstIndices,
  hasIndex,
  intersectionOf,
  isIndexSet,
  oneIndex,
  unionOf,
} from "../../gateway/indices.ts";
import { TAKE_ITEMS_MAX } from "../../gateway/reading.ts";

const indices = fc.oneof(
  fc.uniqueArray(fc.nat({ max: TAKE_ITEMS_MAX - 1 })),
  fc.uniqueArray(fc.nat({ max: 31 })),
);

function setOf(members: readonly number[]): number {
  return members.reduce((set, index) => unionOf(set, oneIndex(index)), 0);
}

function membersOf(set: number): number[] {
  return Array.from({ length: TAKE_ITEMS_MAX }, (_, index) => index).filter((index) =>
    hasIndex(set, index),
  );
}

test("a set has exactly the members that were put in", () => {
  fc.assert(
    fc.property(indices, (members) => {
      assert.deepEqual(
        membersOf(setOf(members)),
        [...members].sort((a, b) => a - b),
      );
      assert.equal(countIndices(setOf(members)), members.length);
      assert.ok(isIndexSet(setOf(members), TAKE_ITEMS_MAX));
    }),
  );
});

test("union, intersection and difference are those of sets", () => {
  fc.assert(
    fc.property(indices, indices, (a, b) => {
      const inA = new Set(a);
      const inB = new Set(b);
      assert.deepEqual(new Set(membersOf(unionOf(setOf(a), setOf(b)))), inA.union(inB));
      assert.deepEqual(
        new Set(membersOf(intersectionOf(setOf(a), setOf(b)))),
        inA.intersection(inB),
      );
      assert.deepEqual(new Set(membersOf(differenceOf(setOf(a), setOf(b)))), inA.difference(inB));
    }),
  );
});

test("firstIndices names 0 to count - 1, and isIndexSet refuses anything beyond", () => {
  for (let count = 0; count <= TAKE_ITEMS_MAX; count += 1) {
    assert.equal(countIndices(firstIndices(count)), count);
    assert.ok(!isIndexSet(firstIndices(count) + 1, count));
  }
  for (const wrong of [-1, 0.5, Number.NaN, "3", null, 2 ** 53]) {
    assert.ok(!isIndexSet(wrong, TAKE_ITEMS_MAX));
  }
});
