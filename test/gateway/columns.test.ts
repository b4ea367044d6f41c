import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { ColumnReader, ColumnWriter } from "../../gateway/columns.ts";
import { wardCode } from "../fakes/sealing-kit.ts";

const MAX = Number.MAX_SAFE_INTEGER;

function written(write: (writer: ColumnWriter) => void): number[] {
  const writer = new ColumnWriter();
  write(writer);
  return [...writer.finish()];
}

function reader(...bytes: readonly number[]): ColumnReader {
  return new ColumnReader(Uint8Array.from(bytes));
}

describe("variable-length integers", () => {
  test("have the bytes that README.md says", () => {
    const uints: readonly (readonly [number, number[]])[] = [
      [0, [0]],
      [127, [0x7f]],
      [128, [0x80, 0x01]],
      [300, [0xac, 0x02]],
      [MAX, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ];
    for (const [value, bytes] of uints) {
      assert.deepEqual(
        written((writer) => writer.uint(value)),
        bytes,
      );
      assert.equal(reader(...bytes).uint("number", MAX), value);
    }
    const sints: readonly (readonly [number, number[]])[] = [
      [0, [0]],
      [-0, [0]],
      [1, [2]],
      [-1, [3]],
      [63, [0x7e]],
      [-64, [0x81, 0x01]],
      [MAX, [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]],
      [-MAX, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]],
    ];
    for (const [value, bytes] of sints) {
      assert.deepEqual(
        written((writer) => writer.sint(value)),
        bytes,
      );
      assert.equal(reader(...bytes).sint("number", MAX), value + 0);
    }
  });

  test("come back", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeNat(), (signed, unsigned) => {
        const bytes = written((writer) => {
          writer.sint(signed);
          writer.uint(unsigned);
        });
        const from = reader(...bytes);
        assert.equal(from.sint("number", MAX), signed);
        assert.equal(from.uint("number", MAX), unsigned);
        from.end();
      }),
    );
  });

  test("have one form each", () => {
    for (const bytes of [
      [],
      [0x80],
      [0x80, 0x00],
      [0xff, 0x80, 0x00],
      Array.from({ length: 9 }, () => 0x80),
    ]) {
      assert.equal(
        wardCode(() => reader(...bytes).uint("number", MAX)),
        "WARD_OPEN",
      );
      assert.equal(
        wardCode(() => reader(...bytes).sint("number", MAX)),
        "WARD_OPEN",
      );
    }
    const tooLarge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    assert.equal(
      wardCode(() => reader(...tooLarge).uint("number", MAX)),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => reader(1).sint("number", MAX)),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => reader(2).uint("number", 1)),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => reader(4).sint("number", 1)),
      "WARD_OPEN",
    );
  });
});

describe("a column", () => {
  test("grows, and begins anew", () => {
    const writer = new ColumnWriter();
    const large = new Uint8Array(10_000).fill(7);
    writer.byte(1);
    writer.raw(large);
    writer.float64(0.1);
    writer.uint32(0xdeadbeef);
    const from = new ColumnReader(Uint8Array.from(writer.finish()));
    assert.equal(from.byte("byte", 1), 1);
    assert.deepEqual(from.raw("bytes", 10_000), large);
    assert.equal(from.float64("double"), 0.1);
    assert.equal(from.uint32("digest"), 0xdeadbeef);
    from.end();
    writer.clear();
    assert.equal(writer.finish().length, 0);
  });

  test("ends where its bytes end", () => {
    assert.equal(
      wardCode(() => reader(1, 2).raw("bytes", 3)),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => reader().byte("byte", 255)),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => reader(2).byte("byte", 1)),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => reader(1).end()),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => reader(5, 0).count("things", 10)),
      "WARD_OPEN",
    );
  });

  test("has only finite doubles", () => {
    const bytes = written((writer) => writer.float64(Number.POSITIVE_INFINITY));
    assert.equal(
      wardCode(() => reader(...bytes).float64("double")),
      "WARD_OPEN",
    );
  });
});
