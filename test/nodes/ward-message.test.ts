import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { WardError } from "../../gateway/errors.ts";
import { firstIndices, hasIndex, unionOf } from "../../gateway/indices.ts";
import type { WardTake } from "../../gateway/rooms.ts";
import { narrowTakes, readItems, readWard } from "../../nodes/ward-message.ts";
import { aMessage, aReading, aTake, aWaveform, BOOT } from "../fakes/flow-services.ts";

const ITEMS = [
  aReading(),
  aReading({ index: 1, path: "1.1.2" }),
  aReading({ index: 2, path: "1.1.3" }),
];
const MESSAGE = aMessage(aTake(ITEMS));

function refusal(message: Record<string, unknown>): string {
  try {
    readItems(message);
  } catch (error) {
    assert.ok(error instanceof WardError);
    assert.equal(error.code, "WARD_NODE_MESSAGE");
    return error.message;
  }
  return "";
}

test("a message as a source sends it is read, also after a flow removed items or merged takes", () => {
  assert.deepEqual(readItems(MESSAGE).items, ITEMS);
  assert.equal(readItems({ ...MESSAGE, payload: ITEMS.slice(1) }).items.length, 2);
  const other = aTake([aReading({ take: 9 })]);
  const takes = [...readWard(MESSAGE).takes, ...readWard(aMessage(other)).takes];
  const merged = { payload: [...ITEMS, ...other.items], ward: { ...readWard(MESSAGE), takes } };
  assert.equal(readItems(merged).items.length, 4);
});

test("items that a flow added, renamed, broke or sealed are refused", () => {
  assert.match(
    refusal({ ...MESSAGE, payload: [aReading({ index: 3 })] }),
    /item 0 is not one of its takes/,
  );
  assert.match(
    refusal({ ...MESSAGE, payload: [aReading({ device: "bed-2/monitor" })] }),
    /item 0 is not one/,
  );
  assert.match(
    refusal({ ...MESSAGE, payload: [ITEMS[0], { ...ITEMS[1], unit: 5 }] }),
    /item 1: unit/,
  );
  assert.match(refusal({ ...MESSAGE, payload: [] }), /payload is not a list/);
  assert.match(refusal({ ...MESSAGE, payload: "97" }), /payload is not a list/);
  assert.match(
    refusal({ ...MESSAGE, payload: [aWaveform({ take: 1 })] }),
    /waveform in a message of class vital/,
  );
  const ward = readWard(MESSAGE);
  assert.match(
    refusal({ ...MESSAGE, ward: { ...ward, sealed: { salt: "00", items: 1 } } }),
    /already sealed/,
  );
});

test("msg.ward is read strictly: a class that was changed, or wrong indices, are refused", () => {
  const ward = readWard(MESSAGE);
  const [take] = ward.takes;
  assert.ok(take !== undefined);
  const wrong = (changes: object): string => refusal({ ...MESSAGE, ward: { ...ward, ...changes } });
  const wrongTake = (changes: object): string => wrong({ takes: [{ ...take, ...changes }] });
  for (const problem of [
    wrong({ class: "notice" }),
    wrong({ class: "" }),
    wrong({ generation: 1.5 }),
    wrong({ takes: Array.from({ length: 1001 }, () => take) }),
    wrong({ sealed: true }),
    wrong({ refused: {} }),
    wrongTake({ indices: 8 }),
    wrongTake({ indices: -1 }),
    wrongTake({ count: 51, indices: 1 }),
    wrongTake({ count: 0, indices: 0 }),
    wrongTake({ boot: "x" }),
    wrongTake({ device: "" }),
    wrongTake({ take: Number.NaN }),
    wrongTake({ digest: "0" }),
    refusal({ payload: ITEMS }),
  ]) {
    assert.match(problem, /msg\.ward is missing or was changed/);
  }
});

test("takes are narrowed to exactly the items that go on", () => {
  const taken = fc.uniqueArray(
    fc.record({ take: fc.integer({ min: 1, max: 4 }), index: fc.integer({ min: 0, max: 49 }) }),
    { selector: ({ take, index }) => `${take} ${index}`, maxLength: 80 },
  );
  fc.assert(
    fc.property(taken, (places) => {
      const takes: WardTake[] = [1, 2, 3].map((take) => ({
        device: "bed-1/monitor",
        boot: BOOT,
        take,
        class: "vital",
        count: 50,
        indices: firstIndices(50),
        digest: 0,
      }));
      const items = places.map((place) => aReading(place));
      const narrowed = narrowTakes(takes, items);
      const known = items.filter((item) => item.take < 4);
      for (const item of known) {
        const take = narrowed.find((candidate) => candidate.take === item.take);
        assert.ok(take !== undefined && hasIndex(take.indices, item.index));
      }
      let count = 0;
      for (const { indices } of narrowed) {
        assert.notEqual(indices, 0);
        for (let index = 0; index < 50; index += 1) {
          count += hasIndex(indices, index) ? 1 : 0;
        }
      }
      assert.equal(count, known.length);
    }),
  );
});

test("parting a message and joining the parts gives all of it back", () => {
  const [whole] = readWard(MESSAGE).takes;
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), (sides) => {
      const parts = [true, false].map((side) => ITEMS.filter((_, place) => sides[place] === side));
      const indices = parts
        .flatMap((part) => narrowTakes(readWard(MESSAGE).takes, part))
        .reduce((all, take) => unionOf(all, take.indices), 0);
      assert.equal(indices, whole?.indices);
    }),
  );
});

test("whatever a flow makes of a message, it is read or refused with a WardError", () => {
  const message = fc.record(
    {
      payload: fc.oneof(
        fc.array(fc.oneof(fc.anything(), fc.constantFrom(...ITEMS))),
        fc.anything(),
      ),
      ward: fc.oneof(
        fc.anything(),
        fc.record(
          {
            class: fc.constantFrom("vital", "wave"),
            generation: fc.anything(),
            takes: fc.oneof(fc.array(fc.anything()), fc.constant(readWard(MESSAGE).takes)),
            sealed: fc.anything(),
            refused: fc.anything(),
          },
          { requiredKeys: [] },
        ),
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(message, (wild) => {
      assert.equal(typeof refusal(wild), "string");
    }),
  );
});
