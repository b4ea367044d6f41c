import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import * as fc from "fast-check";

import { Vault } from "../../../gateway/keeper/vault.ts";

/** Documents in memory, and what the vault said. */
function makeVault(t: TestContext): {
  open: (gateway?: string) => Vault;
  rows: Map<string, Uint8Array>;
  damaged: string[];
  keyFile: string;
} {
  const directory = mkdtempSync(join(tmpdir(), "wardgate-vault-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const rows = new Map<string, Uint8Array>();
  const damaged: string[] = [];
  const keyFile = join(directory, "vault.key");
  const documents = {
    readDocument: async (name: string) => rows.get(name) ?? null,
    writeDocument: async (name: string, bytes: Uint8Array) => void rows.set(name, bytes),
  };
  const open = (gateway = "gw-1"): Vault =>
    Vault.open({ keyFile, gateway, documents, damaged: (name) => damaged.push(name) });
  return { open, rows, damaged, keyFile };
}

test("a document comes back as it was, also with a vault opened anew", async (t) => {
  const { open, damaged, keyFile } = makeVault(t);
  const vault = open();
  assert.equal(await vault.read("flows"), null);
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme", maxLength: 200 }), async (text) => {
      await vault.write("flows", text);
      assert.equal(await open().read("flows"), text);
    }),
    { numRuns: 30 },
  );
  assert.deepEqual(damaged, []);
  assert.equal(statSync(keyFile).mode & 0o777, 0o600);
});

test("nothing of a document lies in clear, and the same text never looks the same", async (t) => {
  const { open, rows } = makeVault(t);
  const vault = open();
  await vault.write("credentials", "the secret of bed-12");
  const first = rows.get("credentials")!;
  await vault.write("credentials", "the secret of bed-12");
  assert.notDeepEqual(rows.get("credentials"), first);
  assert.ok(!Buffer.from(first).includes("secret"));
});

test("changed bytes, another name, another gateway or another key: the document counts as absent", async (t) => {
  const { open, rows, damaged, keyFile } = makeVault(t);
  await open().write("flows", "[]");
  const good = rows.get("flows")!;
  for (let at = 0; at < good.length; at += 1) {
    const changed = Uint8Array.from(good);
    changed[at]! ^= 1;
    rows.set("flows", changed);
    assert.equal(await open().read("flows"), null);
  }
  rows.set("flows", good);
  rows.set("settings", good);
  assert.equal(await open().read("settings"), null);
  assert.equal(await open("gw-2").read("flows"), null);
  assert.equal(await open().read("flows"), "[]");
  rmSync(keyFile);
  assert.equal(await open().read("flows"), null);
  assert.equal(damaged.length, good.length + 3);
});

test("a key file that is none is said, not replaced", (t) => {
  const { open, keyFile } = makeVault(t);
  writeFileSync(keyFile, "short");
  assert.throws(() => open(), { code: "WARD_VAULT_KEY" });
  assert.equal(readFileSync(keyFile, "utf8"), "short");
});
