import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { command as ca } from "../../gateway/commands/ca.ts";
import { run, type Run } from "../gateway/commands/wardgate.ts";

/** An authority whose keys lie in PKCS #11 tokens: SoftHSM's, one for the issuing authorities and one for the roots. */

const MODULE = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
].find((file) => spawnSync("test", ["-e", file]).status === 0);
const missing =
  MODULE === undefined || spawnSync("sh", ["-c", "command -v pkcs11-tool"]).status !== 0
    ? "softhsm2 or opensc not installed"
    : false;

let directory: string;

before(() => {
  directory = mkdtempSync(join(tmpdir(), "ward-token-"));
  process.env["WARD_CA_PASSPHRASE"] = "correct horse battery";
  process.env["WARD_TOKEN_PIN"] = "765432";
});

after(() => {
  delete process.env["WARD_CA_PASSPHRASE"];
  delete process.env["WARD_TOKEN_PIN"];
  delete process.env["SOFTHSM2_CONF"];
  rmSync(directory, { recursive: true });
});

function path(...parts: readonly string[]): string {
  return join(directory, ...parts);
}

/** What openssl says of leaf.pem. */
function verified(): string {
  const lists = ["-x509_strict", "-crl_check_all", "-CRLfile", "broker/gateways.crl.pem"];
  const chain = ["-CAfile", "ca/gateways-root.crt.pem", "-untrusted", "leaf.pem", "leaf.pem"];
  const args = ["verify", ...lists, ...chain];
  return execFileSync("openssl", args, { encoding: "utf8", cwd: directory });
}

async function say(...args: readonly string[]): Promise<Run> {
  return await run(ca, [...args, "--directory", path("ca")]);
}

describe("an authority in a token", { skip: missing }, () => {
  before(() => {
    mkdirSync(path("tokens"));
    writeFileSync(path("softhsm.conf"), `directories.tokendir = ${path("tokens")}\n`);
    process.env["SOFTHSM2_CONF"] = path("softhsm.conf");
    for (const label of ["ward-issuing", "ward-roots"]) {
      const pins = ["--so-pin", "12345678", "--pin", "765432"];
      execFileSync("softhsm2-util", ["--init-token", "--free", "--label", label, ...pins]);
    }
  });

  const uri = (label: string): string => `pkcs11:token=${label}?module-path=${MODULE}`;

  test("makes its keys there: none is in a file, and openssl believes what they sign", async () => {
    const stores = ["--key-store", uri("ward-issuing"), "--root-key-store", uri("ward-roots")];
    const made = await say("init", "--site", "Test", "--offline", path("safe"), ...stores);
    assert.equal(made.code, 0, made.stderr);
    const files = ["ca", "safe"].flatMap((folder) =>
      readdirSync(path(folder))
        .filter((name) => /(issuing|root)\.key$/.test(name))
        .map((name) => path(folder, name)),
    );
    assert.equal(files.length, 4);
    for (const file of files) {
      const text = readFileSync(file, "utf8");
      assert.match(text, /^\{"format":"wardgate-token-key\/1","token":"pkcs11:token=ward-/);
      assert.ok(!text.includes("765432"));
    }
    assert.equal((await say("issue", "--gateway", "gw-001", "--to", path("gw-001"))).code, 0);
    assert.equal((await say("issue", "--broker", "localhost", "--to", path("broker"))).code, 0);
    assert.equal((await say("crl", "--to", path("broker"))).code, 0);
    writeFileSync(path("leaf.pem"), readFileSync(path("gw-001", "identity", "gateway.crt.pem")));
    assert.match(verified(), /leaf\.pem: OK/);
  });

  test("a wrong PIN, another token or none is said in plain words, and signs nothing", async () => {
    const issue = ["issue", "--gateway", "gw-002", "--to", path("gw-002")];
    process.env["WARD_TOKEN_PIN"] = "111111";
    const wrong = await say(...issue);
    process.env["WARD_TOKEN_PIN"] = "765432";
    assert.equal(wrong.code, "WARD_TOKEN");
    assert.match(wrong.stderr, /token ward-issuing: .*PIN_INCORRECT.*is the PIN right/);
    process.env["SOFTHSM2_CONF"] = path("nowhere.conf");
    const gone = await say(...issue);
    process.env["SOFTHSM2_CONF"] = path("softhsm.conf");
    assert.equal(gone.code, "WARD_TOKEN");
    const odd = await run(ca, ["init", "--directory", path("odd"), "--key-store", "pkcs11:x"]);
    assert.equal(odd.code, "WARD_TOKEN");
    assert.match(odd.stderr, /must look like/);
  });

  test("an issuing authority is replaced with the roots' token, and the old one still counts", async () => {
    const store = ["--key-store", uri("ward-issuing")];
    const replaced = await say("replace", "gateways", "--offline", path("safe"), ...store);
    assert.equal(replaced.code, 0, replaced.stderr);
    assert.match(replaced.stdout, /Test gateways issuing 2 signs from now on/);
    assert.equal((await say("issue", "--gateway", "gw-003", "--to", path("gw-003"))).code, 0);
    assert.equal((await say("crl", "--to", path("broker"))).code, 0);
    const issuers = ["gw-001", "gw-003"].map((gateway) => {
      const chain = readFileSync(path(gateway, "identity", "gateway.crt.pem"));
      writeFileSync(path("leaf.pem"), chain);
      assert.match(verified(), /leaf\.pem: OK/);
      return new X509Certificate(chain).issuer;
    });
    assert.deepEqual(issuers, ["CN=Test gateways issuing", "CN=Test gateways issuing 2"]);
  });
});
