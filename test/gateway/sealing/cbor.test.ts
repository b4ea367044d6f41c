import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import {
  CBOR_BYTES_MAX,
  decodeCbor,
  decodeTagged,
  encodeCbor,
  encodeTagged,
} from "../../../gateway/sealing/cbor.ts";
import type { CborValue } from "../../../gateway/sealing/cbor.ts";
import { wardCode } from "../../fakes/sealing-kit.ts";

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

const anyText = fc
  .string({ unit: "binary", maxLength: 20 })
  .filter((text) => text.isWellFormed() && !text.startsWith("\uFEFF"));
const anyLeaf = fc.oneof(
  fc.maxSafeInteger(),
  anyText,
  fc.boolean(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 40 }),
);
const anyValue: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    anyLeaf,
    fc.array(tie("value"), { maxLength: 5 }),
    fc
      .array(fc.tuple(fc.oneof(fc.integer(), anyText), tie("value")), { maxLength: 5 })
      .map((entries) => new Map(entries)),
  ),
})).value;

describe("the narrow CBOR", () => {
  test("reads what it writes", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const bytes = encodeCbor(value);
        assert.deepStrictEqual(encodeCbor(decodeCbor(bytes) as CborValue), bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test("writes the examples of RFC 8949 appendix A", () => {
    const examples: readonly (readonly [CborValue, string])[] = [
      [0, "00"],
      [23, "17"],
      [24, "1818"],
      [1000, "1903e8"],
      [1_000_000, "1a000f4240"],
      [1_000_000_000_000, "1b000000e8d4a51000"],
      [-1, "20"],
      [-1000, "3903e7"],
      [false, "f4"],
      [true, "f5"],
      [null, "f6"],
      [hex("01020304"), "4401020304"],
      ["IETF", "6449455446"],
      ["\u00fc", "62c3bc"],
      [[1, [2, 3], [4, 5]], "8301820203820405"],
      [
        new Map([
          [1, 2],
          [3, 4],
        ]),
        "a201020304",
      ],
    ];
    for (const [value, expected] of examples) {
      assert.equal(Buffer.from(encodeCbor(value)).toString("hex"), expected);
      assert.deepStrictEqual(decodeCbor(hex(expected)), value);
    }
  });

  test("sorts map keys by their bytes (RFC 8949 §4.2.1)", () => {
    const map = new Map<number | string, CborValue>([
      ["aa", 1],
      [100, 2],
      [-1, 3],
      [10, 4],
      ["b", 5],
    ]);
    assert.equal(Buffer.from(encodeCbor(map)).toString("hex"), "a50a04186402200361620562616101");
  });

  test("keeps one tag at the top, and only the one it is asked for", () => {
    for (const tag of [16, 18, 96]) {
      assert.deepStrictEqual(decodeTagged(tag, encodeTagged(tag, [1])), [1]);
      assert.equal(
        wardCode(() => decodeTagged(17, encodeTagged(tag, [1]))),
        "WARD_ENVELOPE",
      );
    }
    assert.deepStrictEqual([...encodeTagged(96, 0)], [0xd8, 0x60, 0]);
    assert.equal(
      wardCode(() => decodeTagged(18, hex("d81201"))),
      "WARD_ENVELOPE",
    );
  });
});

describe("what is not deterministic is refused", () => {
  const wrong: readonly [string, string][] = [
    ["an integer in more bytes than needed", "1817"],
    ["a length in more bytes than needed", "580101"],
    ["a tag inside", "81c101"],
    ["a float", "f93c00"],
    ["a double", "fb3ff199999999999a"],
    ["not a number", "f97e00"],
    ["undefined", "f7"],
    ["another simple value", "e0"],
    ["an indefinite array", "9f01ff"],
    ["an indefinite byte string", "5f4101ff"],
    ["a break", "ff"],
    ["keys out of order", "a203040102"],
    ["a key twice", "a201020103"],
    ["a key that is an array", "a18001"],
    ["a key that is bytes, twice", "a2410001410002"],
    ["text that is not UTF-8", "61ff"],
    ["text that begins with a byte order mark", "63efbbbf"],
    ["an integer past 2^53", "1b0020000000000001"],
    ["bytes after the end", "0000"],
    ["nothing", ""],
    ["an array cut off", "8201"],
    ["a huge length", "5b7fffffffffffffff00"],
    ["a huge array", "9b7fffffffffffffff00"],
    ["an array of 2^32", "9affffffff00"],
  ];
  for (const [what, bytes] of wrong) {
    test(what, () => {
      assert.equal(
        wardCode(() => decodeCbor(hex(bytes))),
        "WARD_ENVELOPE",
      );
    });
  }

  test("nesting, items and bytes without end", () => {
    assert.deepStrictEqual(decodeCbor(hex(`${"81".repeat(8)}00`)), [[[[[[[[0]]]]]]]]);
    assert.equal(
      wardCode(() => decodeCbor(hex(`${"81".repeat(9)}00`))),
      "WARD_ENVELOPE",
    );
    assert.equal(
      wardCode(() => decodeCbor(Buffer.alloc(200_000, 0x81))),
      "WARD_ENVELOPE",
    );
    const many = Buffer.concat([hex("9a00010000"), Buffer.alloc(65_536)]);
    assert.equal(
      wardCode(() => decodeCbor(many)),
      "WARD_ENVELOPE",
    );
    assert.equal(
      wardCode(() => decodeCbor(Buffer.alloc(CBOR_BYTES_MAX + 1))),
      "WARD_ENVELOPE",
    );
  });

  test("random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        let value: unknown;
        try {
          value = decodeCbor(bytes);
        } catch {
          assert.equal(
            wardCode(() => decodeCbor(bytes)),
            "WARD_ENVELOPE",
          );
          return;
        }
        assert.deepStrictEqual(encodeCbor(value as CborValue), bytes);
      }),
      { numRuns: 5000 },
    );
  });

  test("values that it could not give back", () => {
    const deep = [[[[[[[[[[0]]]]]]]]]];
    for (const value of [1.5, -0, Number.NaN, 2 ** 53, "\ud800", "\uFEFF", deep]) {
      assert.equal(
        wardCode(() => encodeCbor(value)),
        "WARD_ENVELOPE",
      );
    }
  });
});
