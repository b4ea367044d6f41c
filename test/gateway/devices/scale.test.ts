import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { Scale } from "../../../gateway/devices/scale.ts";

function scaled(raw: number | bigint, numerator: number, denominator: number, offset = 0): string {
  return Scale.of(numerator, denominator, offset)!.text(raw);
}

test("powers of ten keep every digit of the device", () => {
  assert.equal(scaled(718, 1, 10), "71.8");
  assert.equal(scaled(700, 1, 10), "70.0");
  assert.equal(scaled(-123, 1, 10_000), "-0.0123");
  assert.equal(scaled(0, 1, 100), "0.00");
  assert.equal(scaled(45, 1, 1), "45");
  assert.equal(scaled(45, 100, 1), "4500");
  assert.equal(scaled(45, 5, 10), "22.5");
});

test("binary fractions are exact, without zeros at the end", () => {
  // APC: charge / 512, battery voltage / 32, load / 256.
  assert.equal(scaled(51_200, 1, 512), "100");
  assert.equal(scaled(880, 1, 32), "27.5");
  assert.equal(scaled(881, 1, 32), "27.53125");
  assert.equal(scaled(6349, 1, 256), "24.80078125");
  assert.equal(scaled(-1, 1, 128), "-0.0078125");
});

test("offsets are added exactly", () => {
  assert.equal(scaled(215, 1, 10, -40), "-18.5");
  assert.equal(scaled(400, 1, 10, -40), "0.0");
  assert.equal(scaled(1, 1, 10, 0.05), "0.15");
  assert.equal(scaled(3, 1, 1, -273.15), "-270.15");
});

test("large numbers lose nothing", () => {
  assert.equal(scaled(18_446_744_073_709_551_615n, 1, 1000), "18446744073709551.615");
  assert.equal(scaled(Number.MAX_SAFE_INTEGER, 1_000_000_000, 10), "900719925474099100000000.0");
});

test("decimals are scaled as they are written", () => {
  const tenth = Scale.of(1, 10)!;
  assert.equal(tenth.textOf("3.3"), "0.33");
  assert.equal(tenth.textOf("-1.5e-7"), "-0.000000015");
  assert.equal(tenth.textOf("2e21"), "200000000000000000000");
  assert.equal(Scale.of(9, 5, 32)!.textOf("36.6"), "97.88");
});

test("a ratio without a finite decimal is none", () => {
  for (const [numerator, denominator] of [
    [1, 3],
    [2, 7],
    [10, 6],
  ] as const) {
    assert.equal(Scale.of(numerator, denominator), null);
  }
  assert.equal(Scale.of(3, 6)?.text(5), "2.5");
  assert.equal(Scale.of(9, 5)?.isOne, false);
  assert.equal(Scale.of(1, 1)?.isOne, true);
});

test("any scaled value, as a fraction, is the exact one", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
      fc.integer({ min: -100_000, max: 100_000 }).filter((numerator) => numerator !== 0),
      fc
        .tuple(fc.nat({ max: 9 }), fc.nat({ max: 6 }))
        .map(([twos, fives]) => 2 ** twos * 5 ** fives),
      fc.integer({ min: -1_000_000, max: 1_000_000 }).map((thousandths) => thousandths / 1000),
      (raw, numerator, denominator, offset) => {
        const scale = Scale.of(numerator, denominator, offset)!;
        const text = scale.text(raw);
        const [whole = "", fraction = ""] = text.split(".");
        const found = BigInt(`${whole}${fraction}`) * BigInt(denominator) * 1000n;
        const wanted =
          (raw * BigInt(numerator) * 1000n +
            BigInt(Math.round(offset * 1000)) * BigInt(denominator)) *
          10n ** BigInt(fraction.length);
        assert.equal(found, wanted, text);
        // Numbers and big integers are calculated apart.
        const small = Number(raw % 100_000n);
        assert.equal(scale.text(small), scale.text(BigInt(small)));
        assert.equal(Number(scale.textOf(String(small))), Number(scale.text(small)));
      },
    ),
    { numRuns: 2000 },
  );
});
