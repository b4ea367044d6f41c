import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { isTss2Key, readTss2Key, writeTss2Key } from "../../../gateway/tpm/tss2-key.ts";

/** Made by openssl genpkey with tpm2-openssl 1.1.1 in swtpm: a P-256 key under 0x81010001. */
const THEIRS = `-----BEGIN TSS2 PRIVATE KEY-----
MIHxBgZngQUKAQOgAwEBAQIFAIEBAAEEWABWACMACwAGAHIAAAAQABAAAwAQACCy
GrZKtiiwNaykWZhIE+x9aXSEoOFIxwDwS5EoSygLZwAgjj2Bsb6cSQ5mzC8G7Kll
FgS8QdsTgmKistQjJRk9tWkEgYAAfgAgxSfXjM4mCpn5tfszNc7iuyabLcIAzQ8g
XvFvHp1lQxoAEBjFYPK5K+8ypuhj2F/sqbHtAbVJ8XqXbHDJrrLwA14KYSNVsw4K
b+JS4r0W0XgNwtVRvPoYpBloNnHZq0KbmN1iXLQbi4woxh2fPHJwQ51Bq2dgkRvU
f9NJKg==
-----END TSS2 PRIVATE KEY-----
`;

test("a key that openssl has written is read, and ours is written in the same way", () => {
  assert.ok(isTss2Key(THEIRS));
  const { parent, blob, publicKey } = readTss2Key(THEIRS);
  assert.equal(parent, 0x8101_0001);
  const { crv, x } = publicKey.export({ format: "jwk" });
  assert.equal(crv, "P-256");
  assert.equal(
    Buffer.from(x ?? "", "base64url").toString("hex"),
    "b21ab64ab628b035aca459984813ec7d697484a0e148c700f04b91284b280b67",
  );
  const ours = writeTss2Key(parent, blob);
  // ASN.1 has two bytes for true: they write 01, DER says ff.
  const bytes = (pem: string): string =>
    Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64").toString("hex");
  assert.equal(bytes(ours).replace("a0030101ff", "a003010101"), bytes(THEIRS));
  assert.deepEqual(readTss2Key(ours).blob, blob);
});

test("what is damaged or something else is refused", () => {
  const refused = { code: "WARD_KEY" };
  for (const text of ["", THEIRS.slice(0, 200), THEIRS.replace("MIHx", "MIHy")]) {
    assert.throws(() => readTss2Key(text), refused);
  }
  fc.assert(
    fc.property(fc.nat({ max: 240 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(THEIRS.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
      bytes.writeUInt8(bytes.readUInt8(at) ^ change, at);
      const pem = `-----BEGIN TSS2 PRIVATE KEY-----\n${bytes.toString("base64")}\n-----END TSS2 PRIVATE KEY-----\n`;
      try {
        readTss2Key(pem);
      } catch (error) {
        assert.equal(Reflect.get(Object(error), "code"), "WARD_KEY");
      }
    }),
  );
});
