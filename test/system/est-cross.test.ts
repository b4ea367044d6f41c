import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { command as enroll } from "../../gateway/commands/enroll.ts";
import { readEnrolment } from "../../gateway/enrolment/enrolment-file.ts";
import { EstClient } from "../../gateway/enrolment/est-client.ts";
import { fetchNext } from "../../gateway/enrolment/fetch-next.ts";
import { loadGatewayIdentity } from "../../gateway/identity/identity.ts";
import { FileKeys } from "../../gateway/identity/file-keys.ts";
import { NextIdentity, nextPlace } from "../../gateway/identity/next-identity.ts";
import { makeClaim } from "../../provisioning/claims.ts";
import { issueLists } from "../../provisioning/lists.ts";
import { OpensslEst } from "../fakes/openssl-est.ts";
import { run } from "../gateway/commands/wardgate.ts";
import { EstSite } from "../provisioning/est-site.ts";
import { revoke } from "../provisioning/pki.ts";

/** Enrolment across implementations: curl and openssl against our server, our client against openssl's certificates. */

let directory: string;

before(() => {
  directory = mkdtempSync(join(tmpdir(), "ward-est-cross-"));
});

after(() => rmSync(directory, { recursive: true }));

async function shell(line: string, variables: Record<string, string> = {}): Promise<string> {
  const env = { ...process.env, ...variables };
  const { stdout } = await promisify(execFile)("bash", ["-ec", line], { cwd: directory, env });
  return stdout;
}

test("curl and openssl enrol at our server, renew, and are refused once revoked", async () => {
  const site = await EstSite.open();
  try {
    const { token } = await makeClaim(site.authority.directory, "gw-001", 60_000);
    const { roots, gateways } = site.authority;
    writeFileSync(join(directory, "servers-root.pem"), roots.servers);
    writeFileSync(join(directory, "gateways-root.pem"), roots.gateways);
    writeFileSync(join(directory, "issuing.pem"), gateways.certificate);
    const variables = {
      TOKEN: token,
      URL: `${site.url}/.well-known/est`,
      CURL: "curl -sS --noproxy * --tlsv1.3 --cacert servers-root.pem -H Content-Type:application/pkcs10",
      READ: "openssl pkcs7 -inform DER -print_certs",
    };
    const cacerts = await shell("set -f; $CURL $URL/cacerts | base64 -d | $READ -noout", variables);
    assert.match(cacerts, /CN = Test gateways issuing[^]*CN = Test gateways root/);
    const ask =
      "openssl req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -keyout $KEY -subj /CN=gw-001 -outform DER 2>/dev/null | base64 > asked";
    await shell(ask, { KEY: "first.key" });
    const enrol = "$CURL -u gw-001:$TOKEN --data-binary @asked $URL/simpleenroll";
    await shell(`set -f; ${enrol} | base64 -d | $READ -out first.crt`, variables);
    const verify =
      "openssl verify -x509_strict -purpose sslclient -CAfile gateways-root.pem -untrusted issuing.pem";
    assert.match(await shell(`${verify} first.crt`), /OK/);
    await shell(ask, { KEY: "second.key" });
    const again = await shell(`set -f; ${enrol} -o /dev/null -w %{http_code}`, variables);
    assert.equal(again, "401", "the claim is burnt");
    const renew =
      "set -f; $CURL --cert first.crt --key first.key --data-binary @asked $URL/simplereenroll";
    await shell(`${renew} | base64 -d | $READ -out second.crt`, variables);
    assert.match(await shell(`${verify} second.crt`), /OK/);
    const first = readFileSync(join(directory, "first.crt"), "utf8");
    await revoke(site.authority, "gateways", first.slice(first.indexOf("-----BEGIN")));
    assert.match(await shell(renew, variables), /revoked/);
    writeFileSync(join(directory, "lists.pem"), (await issueLists(site.authority)).gateways);
    const checked = `${verify} -crl_check_all -CRLfile lists.pem`;
    assert.match(await shell(`${checked} second.crt`), /OK/);
    await assert.rejects(shell(`${checked} first.crt`), /revoked/);
  } finally {
    await site.close();
  }
});

test("our gateway enrols at another maker's server and has its certificate renewed there", async () => {
  const theirs = new OpensslEst();
  try {
    const server = await theirs.listen("gw-777:their-token");
    const write = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text);
      return join(directory, name);
    };
    const signer = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" });
    const data = join(directory, "gateway");
    const given = [
      ["--data", data, "--server", server],
      ["--ca", write("their-ca.pem", theirs.ca)],
      ["--settings-signer", write("signer.pem", signer)],
    ].flat();
    const bad = write("bad-claim", '{"gateway":"gw-777","token":"a-wrong-token"}');
    const wrong = await run(enroll, [...given, "--claim", bad]);
    assert.equal(wrong.code, "WARD_EST_REFUSED", wrong.stderr);
    const claim = write("claim", '{"gateway":"gw-777","token":"their-token"}');
    const enrolled = await run(enroll, [...given, "--claim", claim]);
    assert.equal(enrolled.code, 0, enrolled.stderr);
    const place = join(data, "identity");
    const identity = loadGatewayIdentity(place);
    assert.equal(identity.gateway, "gw-777");
    assert.ok(identity.certificate.checkIssued(new X509Certificate(theirs.ca)));
    const known = readEnrolment(place);
    assert.ok(known !== null);
    await fetchNext({
      gateway: identity.gateway,
      client: new EstClient(known),
      login: { cert: identity.certificateChainPem, key: identity.certificateKey.pem },
      keys: new FileKeys(place),
      next: new NextIdentity(place),
      signingKey: createPublicKey(identity.signingKey),
      root: identity.gatewaysRoot,
      now: Date.now(),
    });
    const next = loadGatewayIdentity(place, nextPlace(place));
    assert.notEqual(next.certificate.serialNumber, identity.certificate.serialNumber);
    assert.equal(next.gateway, "gw-777");
  } finally {
    theirs.close();
  }
});
