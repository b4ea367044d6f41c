import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import {
  addRange,
  countSequences,
  dropBelow,
  hasSequence,
  missingFrom,
  type SequenceRange,
} from "../../../gateway/sealing/sequence-ranges.ts";

const range = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 12 }))
  .map(([from, more]): SequenceRange => [from, from + more]);

test("a set of ranges is the set of its numbers", () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 12 }), range, fc.nat(70), (ranges, asked, low) => {
      const set = ranges.reduce<SequenceRange[]>((sum, each) => addRange(sum, each), []);
      const model = new Set(ranges.flatMap(numbers));
      assert.equal(countSequences(set), model.size);
      for (let number = 0; number <= 80; number += 1) {
        assert.equal(hasSequence(set, number), model.has(number));
      }
      assert.deepEqual(
        missingFrom(set, asked).flatMap(numbers),
        numbers(asked).filter((number) => !model.has(number)),
      );
      assert.deepEqual(
        dropBelow(set, low).flatMap(numbers),
        [...model].filter((number) => number >= low).sort((a, b) => a - b),
      );
      for (const [place, [from]] of set.entries()) {
        assert.ok(place === 0 || from > set[place - 1]![1] + 1, "sorted, and nothing adjacent");
      }
    }),
  );
});

test("what is no range is refused", () => {
  for (const bad of [
    [0, 1],
    [3, 2],
    [1.5, 2],
    [1, Number.NaN],
    [1, 2 ** 60],
  ] as const) {
    assert.throws(() => addRange([], bad), TypeError);
  }
});

function numbers([from, to]: SequenceRange): number[] {
  return Array.from({ length: to - from + 1 }, (_, place) => from + place);
}
