import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { itemDigest } from "../../gateway/digest.ts";
import type { Item } from "../../gateway/reading.ts";
import { encodeItems } from "../../gateway/sealing/batch.ts";
import { decodeColumns, type ItemColumns } from "../../gateway/sealing/item-columns.ts";
import { decodeItems } from "../../gateway/sealing/unbatch.ts";
import { ItemDigests } from "../../hub/item-digests.ts";
import { ItemLines } from "../../hub/item-lines.ts";
import { anyItems, reading } from "../fakes/sealing-kit.ts";

/** Calls `look` for every item with its group and place. */
function eachItem(
  columns: ItemColumns,
  look: (group: ItemColumns["groups"][number], item: number) => void,
): void {
  let item = 0;
  for (const group of columns.groups) {
    for (const end = item + group.count; item < end; item += 1) {
      look(group, item);
    }
  }
  assert.equal(item, columns.count);
}

test("digests of columns are the digests of the items", () => {
  fc.assert(
    fc.property(anyItems, (items) => {
      const columns = decodeColumns(encodeItems(items));
      const digests = new ItemDigests(columns);
      eachItem(columns, (group, item) => {
        assert.equal(digests.at(group, item), itemDigest(items[item]!));
      });
    }),
    { numRuns: 300 },
  );
});

test("digests are right where times have other lengths and texts are not ASCII", () => {
  const items = [
    reading({ at: 9, value: 1.5, text: "1.5" }),
    reading({ at: 1_795_475_502_598, deviceAt: -5, index: 1 }),
    reading({ at: 10, deviceAt: null, value: "an", text: "größer" }),
    reading({ at: 100, unit: "µV", index: 2 }),
    reading({ at: 1000, value: null, text: "" }),
    reading({ at: 1000, index: 3, quality: ["valid", "early"], path: "1.2" }),
  ];
  const columns = decodeColumns(encodeItems(items));
  const digests = new ItemDigests(columns);
  eachItem(columns, (group, item) => {
    assert.equal(digests.at(group, item), itemDigest(items[item]!));
  });
});

test("lines of columns are the items as JSON with gateway and lane", () => {
  const source = fc.record({ gateway: fc.constantFrom("gw-1", "gw-2"), backlog: fc.boolean() });
  fc.assert(
    fc.property(anyItems, source, fc.boolean(), (items, from, isDerived) => {
      const bytes = encodeItems(items);
      const columns = decodeColumns(bytes);
      const made = decodeItems(bytes);
      const lines = new ItemLines(from, columns);
      eachItem(columns, (group, item) => {
        const line = lines.at(group, item, { isDerived, correctedMs: 0 });
        assert.equal(line, lineOf(made[item]!, from, isDerived));
      });
    }),
    { numRuns: 300 },
  );
});

function lineOf(
  item: Item,
  from: { gateway: string; backlog: boolean },
  isDerived: boolean,
): string {
  const more = isDerived ? { derived: true } : {};
  const lane = from.backlog ? "backlog" : "live";
  return `${JSON.stringify({ ...item, gateway: from.gateway, lane, ...more })}\n`;
}
