import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";

import * as fc from "fast-check";

import { digestOf, itemDigest } from "../../gateway/digest.ts";
import type { Quality, Reading } from "../../gateway/reading.ts";
import { QUALITIES } from "../../gateway/reading.ts";

const READING: Reading = {
  kind: "reading",
  device: "bed-1/monitor",
  boot: "0123456789abcdef",
  take: 7,
  index: 2,
  code: "MDC_PULS_OXIM_SAT_O2",
  mdc: 150_456,
  value: 97,
  text: "097",
  unit: "%",
  at: 1_795_475_502_598,
  clock: "synchronised",
  deviceAt: null,
  quality: ["valid"],
  path: "MDS.VMD.CHAN.METRIC",
};

test("a reading's digest is the CRC-32 of its fields as text", () => {
  const text = "2|MDC_PULS_OXIM_SAT_O2|97|097|%|1795475502598|null|valid|MDS.VMD.CHAN.METRIC";
  assert.equal(itemDigest(READING), crc32(text));
  assert.equal(digestOf([READING, READING]), 0);
});

test("whatever the fields hold, the digest is that of their text", () => {
  const text = fc.string({ unit: "binary", maxLength: 20 });
  const fields = fc.record({
    index: fc.integer({ min: 0, max: 49 }),
    code: text,
    value: fc.oneof(fc.double(), fc.integer(), text, fc.constant(null)),
    text,
    unit: text,
    at: fc.integer({ min: 0, max: 2 ** 52 }),
    deviceAt: fc.option(fc.double()),
    quality: fc.array(fc.constantFrom<Quality>(...QUALITIES), { maxLength: 3 }),
    path: text,
  });
  fc.assert(
    fc.property(fields, (given) => {
      const { index, code, value, unit, at, deviceAt, quality, path } = given;
      const whole = `${index}|${code}|${value}|${given.text}|${unit}|${at}|${deviceAt}|${quality.join(" ")}|${path}`;
      assert.equal(itemDigest({ ...READING, ...given }), crc32(whole));
    }),
    { numRuns: 2000 },
  );
});
