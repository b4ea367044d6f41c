import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";

import { isLockedKey, lockKey, unlockKey } from "../../provisioning/passphrase-key.ts";

const PASSPHRASE = "a long enough passphrase";

test("a locked key opens with its passphrase and with no other; nothing in its file can be changed", () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const text = lockKey(privateKey, PASSPHRASE);
  assert.ok(isLockedKey(text));
  assert.ok(unlockKey(text, PASSPHRASE).equals(privateKey));
  assert.ok(!text.includes("PRIVATE"));
  assert.throws(() => unlockKey(text, `${PASSPHRASE}.`), { code: "WARD_PASSPHRASE" });
  const fewer = text.replace('"passes": 3', '"passes": 2');
  assert.notEqual(fewer, text);
  assert.throws(() => unlockKey(fewer, PASSPHRASE), { code: "WARD_PASSPHRASE" });
});

test("a short passphrase, a costly file and anything else are refused without work", () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  assert.throws(() => lockKey(privateKey, "short"), { code: "WARD_PASSPHRASE" });
  const head = {
    format: "wardgate-locked-key/1",
    kdf: "argon2id",
    memoryKib: 65_536,
    passes: 3,
    lanes: 4,
    salt: "AAAAAAAAAAAAAAAAAAAAAA==",
    iv: "AAAAAAAAAAAAAAAA",
    key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
  };
  assert.ok(isLockedKey(JSON.stringify(head)));
  for (const change of [
    { memoryKib: 2 ** 30 },
    { passes: 1000 },
    { lanes: 0 },
    { lanes: 255 },
    { salt: "" },
    { iv: "!" },
    { key: 7 },
    { kdf: "none" },
  ]) {
    const text = JSON.stringify({ ...head, ...change });
    assert.ok(!isLockedKey(text), text);
    assert.throws(() => unlockKey(text, PASSPHRASE), { code: "WARD_PASSPHRASE" });
  }
  for (const text of ["", "null", "[]", "{", "x".repeat(20_000)]) {
    assert.throws(() => unlockKey(text, PASSPHRASE), { code: "WARD_PASSPHRASE" });
  }
});
