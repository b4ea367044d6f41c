import assert from "node:assert/strict";
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { derChildren, readDer, writeSignature } from "../../../gateway/identity/der.ts";

test("a signature in two halves becomes two DER integers, as short as can be and never negative", () => {
  const half = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const small = fc.nat({ max: 31 }).map((at) => new Uint8Array(32).fill(0xff, at));
  fc.assert(
    fc.property(fc.oneof(half, small), fc.oneof(half, small), (r, s) => {
      const numbers = derChildren(readDer(writeSignature(Buffer.concat([r, s]))));
      const values = numbers.map(({ content }) =>
        BigInt(`0x${Buffer.from(content).toString("hex")}`),
      );
      assert.deepEqual(
        values,
        [r, s].map((bytes) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`)),
      );
      for (const { content } of numbers) {
        assert.ok((content[0] ?? 0xff) < 0x80);
        assert.ok(content.length === 1 || content[0] !== 0 || (content[1] ?? 0) >= 0x80);
      }
    }),
  );
});

test("OpenSSL believes it", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  for (let n = 0; n < 300; n += 1) {
    const data = Buffer.from(String(n));
    const raw = sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" });
    assert.ok(verify("sha256", data, publicKey, writeSignature(raw)));
  }
});
