import assert from "node:assert/strict";
import { createPublicKey, X509Certificate } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { loadGatewayIdentity, makeBinding } from "../../../gateway/identity/identity.ts";
import { FileKeys } from "../../../gateway/identity/file-keys.ts";
import { NextIdentity } from "../../../gateway/identity/next-identity.ts";
import { createAuthority, type Authority } from "../../../provisioning/authority.ts";
import { certifyGateway } from "../../../provisioning/ca.ts";
import { addGateway } from "../../../provisioning/site.ts";

let root: string;
let authority: Authority;
/** identity/ of a gateway with a complete next identity. */
let prepared: string;
let oldSerial: string;
let newSerial: string;

before(async () => {
  root = mkdtempSync(join(tmpdir(), "ward-next-"));
  authority = await createAuthority({
    directory: join(root, "ca"),
    site: "Test",
    passphrase: null,
  });
  await addGateway(authority, join(root, "gateway"), "gw-001");
  prepared = join(root, "gateway", "identity");
  const { certificate, signingKey } = loadGatewayIdentity(prepared);
  oldSerial = certificate.serialNumber;
  const next = new NextIdentity(prepared);
  const key = new FileKeys(prepared).createTlsKey(next.keyPath);
  const chain = await certifyGateway(authority.gateways, "gw-001", key.publicKey);
  const binding = makeBinding({
    certificateChainPem: chain,
    certificateKey: key,
    signingPublicKey: createPublicKey(signingKey),
    now: Date.now(),
  });
  next.keep(chain, binding);
  newSerial = new X509Certificate(chain).serialNumber;
});

after(() => rmSync(root, { recursive: true }));

let copies = 0;

function copy(): string {
  copies += 1;
  const directory = join(root, `copy-${copies}`);
  cpSync(prepared, directory, { recursive: true });
  return directory;
}

function serialIn(directory: string): string {
  return loadGatewayIdentity(directory).certificate.serialNumber;
}

test("a next identity waits, is loaded on its own, and takes over when it is promoted", () => {
  const directory = copy();
  const next = new NextIdentity(directory);
  assert.ok(next.isComplete);
  assert.equal(serialIn(directory), oldSerial);
  const waiting = loadGatewayIdentity(directory, join(directory, "next"));
  assert.equal(waiting.certificate.serialNumber, newSerial);
  next.promote();
  assert.equal(serialIn(directory), newSerial);
  assert.ok(!next.isComplete && !next.hasKey && !existsSync(join(directory, "next")));
  next.finish();
  assert.equal(serialIn(directory), newSerial);
});

test("one that is given up leaves the old one as it was", () => {
  const directory = copy();
  const key = readFileSync(join(directory, "gateway.key.pem"));
  new NextIdentity(directory).discard();
  assert.equal(serialIn(directory), oldSerial);
  assert.deepEqual(readFileSync(join(directory, "gateway.key.pem")), key);
});

test("cut off between any two files, it is the old identity or the new one, whole", () => {
  const names = ["gateway.key.pem", "gateway.crt.pem", "binding.cose"];
  // While it is fetched: the files of next/ come one after the other.
  for (let there = 0; there < names.length; there += 1) {
    const directory = copy();
    names.slice(there).forEach((name) => rmSync(join(directory, "next", name)));
    new NextIdentity(directory).finish();
    assert.equal(serialIn(directory), oldSerial, `${there} files`);
    assert.ok(!new NextIdentity(directory).isComplete);
  }
  // While it is promoted: first the mark, then the files in place, and a draft may lie about.
  for (let copied = 0; copied <= names.length; copied += 1) {
    const directory = copy();
    writeFileSync(join(directory, "next", "connected"), "");
    for (const name of names.slice(0, copied)) {
      cpSync(join(directory, "next", name), join(directory, name));
    }
    writeFileSync(join(directory, "gateway.crt.pem.new"), "half of it");
    assert.equal(
      serialIn(directory),
      newSerial,
      `${copied} copied, as a look from outside sees it`,
    );
    new NextIdentity(directory).finish();
    assert.equal(serialIn(directory), newSerial, `${copied} copied`);
    assert.ok(!existsSync(join(directory, "next")));
  }
  // While it is tidied up: without the mark, what is left is what is in place already.
  const directory = copy();
  new NextIdentity(directory).promote();
  cpSync(join(prepared, "next"), join(directory, "next"), { recursive: true });
  assert.equal(serialIn(directory), newSerial);
});

test("keys that are born here are sealed; without their key-encryption key they are nothing", async () => {
  const directory = copy();
  const keys = new FileKeys(directory);
  const made = keys.createSigningKey(join(directory, "signing.key.pem"));
  assert.ok(keys.readSigningKey(join(directory, "signing.key.pem")).equals(made));
  assert.ok(
    new FileKeys(directory).readSigningKey(join(directory, "signing.key.pem")).equals(made),
  );
  const text = readFileSync(join(directory, "signing.key.pem"), "utf8");
  assert.match(text, /^-----BEGIN WARDGATE SEALED KEY-----/);
  const secret = made.export({ type: "pkcs8", format: "der" });
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const bytes = name === "next" ? Buffer.of() : readFileSync(path);
    assert.ok(!bytes.includes(secret.subarray(-32)) && !bytes.includes(secret.toString("base64")));
  }
  const fault = { code: "WARD_KEY" };
  cpSync(join(directory, "signing.key.pem"), join(directory, "gateway.key.pem"));
  assert.throws(
    () => keys.readSigningKey(join(directory, "gateway.key.pem")),
    fault,
    "under another name",
  );
  const place = 80;
  const spoilt = text.slice(0, place) + (text[place] === "A" ? "B" : "A") + text.slice(place + 1);
  writeFileSync(join(directory, "signing.key.pem"), spoilt);
  assert.throws(() => keys.readSigningKey(join(directory, "signing.key.pem")), fault);
  writeFileSync(join(directory, "signing.key.pem"), text);
  rmSync(join(directory, "key-encryption.key"));
  const missing = { code: "WARD_KEY", message: /missing/ };
  assert.throws(
    () => new FileKeys(directory).readSigningKey(join(directory, "signing.key.pem")),
    missing,
  );
  writeFileSync(join(directory, "key-encryption.key"), Buffer.alloc(32), { mode: 0o600 });
  assert.throws(
    () => new FileKeys(directory).readSigningKey(join(directory, "signing.key.pem")),
    fault,
  );
});
