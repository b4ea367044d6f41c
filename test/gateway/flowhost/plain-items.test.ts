import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { WardError } from "../../../gateway/errors.ts";
import { PlainItems } from "../../../gateway/flowhost/plain-items.ts";
import type { Item, Quality } from "../../../gateway/reading.ts";
import { BatchWriter } from "../../../gateway/sealing/batch.ts";
import { decodeItems } from "../../../gateway/sealing/unbatch.ts";
import { anyItems, reading } from "../../fakes/sealing-kit.ts";

test("an item that gives something else each time it is looked at spoils no batch", () => {
  const fields: readonly (readonly [keyof Item | "value" | "quality" | "mdc", unknown])[] = [
    ["quality", ["bogus"]],
    ["quality", [{}]],
    ["value", { bogus: true }],
    ["mdc", -5],
    ["index", 77],
    ["take", 1.5],
    ["device", "bed-13/monitor"],
    ["kind", "waveform"],
  ];
  for (const [field, later] of fields) {
    for (let looks = 1; looks <= 8; looks += 1) {
      const batch = new BatchWriter();
      const plain = new PlainItems();
      const first = reading({ take: 1 });
      batch.add(plain.of(first));
      let added: Item | null = plain.of(changingItem(reading({ take: 2 }), field, later, looks));
      try {
        batch.add(added);
      } catch (error) {
        assert.ok(error instanceof WardError);
        added = null;
      }
      const last = reading({ take: 3 });
      batch.add(plain.of(last));
      const all = [first, ...(added === null ? [] : [added]), last];
      assert.deepEqual(decodeItems(batch.finish()), all, `${field}, after ${looks} looks`);
    }
  }
});

test("a list that changes on its own spoils no batch", () => {
  for (let looks = 0; looks <= 8; looks += 1) {
    const batch = new BatchWriter();
    const plain = new PlainItems();
    batch.add(plain.of(reading({ take: 1 })));
    try {
      batch.add(plain.of(reading({ take: 2, quality: changingList(looks) })));
    } catch (error) {
      assert.ok(error instanceof WardError);
    }
    batch.add(plain.of(reading({ take: 3 })));
    for (const item of decodeItems(batch.finish())) {
      assert.deepEqual(item.kind === "reading" && item.quality, ["valid"], `after ${looks} looks`);
    }
  }
});

test("a plain item is the item", () => {
  const plain = new PlainItems();
  fc.assert(
    fc.property(anyItems, (items) => {
      assert.deepEqual(
        items.map((item) => plain.of(item)),
        items,
      );
    }),
  );
});

/** An item one of whose fields is another one after some looks. */
function changingItem(item: Item, field: string, later: unknown, looks: number): Item {
  const before: unknown = Reflect.get(item, field);
  let looked = 0;
  return Object.defineProperty({ ...item }, field, {
    enumerable: true,
    get: () => {
      looked += 1;
      return looked > looks ? later : before;
    },
  });
}

/** A list whose entry is no word of quality after some looks. */
function changingList(looks: number): readonly Quality[] {
  let looked = 0;
  return new Proxy(["valid"] as const, {
    get: (list, name) => {
      looked += name === "0" ? 1 : 0;
      return name === "0" && looked > looks ? "bogus" : Reflect.get(list, name);
    },
  });
}
