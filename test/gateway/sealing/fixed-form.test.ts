import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import { decodeCbor, encodeCbor } from "../../../gateway/sealing/cbor.ts";
import { FixedForm, headOf } from "../../../gateway/sealing/fixed-form.ts";
import { wardCode } from "../../fakes/sealing-kit.ts";

const anyUint = fc.oneof(
  fc.constantFrom(
    0,
    23,
    24,
    255,
    256,
    65_535,
    65_536,
    2 ** 32 - 1,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
  ),
  fc.maxSafeNat(),
);
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(23, 24, 255, 256, 65_535, 65_536).map((length) => new Uint8Array(length)),
);

describe("a structure that is read front to back", () => {
  test("gives what any CBOR reader gives", () => {
    fc.assert(
      fc.property(
        anyUint,
        anyBytes,
        fc.stringMatching(/^[a-z0-9-]{0,64}$/),
        (uint, bytes, text) => {
          const form = new FixedForm(Buffer.concat([uint, bytes, text, null].map(encodeCbor)));
          assert.equal(form.uint("number", Number.MAX_SAFE_INTEGER), uint);
          assert.deepEqual(Buffer.from(form.bytes("bytes", 0, 70_000)), Buffer.from(bytes));
          assert.equal(form.text("text", 64), text);
          assert.equal(form.bytesOrNull("bytes", 32), null);
          form.end();
        },
      ),
    );
  });

  test("takes no number that any CBOR reader would refuse", () => {
    const wide = fc.uint8Array({ minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(wide, (bytes) => {
        const form = new FixedForm(bytes);
        let value: number | null = null;
        try {
          value = form.uint("number", Number.MAX_SAFE_INTEGER);
          form.end();
        } catch (error) {
          assert.equal((error as { code?: string }).code, "WARD_ENVELOPE");
          return;
        }
        assert.equal(decodeCbor(bytes), value);
      }),
      { numRuns: 2000 },
    );
  });

  test("refuses what is too large, too short, cut off, not ASCII, or left over", () => {
    const cases: [Uint8Array, (form: FixedForm) => unknown][] = [
      [encodeCbor(7), (form) => form.uint("number", 6)],
      [encodeCbor(-1), (form) => form.uint("number", 6)],
      [Uint8Array.of(0x18, 7), (form) => form.uint("number", 100)],
      [Uint8Array.of(0x1c), (form) => form.uint("number", 100)],
      [Uint8Array.of(0x1f), (form) => form.uint("number", 100)],
      [Uint8Array.of(0x19, 1), (form) => form.uint("number", 1000)],
      [encodeCbor(new Uint8Array(3)), (form) => form.bytes("bytes", 4)],
      [encodeCbor(new Uint8Array(3)), (form) => form.bytes("bytes", 2)],
      [encodeCbor(new Uint8Array(3)).subarray(0, 2), (form) => form.bytes("bytes", 3)],
      [encodeCbor("größe"), (form) => form.text("text", 64)],
      [encodeCbor("long"), (form) => form.text("text", 3)],
      [encodeCbor(null), (form) => form.bytes("bytes", 0)],
      [Uint8Array.of(1, 2), (form) => form.literal(Uint8Array.of(1, 3), "head")],
      [new Uint8Array(), (form) => form.uint("number", 1)],
      [encodeCbor(1), (form) => form.end()],
    ];
    for (const [bytes, read] of cases) {
      assert.equal(
        wardCode(() => read(new FixedForm(bytes))),
        "WARD_ENVELOPE",
      );
    }
  });

  test("heads are the ones that CBOR has", () => {
    for (const length of [0, 1, 23, 24, 255, 256, 65_535, 65_536, 1_000_000]) {
      const head = headOf("bytes", length);
      const whole = encodeCbor(new Uint8Array(length));
      assert.deepEqual(Buffer.from(whole.subarray(0, head.length)), Buffer.from(head));
      assert.equal(whole.length, head.length + length);
    }
    assert.deepEqual([...headOf("array", 4), ...headOf("text", 10)], [0x84, 0x6a]);
  });
});
