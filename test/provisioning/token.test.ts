import assert from "node:assert/strict";
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  X509Certificate,
} from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { createIssuing, createRoot, issueGateway } from "../../provisioning/ca.ts";
import { newIssuerKey, type IssuerKey } from "../../provisioning/issuer-key.ts";
import { isTokenFile, parseTokenUri, TokenKey } from "../../provisioning/token.ts";

/** Keys that are elsewhere; with a real token, see test/system/token.test.ts. */

test("a token is named as RFC 7512 names it, and only so", () => {
  const place = parseTokenUri("pkcs11:token=ward%20ca?module-path=/usr/lib/softhsm/libsofthsm2.so");
  assert.deepEqual(place, { label: "ward ca", module: "/usr/lib/softhsm/libsofthsm2.so" });
  for (const uri of [
    "",
    "pkcs11:token=x",
    "pkcs11:token=x?module-path=relative.so",
    "pkcs11:token=x;pin-value=1234?module-path=/m.so",
    "pkcs11:token=%zz?module-path=/m.so",
    `pkcs11:token=${"x".repeat(33)}?module-path=/m.so`,
    "pkcs11:token=x?module-path=/m.so&pin-source=/pin",
  ]) {
    assert.throws(() => parseTokenUri(uri), { code: "WARD_TOKEN" }, uri);
  }
});

test("the file that stands for a key says where it is, and nothing else passes for one", () => {
  const text = `{"format":"wardgate-token-key/1","token":"pkcs11:token=x?module-path=/m.so","id":"${"0a".repeat(16)}"}\n`;
  assert.ok(isTokenFile(text));
  assert.ok(!isTokenFile(text.replace("/1", "/2")) && !isTokenFile("-----BEGIN PRIVATE KEY-----"));
  assert.throws(() => TokenKey.open("{}", "1234"), { code: "WARD_TOKEN", message: /damaged/ });
});

test("only what is to be signed goes to a key that is elsewhere, and it is signed once", async () => {
  const inside = newIssuerKey();
  const asked: Uint8Array[] = [];
  const away: IssuerKey = {
    publicKey: inside.publicKey,
    sign: (data) => {
      asked.push(data);
      return inside.sign(data);
    },
  };
  const root = await createRoot("gateways", "Test");
  const issuing = await createIssuing(root, "Test issuing", undefined, away);
  const leaf = new X509Certificate((await issueGateway(issuing, "gw-001")).certificate);
  assert.equal(asked.length, 1);
  const above = new X509Certificate(issuing.certificate);
  assert.ok(leaf.checkIssued(above) && leaf.verify(above.publicKey));
  assert.ok(above.publicKey.equals(createPublicKey(inside.pem)));
  const signature = inside.sign(Buffer.from("x"));
  const verifier = { key: above.publicKey, dsaEncoding: "ieee-p1363" } as const;
  assert.ok(verify("sha256", Buffer.from("x"), verifier, signature));
});

test("a token that answers with something else than a signature of its key signs nothing", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "ward-false-token-"));
  const path = process.env["PATH"] ?? "";
  t.after(() => {
    process.env["PATH"] = path;
    rmSync(directory, { recursive: true });
  });
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const digest = createHash("sha256").update("x").digest();
  const at = (name: string): string => join(directory, name);
  writeFileSync(at("public"), publicKey.export({ type: "spki", format: "der" }));
  const tool = `#!/bin/sh\ncase "$*" in *--sign*) cat "${at("answer")}";; *) cat "${at("public")}";; esac\n`;
  writeFileSync(at("pkcs11-tool"), tool, { mode: 0o700 });
  process.env["PATH"] = `${directory}:${path}`;
  const file = `{"format":"wardgate-token-key/1","token":"pkcs11:token=x?module-path=/m.so","id":"${"0a".repeat(16)}"}\n`;
  const key = TokenKey.open(file, "1234");
  const right = sign("sha256", Buffer.from("x"), { key: privateKey, dsaEncoding: "ieee-p1363" });
  for (const answer of [Buffer.alloc(0), Buffer.alloc(64, 1), right.subarray(1), digest]) {
    writeFileSync(at("answer"), answer);
    assert.throws(() => key.sign(Buffer.from("x")), {
      code: "WARD_TOKEN",
      message: /no signature/,
    });
  }
  writeFileSync(at("answer"), right);
  assert.deepEqual(Buffer.from(key.sign(Buffer.from("x"))), right);
  assert.throws(() => key.sign(Buffer.from("y")), { code: "WARD_TOKEN" }, "of something else");
});
