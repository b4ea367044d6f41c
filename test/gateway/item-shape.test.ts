import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { isItem, itemProblem } from "../../gateway/item-shape.ts";
import { aReading, aWaveform, BOOT } from "../fakes/flow-services.ts";

const NOTICE = {
  kind: "notice",
  device: "gateway",
  boot: BOOT,
  take: 3,
  index: 0,
  notice: "storage-low",
  text: "Storage is low.",
  at: 1,
  clock: "holdover",
  since: null,
};
const GOOD = [
  aReading(),
  aReading({ value: null, text: "" }),
  aReading({ value: "on" }),
  aWaveform(),
  NOTICE,
];

test("well-formed items have no problem", () => {
  for (const item of GOOD) {
    assert.equal(itemProblem(item), null);
  }
});

test("each field that is missing or of the wrong type is named", () => {
  for (const item of GOOD) {
    for (const field of Object.keys(item)) {
      for (const wrong of [undefined, {}, [], Symbol.iterator, -1.5, "\u{1F600}".repeat(600)]) {
        const problem = itemProblem({ ...item, [field]: wrong });
        const tolerated =
          (field === "value" && wrong === -1.5) ||
          ((field === "deviceAt" || field === "scale" || field === "offset") && wrong === -1.5);
        assert.equal(problem === null, tolerated, `${item.kind}.${field}`);
        if (problem !== null) {
          assert.ok(problem.includes(field), problem);
        }
      }
    }
  }
});

test("bounds are kept", () => {
  assert.notEqual(itemProblem(aReading({ index: 50 })), null);
  assert.notEqual(itemProblem(aReading({ take: 0 })), null);
  assert.notEqual(itemProblem(aReading({ quality: [] })), null);
  assert.notEqual(itemProblem({ ...aReading(), quality: ["valid", "good"] }), null);
  assert.notEqual(itemProblem(aReading({ device: "Bed 1" })), null);
  assert.notEqual(itemProblem(aReading({ boot: BOOT.toUpperCase() })), null);
  assert.notEqual(itemProblem(aWaveform({ samples: [] })), null);
  assert.notEqual(itemProblem(aWaveform({ samples: [0.5] })), null);
  assert.notEqual(itemProblem(aWaveform({ samples: Array.from({ length: 4097 }, () => 1) })), null);
});

test("anything at all gets an answer", () => {
  fc.assert(
    fc.property(fc.anything(), fc.constantFrom("reading", "waveform", "notice"), (value, kind) => {
      assert.equal(typeof isItem(value), "boolean");
      if (typeof value === "object" && value !== null) {
        assert.equal(typeof isItem({ ...value, kind }), "boolean");
      }
    }),
  );
});
