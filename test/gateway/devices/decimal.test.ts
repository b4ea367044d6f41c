import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { decimalText, signed16, singleOf, singleText } from "../../../gateway/devices/decimal.ts";

test("a count and its places give the exact decimal", () => {
  assert.equal(decimalText(-123, 4), "-0.0123");
  assert.equal(decimalText(0, 4), "0.0000");
  assert.equal(decimalText(7, 1), "0.7");
  assert.equal(decimalText(-32_768, 5), "-0.32768");
  assert.equal(decimalText(124, 0), "124");
  fc.assert(
    fc.property(
      fc.integer({ min: -32_768, max: 65_535 }),
      fc.integer({ min: 0, max: 6 }),
      (count, places) => {
        const text = decimalText(count, places);
        assert.match(text, places === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+\\.\\d{${places}}$`));
        assert.equal(BigInt(text.replace(".", "")), BigInt(count));
      },
    ),
  );
});

test("a single is written with as few digits as tell it apart", () => {
  assert.equal(singleText(Math.fround(0.1)), "0.1");
  assert.equal(singleText(Math.fround(230.4)), "230.4");
  assert.equal(singleText(Math.fround(16_777_217)), "16777216");
  assert.equal(singleText(0), "0");
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      assert.equal(Math.fround(Number(singleText(value))) + 0, value + 0);
    }),
    { numRuns: 2000 },
  );
});

test("words become singles and signed integers", () => {
  assert.equal(singleOf(0x4366, 0x6666), Math.fround(230.4));
  assert.ok(Number.isNaN(singleOf(0x7fc0, 0)));
  assert.equal(signed16(0xffff), -1);
  assert.equal(signed16(0x7fff), 32_767);
});
