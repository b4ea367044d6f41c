import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { HeldTakes } from "../../../gateway/bedside/held-takes.ts";
import { CLASSES, type ClassName } from "../../../gateway/reading.ts";
import { Definitions } from "../../../gateway/takes/definitions.ts";
import { type EncodedTake, TakeEncoder } from "../../../gateway/takes/take-encoder.ts";
import { reading } from "../../fakes/sealing-kit.ts";

const ROOMY = { takes: 1000, bytes: 10_000_000, inFlight: 1000 };
const all = (): boolean => true;
const DEFINITIONS = new Definitions();

function takeOf(take: number, className: ClassName = "vital", device = "bed-1"): EncodedTake {
  const head = { device, boot: "00".repeat(8), take, class: className, count: 1 };
  return { ...head, bytes: new Uint8Array(8), definitions: DEFINITIONS };
}

test("takes are handed out once, in order, and again in order after a new generation", () => {
  const held = new HeldTakes(ROOMY);
  for (let take = 1; take <= 5; take += 1) {
    held.hold(takeOf(take), take);
  }
  assert.deepEqual(numbers(held.next(3, all)), [1, 2, 3]);
  assert.deepEqual(numbers(held.next(10, all)), [4, 5]);
  held.settle(takeOf(2));
  held.newGeneration();
  assert.deepEqual(numbers(held.next(10, all)), [1, 3, 4, 5]);
});

test("a take that may not leave yet holds back what comes after it", () => {
  const held = new HeldTakes(ROOMY);
  held.hold(takeOf(1), 1);
  held.hold(takeOf(2), 2);
  assert.deepEqual(numbers(held.next(10, (take) => take.take < 2)), [1]);
  assert.deepEqual(numbers(held.next(10, all)), [2]);
});

test("the in-flight limit holds, and settling makes room", () => {
  const held = new HeldTakes({ ...ROOMY, inFlight: 2 });
  for (let take = 1; take <= 4; take += 1) {
    held.hold(takeOf(take), take);
  }
  assert.deepEqual(numbers(held.next(10, all)), [1, 2]);
  assert.deepEqual(numbers(held.next(10, all)), []);
  held.settle(takeOf(1));
  assert.deepEqual(numbers(held.next(10, all)), [3]);
});

test("over the limit the oldest of the lowest class goes first, a notice last", () => {
  const held = new HeldTakes({ ...ROOMY, takes: 3 });
  held.hold(takeOf(1, "notice"), 1);
  held.hold(takeOf(2, "vital"), 2);
  held.hold(takeOf(3, "wave"), 3);
  assert.deepEqual(numbers(held.hold(takeOf(4, "vital"), 4)), [3]);
  assert.deepEqual(numbers(held.hold(takeOf(5, "vital"), 5)), [2]);
  assert.deepEqual(numbers(held.hold(takeOf(6, "notice"), 6)), [4]);
});

test("what the flow has been handed goes after what it has not", () => {
  const held = new HeldTakes({ ...ROOMY, takes: 3 });
  held.hold(takeOf(1, "wave"), 1);
  held.hold(takeOf(2, "vital"), 2);
  assert.deepEqual(numbers(held.next(10, all)), [1, 2]);
  held.hold(takeOf(3, "vital"), 3);
  assert.deepEqual(numbers(held.hold(takeOf(4, "vital"), 4)), [3]);
  assert.deepEqual(numbers(held.hold(takeOf(5, "notice"), 5)), [4]);
  assert.deepEqual(numbers(held.hold(takeOf(6, "notice"), 6)), [1]);
  held.newGeneration();
  assert.deepEqual(numbers(held.hold(takeOf(7, "vital"), 7)), [2]);
});

test("whatever happens, every take held is settled, evicted or still there, exactly once", () => {
  const act = fc.oneof(
    fc.record({ do: fc.constant("hold" as const), class: fc.constantFrom(...CLASSES) }),
    fc.record({ do: fc.constant("next" as const), most: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ do: fc.constant("settle" as const), pick: fc.nat() }),
    fc.record({ do: fc.constant("generation" as const) }),
  );
  fc.assert(
    fc.property(fc.array(act, { maxLength: 80 }), (acts) => {
      const held = new HeldTakes({ takes: 8, bytes: 10_000_000, inFlight: 4 });
      const open = new Map<number, EncodedTake>();
      let last = 0;
      for (const step of acts) {
        if (step.do === "hold") {
          last += 1;
          const take = takeOf(last, step.class);
          open.set(last, take);
          for (const gone of held.hold(take, last)) {
            assert.ok(open.delete(gone.take), "evicted what was not held");
          }
        } else if (step.do === "next") {
          for (const take of held.next(step.most, all)) {
            assert.ok(open.has(take.take), "handed out what was not held");
          }
        } else if (step.do === "settle") {
          const some = [...open.values()][step.pick % Math.max(1, open.size)];
          if (some !== undefined) {
            assert.ok(held.settle(some));
            assert.ok(!held.settle(some));
            open.delete(some.take);
          }
        } else {
          held.newGeneration();
        }
        assert.equal(held.size, open.size);
        assert.ok(held.inFlight <= 4);
        assert.deepEqual(held.lowestByDevice().get("bed-1"), open.keys().next().value);
      }
      held.newGeneration();
      const rest: number[] = [];
      for (let takes = held.next(100, all); takes.length > 0; takes = held.next(100, all)) {
        rest.push(...numbers(takes));
        takes.forEach((take) => held.settle(take));
      }
      assert.deepEqual(rest, [...open.keys()]);
      assert.equal(held.bytes, 0);
    }),
  );
});

function numbers(takes: readonly EncodedTake[]): number[] {
  return takes.map((take) => take.take);
}

test("definitions that held takes still need count as well, but for those that new takes go on with", () => {
  const bytes = 6_000_000;
  const held = new HeldTakes({ takes: 20_000, bytes, inFlight: 20_000 });
  const encoder = new TakeEncoder();
  for (let number = 1; number <= 9000; number += 1) {
    // A device may say what it likes: no text ever comes again.
    const item = reading({ take: number, value: null, text: `${number} `.padEnd(512, "x") });
    const { device, boot } = item;
    held.hold(
      encoder.encode({ device, boot, take: number, class: "vital", items: [item] }),
      number,
    );
  }
  const takes = held.next(20_000, all);
  const newest = takes.at(-1)?.definitions;
  const before = new Set(takes.map(({ definitions }) => definitions).filter((d) => d !== newest));
  const tables = [...before].reduce((sum, definitions) => sum + definitions.bytes.length, 0);
  assert.ok(takes.length > 500, "what is new is held");
  // Each take costs some hundred bytes beside its own.
  assert.ok(takes.reduce((sum, take) => sum + take.bytes.length + 500, tables) <= bytes);
  assert.ok(held.bytes <= bytes);
});
