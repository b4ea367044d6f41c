import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";

import * as fc from "fast-check";

import {
  readCertificatesOnly,
  writeCertificatesOnly,
} from "../../../gateway/enrolment/certificates-only.ts";
import { makeSigningRequest, readSigningRequest } from "../../../gateway/enrolment/csr.ts";
import { createIssuing, createRoot, issueGateway } from "../../../provisioning/ca.ts";
import { softwareTlsKey } from "../../../gateway/identity/key-provider.ts";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

function openssl(args: readonly string[], input: Uint8Array): string {
  return execFileSync("openssl", args, { input, stdio: ["pipe", "pipe", "pipe"] }).toString();
}

/** A request as openssl makes it. */
function opensslRequest(...options: readonly string[]): Buffer {
  const args = ["req", "-new", "-nodes", "-keyout", "/dev/null", "-outform", "DER", ...options];
  return execFileSync("openssl", args, { stdio: ["ignore", "pipe", "ignore"] });
}

test("openssl reads our request, and we read openssl's", () => {
  const mine = makeSigningRequest("gw-001", softwareTlsKey(privateKey));
  const said = openssl(["req", "-inform", "DER", "-noout", "-verify", "-subject"], mine);
  assert.match(said, /CN ?= ?gw-001/);
  const read = readSigningRequest(mine);
  assert.equal(read.commonName, "gw-001");
  assert.ok(read.publicKey.equals(createPublicKey(privateKey)));
  const p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const subject = ["-subj", "/O=Ward/CN=gw-002", "-addext", "subjectAltName=DNS:other"];
  assert.equal(readSigningRequest(opensslRequest(...p256, ...subject)).commonName, "gw-002");
  const sha384 = opensslRequest(...p256, "-sha384", "-subj", "/O=Ward");
  assert.equal(readSigningRequest(sha384).commonName, null);
});

test("weak keys, other keys and two names are refused", () => {
  const name = ["-subj", "/CN=gw-001"];
  for (const key of ["rsa:1024", "rsa:2048", "ed25519"]) {
    const request = opensslRequest("-newkey", key, ...name);
    assert.throws(() => readSigningRequest(request), { code: "WARD_CSR" }, key);
  }
  const p384 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
  const explicit = ["-pkeyopt", "ec_param_enc:explicit"];
  assert.throws(() => readSigningRequest(opensslRequest(...p384, ...name)), { code: "WARD_CSR" });
  const p256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const odd = opensslRequest(...p256, ...explicit, ...name);
  assert.throws(() => readSigningRequest(odd), { code: "WARD_CSR" });
  const two = opensslRequest(...p256, "-subj", "/CN=gw-001/CN=gw-002");
  assert.throws(() => readSigningRequest(two), { code: "WARD_CSR", message: /more than one/ });
});

test("a flipped bit anywhere, a cut or noise is refused, and never as something else", () => {
  const good = makeSigningRequest("gw-001", softwareTlsKey(privateKey));
  const refuse = (bytes: Uint8Array): void => {
    try {
      // What is not signed (a count of unused bits, say) may change and still be the same request.
      assert.equal(readSigningRequest(bytes).commonName, "gw-001");
      assert.ok(readSigningRequest(bytes).publicKey.equals(createPublicKey(privateKey)));
    } catch (error) {
      assert.ok(
        error instanceof Error && "code" in error && error.code === "WARD_CSR",
        String(error),
      );
    }
  };
  for (let bit = 0; bit < good.length * 8; bit += 1) {
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    refuse(bad);
  }
  for (let length = 0; length < good.length; length += 1) {
    const cut = good.subarray(0, length);
    assert.throws(() => readSigningRequest(cut), { code: "WARD_CSR" });
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
      assert.throws(() => readSigningRequest(noise), { code: "WARD_CSR" });
      assert.throws(() => readCertificatesOnly(noise), { code: "WARD_EST_ANSWER" });
    }),
  );
});

test("openssl reads our certificates-only message, and we read openssl's", async (t) => {
  const root = await createRoot("gateways", "Test");
  const issuing = await createIssuing(root, "Test gateways issuing");
  const gateway = await issueGateway(issuing, "gw-001");
  const certificates = [gateway.certificate, issuing.certificate, root.certificate].map(
    (pem) => new X509Certificate(pem),
  );
  const message = writeCertificatesOnly(certificates);
  const printed = openssl(["pkcs7", "-inform", "DER", "-print_certs", "-noout"], message);
  assert.match(printed, /gw-001[^]*Test gateways issuing[^]*Test gateways root/);
  const file = join(mkdtempSync(join(tmpdir(), "ward-p7-")), "chain.pem");
  t.after(() => rmSync(dirname(file), { recursive: true }));
  writeFileSync(file, gateway.certificate + root.certificate);
  const theirs = execFileSync("openssl", [
    "crl2pkcs7",
    "-nocrl",
    "-certfile",
    file,
    "-outform",
    "DER",
  ]);
  const read = readCertificatesOnly(theirs).map(({ subject }) => subject);
  assert.deepEqual(read.toSorted(), [
    "CN=Test gateways issuing",
    "CN=Test gateways root",
    "CN=gw-001",
  ]);
  assert.throws(() => readCertificatesOnly(writeCertificatesOnly([])), { code: "WARD_EST_ANSWER" });
});
