import assert from "node:assert/strict";
import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  sign,
} from "node:crypto";
import { describe, test } from "node:test";

import { encodeCbor, encodeTagged } from "../../../gateway/sealing/cbor.ts";
import {
  encStructure,
  gcmDecrypt,
  makeEncrypt0,
  makeSign1,
  openEncrypt0,
  readEncrypt0,
  readSign1,
  verifySign1,
} from "../../../gateway/sealing/cose.ts";
import { deriveWrapKey, unwrapKey, wrapKey } from "../../../gateway/sealing/wrap.ts";
import { fixedKey, flips, signingKeys, wardCode } from "../../fakes/sealing-kit.ts";

// Known answers: github.com/cose-wg/Examples, in the public domain; each test names the file.
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const base64url = (text: string): string => Buffer.from(text, "hex").toString("base64url");
const CONTENT = Buffer.from("This is the content.");
const NOTHING = new Uint8Array();

const ed25519 = createPublicKey({
  key: {
    kty: "OKP",
    crv: "Ed25519",
    x: base64url("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
  },
  format: "jwk",
});
const p256 = createPublicKey({
  key: {
    kty: "EC",
    crv: "P-256",
    x: "usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8",
    y: "IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4",
  },
  format: "jwk",
});

describe("COSE_Sign1", () => {
  const eddsa = hex(
    "d28445a201270300a10442313154546869732069732074686520636f6e74656e742e58407142fd2ff96d56db85bee905a76ba1d0b7321a95c8c4d3607c5781932b7afb8711497dfa751bf40b58b3bcc32300b1487f3db34085eef013bf08f4a44d6fef0d",
  );
  const es256 = hex(
    "d28443a10126a10442313154546869732069732074686520636f6e74656e742e584010729cd711cb3813d8d8e944a8da7111e7b258c9bdca6135f7ae1adbee9509891267837e1e33bd36c150326ae62755c6bd8e540c3e8f92d7d225e8db72b8820b",
  );
  const external = hex("11aa22bb33cc44dd55006699");

  test("verifies eddsa-sig-01", () => {
    const parts = readSign1(eddsa);
    assert.deepEqual(Buffer.from(parts.payload), CONTENT);
    assert.equal(verifySign1(parts, ed25519, NOTHING), true);
    assert.equal(verifySign1(parts, ed25519, "other"), false);
  });

  test("verifies sign1-tests/sign-pass-02 with its external data, and not without", () => {
    const parts = readSign1(es256);
    assert.equal(verifySign1(parts, p256, external), true);
    assert.equal(verifySign1(parts, p256, NOTHING), false);
  });

  test("refuses sign-fail-01 (wrong tag) and sign-fail-02 (changed payload)", () => {
    const tail = Buffer.from(es256.subarray(1)).toString("hex");
    assert.equal(
      wardCode(() => readSign1(hex(`d903e6${tail}`))),
      "WARD_ENVELOPE",
    );
    const changed = readSign1(hex(`d2${tail.replace("742e5840", "742f5840")}`));
    assert.equal(verifySign1(changed, p256, external), false);
  });

  test("makes the signature of eddsa-sig-01 again", () => {
    const key = createPrivateKey({
      key: {
        kty: "OKP",
        crv: "Ed25519",
        x: ed25519.export({ format: "jwk" }).x ?? "",
        d: base64url("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
      },
      format: "jwk",
    });
    const made = readSign1(
      makeSign1({ headers: new Map([[3, 0]]), payload: CONTENT, key, context: NOTHING }),
    );
    assert.deepEqual(made.signature, readSign1(eddsa).signature);
  });

  test("accepts no bit flip", () => {
    const { publicKey, privateKey } = signingKeys();
    const headers = new Map([[4, hex("0102")]]);
    const bytes = makeSign1({ headers, payload: CONTENT, key: privateKey, context: "test" });
    assert.equal(verifySign1(readSign1(bytes), publicKey, "test"), true);
    for (const changed of flips(bytes)) {
      let isAccepted = false;
      try {
        isAccepted = verifySign1(readSign1(changed), publicKey, "test");
      } catch {
        assert.equal(
          wardCode(() => readSign1(changed)),
          "WARD_ENVELOPE",
        );
      }
      assert.equal(isAccepted, false);
    }
  });

  test("goes by the key's one algorithm, not by what the header asks for", () => {
    const { privateKey } = signingKeys();
    const parts = readSign1(
      makeSign1({ headers: new Map(), payload: CONTENT, key: privateKey, context: "test" }),
    );
    assert.equal(verifySign1(parts, p256, "test"), false);
    assert.equal(verifySign1(parts, fixedKey(1), "test"), false);
    const lying = encodeCbor(new Map([[1, -7]]));
    const data = encodeCbor(["Signature1", lying, NOTHING, new Uint8Array(CONTENT)]);
    const signature = new Uint8Array(sign(null, data, privateKey));
    const claim = readSign1(
      encodeTagged(18, [lying, new Map(), new Uint8Array(CONTENT), signature]),
    );
    assert.equal(verifySign1(claim, createPublicKey(privateKey), NOTHING), false);
    const secret = fixedKey(1);
    assert.throws(
      () => makeSign1({ headers: new Map(), payload: CONTENT, key: secret, context: "test" }),
      TypeError,
    );
  });
});

describe("COSE_Encrypt0", () => {
  test("opens aes-gcm-enc-03", () => {
    const parts = readEncrypt0(
      hex(
        "d08343a10103a1054c02d1f7e6f26c43d4868d87ce58249d64a5a59a3b04867dccf6b8ef82f7d1a3b25ef84eca2bc5d7593a96e943859a9cc24ad3",
      ),
    );
    const key = createSecretKey(
      hex("0f1e2d3c4b5a69788796a5b4c3d2e1f01f2e3d4c5b6a798897a6b5c4d3e2f100"),
    );
    const iv = parts.unprotected.get(5);
    assert.ok(iv instanceof Uint8Array);
    assert.deepEqual(
      Buffer.from(encStructure("Encrypt0", parts.protectedBytes, NOTHING)),
      Buffer.from("8368456e63727970743043a1010340", "hex"),
    );
    assert.deepEqual(Buffer.from(openEncrypt0(parts, key, iv, NOTHING)), CONTENT);
  });

  test("accepts no bit flip, no other key, no other context", () => {
    const key = fixedKey(7);
    const iv = new Uint8Array(12);
    const headers = new Map([[4, hex("01")]]);
    const bytes = makeEncrypt0({ headers, plaintext: CONTENT, key, iv, context: "test" });
    const parts = readEncrypt0(bytes);
    assert.deepEqual(Buffer.from(openEncrypt0(parts, key, iv, "test")), CONTENT);
    assert.equal(
      wardCode(() => openEncrypt0(parts, fixedKey(8), iv, "test")),
      "WARD_OPEN",
    );
    assert.equal(
      wardCode(() => openEncrypt0(parts, key, iv, "other")),
      "WARD_OPEN",
    );
    const unprotected = bytes.indexOf(0xa0);
    for (const changed of flips(bytes)) {
      // The unprotected header is not authenticated; its readers demand that it is empty.
      if (changed[unprotected] === 0xa0) {
        const code = wardCode(() => openEncrypt0(readEncrypt0(changed), key, iv, "test"));
        assert.match(code, /^WARD_(ENVELOPE|OPEN)$/);
      }
    }
  });
});

describe("ECDH-ES + A256KW", () => {
  // ecdh-wrap-examples/p256-wrap-256-02
  const protectedBytes = hex("a101381e");
  const secret = hex("f96ce131792f76977ff6f437ee823ef344ca00cb0a72fcffd90c7afb50c1aa7d");
  const kek = "9252efa4a271f4fc41eae57eccff748e8c83a6264ff519c782233ef895712291";
  const cek = "b2353161740aacf1f7163647984b522a848df1c3c9cf4df2fe6c632bf7886413";
  const wrapped =
    "9f7ff60d7189124425a470e48ff66a00b6e3d013b07c2428f2c29ecb6e605dbbadc3ea91ab671e59";

  test("agrees on the shared secret", () => {
    const privateKey = createPrivateKey({
      key: {
        kty: "EC",
        crv: "P-256",
        x: "Ze2loSV3wrroKUN_4zhwGhCqo3Xhu1td4QjeQ5wIVR0",
        y: "HlLtdXARY_f55A3fnzQbPcm6hgr34Mp8p-nuzQCE0Zw",
        d: "r_kHyZ-a06rmxM3yESK84r1otSg-aQcVStkRhA-iCM8",
      },
      format: "jwk",
    });
    const publicKey = createPublicKey({
      key: {
        kty: "EC",
        crv: "P-256",
        x: base64url("687312aa4e2112cb2a06721f984788d3d1e235f64f48cebbc81cb19e11d3f8e1"),
        y: base64url("c31c514ccb8af91800dd519ada41cf6b03ecdfb212fdb34d371d536c7419acc4"),
      },
      format: "jwk",
    });
    assert.deepEqual(diffieHellman({ privateKey, publicKey }), Buffer.from(secret));
  });

  test("derives the wrapping key from COSE_KDF_Context", () => {
    assert.equal(deriveWrapKey(secret, protectedBytes).export().toString("hex"), kek);
  });

  test("wraps and unwraps the content key", () => {
    const key = createSecretKey(hex(kek));
    assert.equal(Buffer.from(unwrapKey(key, hex(wrapped))).toString("hex"), cek);
    assert.equal(Buffer.from(wrapKey(key, hex(cek))).toString("hex"), wrapped);
    assert.equal(
      wardCode(() => unwrapKey(fixedKey(1), hex(wrapped))),
      "WARD_OPEN",
    );
  });

  test("opens the content", () => {
    const aad = encStructure("Encrypt", hex("a10103"), NOTHING);
    const ciphertext = hex(
      "256b748deb647131c12a10ac261da0628e420492a36f3ded8642b4b6fa1eb15dcec80a0f",
    );
    const iv = hex("02d1f7e6f26c43d4868d87ce");
    const content = gcmDecrypt(createSecretKey(hex(cek)), iv, aad, ciphertext);
    assert.deepEqual(Buffer.from(content), CONTENT);
  });
});
