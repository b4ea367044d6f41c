import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { digestOf, itemDigest } from "../../../gateway/digest.ts";
import { countIndices, firstIndices, hasIndex } from "../../../gateway/indices.ts";
import type { Take } from "../../../gateway/reading.ts";
import type { WardTake } from "../../../gateway/rooms.ts";
import type { TallyTake } from "../../../gateway/sealing/tally.ts";
import { type Account, type KeptItems, Settlement } from "../../../gateway/flowhost/settlement.ts";
import { factsOf } from "../../../gateway/flowhost/sources.ts";
import { keyOf } from "../../../gateway/flowhost/take-state.ts";
import { BOOT, vitalTake } from "../../fakes/flowhost-kit.ts";

const DEVICE = "bed-1/spo2";

function settlement(more: Partial<ConstructorParameters<typeof Settlement>[0]> = {}): Settlement {
  return new Settlement({ countMax: 100, droppedAfterMs: 1000, ...more });
}

function part(take: Take, indices: readonly number[]): WardTake {
  return { ...factsOf(take), indices: setOf(indices) };
}

function kept(take: Take, indices: readonly number[]): KeptItems {
  return { key: keyOf(take), indices: setOf(indices) };
}

function setOf(indices: readonly number[]): number {
  return [...new Set(indices)].reduce((set, index) => set + 2 ** index, 0);
}

function itemsOf(take: Take, indices: readonly number[]): Take["items"] {
  return take.items.filter(({ index }) => indices.includes(index));
}

test("a take is settled by the put with which its last item ends", () => {
  const book = settlement();
  const take = vitalTake(DEVICE, 1, 4);
  assert.equal(book.admit(factsOf(take), "Ward 3", 0), "new");
  book.pend([kept(take, [0, 1])]);
  assert.deepEqual(book.beginPut([kept(take, [0, 1])]).takes, [], "two items are still open");
  assert.deepEqual(book.commitPut(), { outcomes: [], gaps: [] });
  book.end("withheld", [part(take, [2])], itemsOf(take, [2]));
  assert.equal(book.accountsWaiting, false);
  book.end("refused", [part(take, [3])], itemsOf(take, [3]));
  assert.equal(book.accountsWaiting, true);
  const { takes } = book.beginPut([]);
  assert.deepEqual(takes, [
    {
      ...factsOf(take),
      kept: setOf([0, 1]),
      withheld: setOf([2]),
      refused: setOf([3]),
      dropped: 0,
      rest: digestOf(itemsOf(take, [2, 3])),
    },
  ]);
  const [outcome] = book.commitPut().outcomes;
  assert.deepEqual(outcome, {
    device: DEVICE,
    boot: BOOT,
    take: 1,
    class: "vital",
    stored: 2,
    withheld: 1,
    refused: 1,
    dropped: 0,
  });
  assert.equal(book.unsettled, 0);
  assert.equal(book.admit(factsOf(take), "Ward 3", 0), "settled");
  assert.deepEqual(book.outcomeOf(take), outcome);
});

test("stored wins over refused, refused over withheld, withheld over dropped", () => {
  const book = settlement();
  const take = vitalTake(DEVICE, 1, 4);
  book.admit(factsOf(take), "Ward 3", 0);
  book.end("withheld", [part(take, [0, 1, 2])], itemsOf(take, [0, 1, 2]));
  book.end("refused", [part(take, [0, 1])], itemsOf(take, [0, 1]));
  book.pend([kept(take, [0])]);
  book.expire(1000);
  const [row] = book.beginPut([kept(take, [0])]).takes;
  assert.ok(row);
  assert.deepEqual(
    [row.kept, row.refused, row.withheld, row.dropped],
    [setOf([0]), setOf([1]), setOf([2]), setOf([3])],
  );
  assert.equal(row.rest, digestOf(itemsOf(take, [1, 2])));
});

test("an item that waits for a put keeps its take open, though another branch withheld it", () => {
  const book = settlement();
  const take = vitalTake(DEVICE, 1, 1);
  book.admit(factsOf(take), "Ward 3", 0);
  book.end("withheld", [part(take, [0])], take.items);
  book.pend([kept(take, [0])]);
  assert.equal(book.accountsWaiting, false);
  assert.deepEqual(book.beginPut([]).takes, []);
  book.commitPut();
  const [row] = book.beginPut([kept(take, [0])]).takes;
  assert.equal(row?.kept, 1);
  assert.equal(row?.rest, 0);
});

test("what has no end in time is dropped and names its tab; what waits for the disk is not", () => {
  const book = settlement();
  const [lost, waiting] = [vitalTake(DEVICE, 1, 2), vitalTake(DEVICE, 2, 2)];
  book.admit(factsOf(lost), "Ward 3", 0);
  book.admit(factsOf(waiting), "Ward 3", 0);
  book.pend([kept(waiting, [0, 1])]);
  assert.equal(book.expire(999), 0);
  assert.equal(book.expire(1000), 1);
  const account = book.beginPut([]);
  assert.deepEqual(
    account.takes.map(({ take, dropped }) => [take, dropped]),
    [[1, 3]],
  );
  assert.deepEqual(account.droppedTabs, [{ device: DEVICE, boot: BOOT, take: 1, tab: "Ward 3" }]);
});

test("a new run forgets what was in the flow and keeps what reached a batch", () => {
  const book = settlement();
  const [inFlow, inBatch, half] = [1, 2, 3].map((number) => vitalTake(DEVICE, number, 2));
  for (const take of [inFlow!, inBatch!, half!]) {
    book.admit(factsOf(take), "Ward 3", 0);
  }
  book.end("withheld", [part(inFlow!, [0])], itemsOf(inFlow!, [0]));
  book.pend([kept(inBatch!, [0, 1]), kept(half!, [0])]);
  book.newRun(500);
  assert.equal(book.unsettled, 2);
  assert.equal(book.admit(factsOf(inFlow!), "Ward 3", 600), "new");
  assert.equal(book.admit(factsOf(inBatch!), "Ward 3", 600), "repeat");
  assert.equal(book.admit(factsOf(half!), "Ward 3", 600), "new");
  assert.equal(book.admit(factsOf(half!), "Ward 3", 600), "repeat");
  const { takes } = book.beginPut([kept(inBatch!, [0, 1]), kept(half!, [0])]);
  assert.deepEqual(
    takes.map((row) => [row.take, row.kept]),
    [[2, 3]],
  );
});

test("an abandoned put leaves everything as it was", () => {
  const book = settlement();
  const take = vitalTake(DEVICE, 1, 2);
  book.admit(factsOf(take), "Ward 3", 0);
  book.pend([kept(take, [0, 1])]);
  const first = book.beginPut([kept(take, [0, 1])]);
  book.abandonPut();
  assert.equal(book.accountsWaiting, false);
  assert.equal(book.expire(5000), 0, "its batch waits again: that is no loss in the flow");
  assert.deepEqual(book.beginPut([kept(take, [0, 1])]), first);
  assert.equal(book.commitPut().outcomes.length, 1);
});

test("takes over the limit are told so, gaps go into the next account once", () => {
  const book = settlement({ countMax: 1 });
  book.admit(factsOf(vitalTake(DEVICE, 1)), "Ward 3", 0);
  assert.equal(book.admit(factsOf(vitalTake(DEVICE, 2)), "Ward 3", 0), "full");
  const gap = {
    id: "g",
    device: DEVICE,
    boot: BOOT,
    from: 1,
    to: 2,
    reason: "buffer-full",
    atMost: true,
    start: 0,
    end: 1,
  };
  assert.deepEqual(book.addGaps([gap]), []);
  assert.deepEqual(book.addGaps([gap]), []);
  assert.deepEqual(book.beginPut([]).gaps, [gap]);
  assert.equal(book.accountsWaiting, false);
  assert.deepEqual(book.commitPut().gaps, ["g"]);
  assert.deepEqual(book.addGaps([gap]), ["g"]);
});

/** What may happen to items of one of a few takes. */
type Act =
  | { readonly t: "admit" | "drop"; readonly take: number }
  | {
      readonly t: "withheld" | "refused" | "batch";
      readonly take: number;
      readonly indices: readonly number[];
    }
  | { readonly t: "put" | "commit" | "abandon" | "run" }
  | { readonly t: "wait"; readonly ms: number };

const TAKES = 4;
const ITEMS = 3;
const takeNumber = fc.integer({ min: 1, max: TAKES });
const someIndices = fc.uniqueArray(fc.integer({ min: 0, max: ITEMS - 1 }), { minLength: 1 });
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ t: fc.constant("admit" as const), take: takeNumber }) },
  { weight: 1, arbitrary: fc.record({ t: fc.constant("drop" as const), take: takeNumber }) },
  {
    weight: 6,
    arbitrary: fc.record({
      t: fc.constantFrom("withheld" as const, "refused" as const, "batch" as const),
      take: takeNumber,
      indices: someIndices,
    }),
  },
  { weight: 4, arbitrary: fc.constantFrom<Act>({ t: "put" }, { t: "commit" }) },
  { weight: 1, arbitrary: fc.constantFrom<Act>({ t: "abandon" }, { t: "run" }) },
  {
    weight: 1,
    arbitrary: fc.record({ t: fc.constant("wait" as const), ms: fc.integer({ min: 1, max: 700 }) }),
  },
);

/**
 * A naive model: it keeps every event of every take in a list and works out rows from the whole list. It follows the book
 * for when a take is forgotten, and checks everything that is said.
 */
class Model {
  readonly book: Settlement = settlement({ recentMax: 2 });
  readonly takes: Take[] = Array.from({ length: TAKES }, (_, place) =>
    vitalTake(DEVICE, place + 1, ITEMS),
  );
  readonly batches: KeptItems[] = [];
  readonly onDisk: Set<string> = new Set<string>();
  /** Ends of the items of each take since it was last admitted as unknown. */
  readonly ends: Map<number, Map<number, Set<string>>> = new Map();
  readonly settled: Map<number, TallyTake> = new Map();
  inPut: KeptItems[] | null = null;
  account: Account | null = null;
  now = 0;

  act(step: Act): void {
    switch (step.t) {
      case "admit":
        return this.#admit(step.take);
      case "drop":
        this.book.drop(this.takes[step.take - 1]!, "tab");
        return this.#end(step.take, firstIndices(ITEMS), "dropped");
      case "withheld":
      case "refused": {
        const take = this.takes[step.take - 1]!;
        this.book.end(step.t, [part(take, step.indices)], itemsOf(take, step.indices));
        return this.#end(step.take, setOf(step.indices), step.t);
      }
      case "batch": {
        const items = kept(this.takes[step.take - 1]!, step.indices);
        this.book.pend([items]);
        this.batches.push(items);
        return this.#end(step.take, items.indices, "sealed");
      }
      case "put":
        return this.#put();
      case "commit":
        return this.#commit();
      case "abandon":
        return this.#abandon();
      case "run":
        return this.book.newRun(this.now);
      case "wait":
        this.now += step.ms;
        this.book.expire(this.now);
    }
  }

  /** Every batch is put and every item without an end is dropped: then nothing may be left. */
  finish(): void {
    if (this.inPut !== null) {
      this.#commit();
    }
    this.now += 2000;
    this.book.expire(this.now);
    this.#put();
    this.#commit();
    assert.equal(this.book.unsettled, 0);
    assert.equal(this.book.accountsWaiting, false);
    assert.equal(this.book.oldestAt, null);
  }

  #admit(number: number): void {
    const answer = this.book.admit(factsOf(this.takes[number - 1]!), "tab", this.now);
    assert.ok(["new", "repeat", "settled"].includes(answer));
    if (answer === "settled") {
      assert.ok(this.settled.has(number), "settled without ever having been committed");
    }
    if (!this.ends.has(number)) {
      this.ends.set(number, new Map());
    }
  }

  #end(number: number, indices: number, how: string): void {
    const ends = this.ends.get(number);
    for (let index = 0; index < ITEMS; index += 1) {
      if (hasIndex(indices, index)) {
        const known = ends?.get(index) ?? new Set();
        ends?.set(index, known.add(how));
      }
    }
  }

  #put(): void {
    if (this.inPut !== null) {
      return;
    }
    this.inPut = this.batches.splice(0, 3);
    if (this.batches.length > 0 && this.inPut.length === 0) {
      assert.fail("no batch in a put although some wait");
    }
    this.account = this.book.beginPut(this.inPut);
    for (const row of this.account.takes) {
      this.#checkRow(row);
    }
  }

  #checkRow(row: TallyTake): void {
    const take = this.takes[row.take - 1]!;
    const sets = [row.kept, row.withheld, row.refused, row.dropped];
    let rest = 0;
    for (let index = 0; index < ITEMS; index += 1) {
      assert.equal(sets.filter((set) => hasIndex(set, index)).length, 1, "exactly one end");
      const ends = this.ends.get(row.take)?.get(index) ?? new Set();
      if (hasIndex(row.kept, index)) {
        assert.ok(this.#isStored(keyOf(row), index), "kept without a batch");
      } else if (hasIndex(row.refused, index)) {
        assert.ok(ends.has("refused"), "refused by nobody");
      } else if (hasIndex(row.withheld, index)) {
        assert.ok(ends.has("withheld"), "withheld by nobody");
      }
      if (hasIndex(row.refused, index) || hasIndex(row.withheld, index)) {
        rest ^= itemDigest(take.items[index]!);
      }
    }
    assert.equal(row.rest, rest >>> 0);
    assert.equal(
      this.account?.droppedTabs.some((dropped) => dropped.take === row.take),
      row.dropped !== 0,
    );
  }

  /** On disk, or in the put under way. */
  #isStored(key: string, index: number): boolean {
    return (
      this.onDisk.has(`${key} ${index}`) ||
      (this.inPut ?? []).some((each) => each.key === key && hasIndex(each.indices, index))
    );
  }

  #commit(): void {
    if (this.inPut === null || this.account === null) {
      return;
    }
    for (const { key, indices } of this.inPut) {
      for (let index = 0; index < ITEMS; index += 1) {
        if (hasIndex(indices, index)) {
          this.onDisk.add(`${key} ${index}`);
        }
      }
    }
    const { outcomes } = this.book.commitPut();
    assert.deepEqual(
      outcomes.map(({ take }) => take),
      this.account.takes.map(({ take }) => take),
    );
    for (const [place, row] of this.account.takes.entries()) {
      const { stored, withheld, refused, dropped } = outcomes[place]!;
      assert.deepEqual(
        [stored, withheld, refused, dropped],
        [row.kept, row.withheld, row.refused, row.dropped].map((set) => countIndices(set)),
      );
      this.settled.set(row.take, row);
    }
    this.inPut = null;
    this.account = null;
  }

  #abandon(): void {
    if (this.inPut === null) {
      return;
    }
    this.book.abandonPut();
    this.batches.unshift(...this.inPut);
    this.inPut = null;
    this.account = null;
  }
}

test("whatever happens in whatever order, every row is true and nothing is left open", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
      const model = new Model();
      acts.forEach((step) => model.act(step));
      for (let round = 0; round < acts.length; round += 1) {
        model.act({ t: "commit" });
        model.act({ t: "put" });
      }
      model.finish();
    }),
    { numRuns: 400 },
  );
});
