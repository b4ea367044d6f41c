import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

import * as fc from "fast-check";

import { cloneOfWardMessage } from "../../../gateway/flowhost/message-clone.ts";
import { reading } from "../../fakes/sealing-kit.ts";

/** What Node-RED clones with. */
const cloneDeep = createRequire(import.meta.url)("lodash.clonedeep") as (value: unknown) => unknown;

const WARD = {
  class: "vital",
  generation: 3,
  takes: [
    {
      device: "bed-1",
      boot: "0".repeat(16),
      take: 1,
      class: "vital",
      count: 2,
      indices: 3,
      digest: 9,
    },
  ],
};

function message(changes: object = {}): object {
  const payload = [reading(), reading({ index: 1, quality: Object.freeze(["valid"] as const) })];
  return { _msgid: "1", topic: "bed-1", payload, ward: WARD, ...changes };
}

test("a ward message is cloned as Node-RED would, and nothing of it is shared that can be changed", () => {
  const wave = {
    ...reading(),
    kind: "waveform",
    samples: [1, null, 2],
    period: { ms: 1000, samples: 250 },
  };
  const refused = { ...WARD, refused: [{ reason: "out-of-range", text: "No." }] };
  for (const one of [
    message(),
    message({ payload: [wave] }),
    message({ ward: refused }),
    message({ ward: { ...WARD, sealed: { salt: "ab", items: 2 } }, payload: Buffer.from("abc") }),
    message({ parts: "text", count: 3 }),
  ]) {
    const clone = cloneOfWardMessage(one);
    assert.deepEqual(clone, cloneDeep(one));
    assertApart(one, clone);
  }
});

test("what a flow put in is left to Node-RED", () => {
  for (const one of [
    {},
    null,
    { payload: [] },
    message({ req: { socket: {} } }),
    message({ payload: [{ ...reading(), more: { deep: [] } }] }),
    message({ payload: [{ ...reading(), value: { a: { b: 1 } } }] }),
    message({ payload: "text" }),
    message({ ward: { ...WARD, takes: [{ deep: { er: 1 } }] } }),
    message({ payload: [new Date()] }),
    message({ call: () => 1 }),
  ]) {
    assert.equal(cloneOfWardMessage(one), null);
  }
});

test("any message is either cloned alike or left", () => {
  fc.assert(
    fc.property(fc.anything(), fc.constantFrom("payload", "ward", "more"), (value, field) => {
      const one = message({ [field]: value });
      const clone = cloneOfWardMessage(one);
      if (clone !== null) {
        assert.deepEqual(clone, cloneDeep(one));
        assertApart(one, clone);
      }
    }),
  );
});

/** No object that is not frozen is in both. */
function assertApart(one: unknown, other: unknown): void {
  const seen = new Set(objectsIn(one));
  for (const object of objectsIn(other)) {
    assert.ok(Object.isFrozen(object) || !seen.has(object), JSON.stringify(object));
  }
}

function objectsIn(value: unknown): object[] {
  return typeof value === "object" && value !== null
    ? [value, ...Object.values(value).flatMap(objectsIn)]
    : [];
}
