import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import {
  type HighWaterMark,
  type MarkKeys,
  readMark,
  writeMark,
} from "../../../gateway/bundles/mark.ts";

/** The high-water mark with a counter that only goes up; the real one is in test/system/tpm.test.ts. */

const root = mkdtempSync(join(tmpdir(), "ward-mark-"));
after(() => rmSync(root, { recursive: true }));
const MARK: HighWaterMark = {
  channel: "icu",
  version: 1,
  sha256: "0".repeat(64),
  rootVersion: 1,
  floor: 1,
};

function gateway(name: string): { readonly directory: string; readonly keys: MarkKeys } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  let value = 41;
  const counter = { start: value, read: () => value, increment: () => void (value += 1) };
  const directory = mkdtempSync(join(root, name));
  return { directory, keys: { signing: privateKey, verifying: publicKey, counter } };
}

test("a mark that was set back, taken away or made by somebody else is found", () => {
  const { directory, keys } = gateway("a");
  const file = join(directory, "mark.cose");
  assert.equal(readMark(directory, keys), null);
  for (const version of [1, 2, 3]) {
    writeMark(directory, { ...MARK, version }, keys);
    assert.equal(readMark(directory, keys)?.version, version);
    cpSync(file, join(directory, `v${version}`));
  }
  const setBack = { code: "WARD_BUNDLE_MARK", message: /counted to 44, and mark\.cose to 42/ };
  cpSync(join(directory, "v1"), file);
  assert.throws(() => readMark(directory, keys), setBack);
  rmSync(file);
  assert.throws(() => readMark(directory, keys), { code: "WARD_BUNDLE_MARK" });
  const other = gateway("b");
  cpSync(join(directory, "v3"), file);
  const stolen = { ...keys, verifying: other.keys.verifying };
  assert.throws(() => readMark(directory, stolen), { code: "WARD_BUNDLE_MARK" });
  assert.equal(readMark(directory, keys)?.version, 3);
});

test("a power cut between mark and counter costs nothing, and lets nothing be set back", () => {
  const { directory, keys } = gateway("c");
  writeMark(directory, MARK, keys);
  const file = join(directory, "mark.cose");
  cpSync(file, join(directory, "v1"));
  const cut = (): never => {
    throw new Error("power cut");
  };
  const { counter } = keys;
  assert.ok(counter !== null);
  const cutOff = { ...keys, counter: { ...counter, increment: cut } };
  assert.throws(() => writeMark(directory, { ...MARK, version: 2 }, cutOff), /power cut/);
  assert.equal(readMark(directory, keys)?.version, 2);
  cpSync(join(directory, "v1"), file);
  assert.throws(() => readMark(directory, keys), { code: "WARD_BUNDLE_MARK" });
});

test("a mark of before there was a counter counts with a counter that has not moved", () => {
  const { directory, keys } = gateway("d");
  writeMark(directory, MARK, { ...keys, counter: null });
  assert.equal(readMark(directory, { ...keys, counter: null })?.version, 1);
  assert.equal(readMark(directory, keys)?.version, 1);
  writeMark(directory, { ...MARK, version: 2 }, keys);
  assert.equal(readMark(directory, keys)?.version, 2);
  writeMark(directory, MARK, { ...keys, counter: null });
  assert.throws(() => readMark(directory, keys), { code: "WARD_BUNDLE_MARK" });
});
