import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";

import * as fc from "fast-check";

import {
  createIssuing,
  createRoot,
  issueGateway,
  issueHub,
  issueLeaf,
  issueServer,
  validFor,
  type Identity,
  type Issuer,
} from "../../provisioning/ca.ts";
import { serialOf } from "../../provisioning/issued.ts";
import { issueRevocationList } from "../../provisioning/revocation-list.ts";
import { listFor } from "./pki.ts";

const run = promisify(execFile);

let gateways: Issuer;
let servers: Issuer;
let directory: string;

before(async () => {
  gateways = await createRoot("gateways", "Ward 5");
  servers = await createRoot("servers", "Ward 5");
  directory = await mkdtemp(join(tmpdir(), "ward-ca-"));
});

after(async () => {
  await rm(directory, { recursive: true });
});

/** `openssl verify`: what an independent implementation makes of a certificate. */
async function opensslSays(
  leaf: Identity,
  root: Issuer,
  purpose: "sslclient" | "sslserver",
  crl?: string,
  more: readonly string[] = [],
): Promise<string> {
  const files = { leaf: leaf.certificate, root: root.certificate, crl: crl ?? "" };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(directory, name), text);
  }
  const lists = crl === undefined ? [] : ["-CRLfile", "crl", "-crl_check_all"];
  const args = ["-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile", "root"];
  try {
    const cwd = { cwd: directory };
    await run("openssl", ["verify", ...args, ...lists, ...more, "-purpose", purpose, "leaf"], cwd);
    return "OK";
  } catch (error) {
    assert.ok(error instanceof Error && "stderr" in error);
    return String(error.stderr);
  }
}

describe("certificates, as openssl judges them", () => {
  test("a gateway is a TLS client under the gateways root and nothing else", async () => {
    const gateway = await issueGateway(gateways, "gw-001");
    assert.equal(await opensslSays(gateway, gateways, "sslclient"), "OK");
    assert.match(await opensslSays(gateway, gateways, "sslserver"), /purpose/);
    assert.match(await opensslSays(gateway, servers, "sslclient"), /issuer|signature/);
    const certificate = new X509Certificate(gateway.certificate);
    assert.equal(certificate.subject, "CN=gw-001");
    assert.equal(certificate.ca, false);
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  });

  test("an issuing authority stands between, may have none below it, and nothing outlives it", async () => {
    const now = new Date();
    const issuing = await createIssuing(gateways, "Ward 5 issuing", validFor(10, now));
    const gateway = await issueGateway(issuing, "gw-001", validFor(100, now));
    const [leaf = "", above = ""] = gateway.certificate.split(/(?<=-----END CERTIFICATE-----\n)/);
    assert.equal(above, issuing.certificate);
    assert.equal(new X509Certificate(leaf).validTo, new X509Certificate(above).validTo);
    await writeFile(join(directory, "issuing"), issuing.certificate);
    const untrusted = ["-untrusted", "issuing"];
    const by = await opensslSays(gateway, gateways, "sslclient", undefined, untrusted);
    assert.equal(by, "OK");
    const below = await issueGateway(await createIssuing(issuing, "Ward 6 issuing"), "gw-001");
    await writeFile(join(directory, "issuing"), below.certificate + issuing.certificate);
    const refused = await opensslSays(below, gateways, "sslclient", undefined, untrusted);
    assert.match(refused, /path length constraint exceeded/);
  });

  test("a broker is a TLS server for its names", async () => {
    const broker = await issueServer(servers, ["broker.example", "192.0.2.7", "::1"]);
    assert.equal(await opensslSays(broker, servers, "sslserver"), "OK");
    assert.match(await opensslSays(broker, servers, "sslclient"), /purpose/);
    const certificate = new X509Certificate(broker.certificate);
    assert.equal(certificate.checkHost("broker.example"), "broker.example");
    assert.equal(certificate.checkHost("other.example"), undefined);
    assert.equal(certificate.checkIP("192.0.2.7"), "192.0.2.7");
    assert.equal(certificate.checkIP("::1"), "::1");
  });

  test("a hub is a TLS client under the servers root", async () => {
    const hub = await issueHub(servers, "hub-1");
    assert.equal(await opensslSays(hub, servers, "sslclient"), "OK");
    assert.match(await opensslSays(hub, servers, "sslserver"), /purpose/);
  });

  test("dates are as asked", async () => {
    const past = { notBefore: new Date(0), notAfter: new Date(86_400_000) };
    const expired = await issueGateway(gateways, "gw-001", past);
    assert.match(await opensslSays(expired, gateways, "sslclient"), /expired/);
    const future = {
      notBefore: new Date(Date.now() + 1e9),
      notAfter: new Date(Date.now() + 2e9),
    };
    const early = await issueGateway(gateways, "gw-001", future);
    assert.match(await opensslSays(early, gateways, "sslclient"), /not yet valid/);
  });

  test("a revocation list names who is out, and only them", async () => {
    const good = await issueGateway(gateways, "gw-001");
    const bad = await issueGateway(gateways, "gw-002");
    const crl = await listFor(gateways, [bad]);
    assert.equal(await opensslSays(good, gateways, "sslclient", crl), "OK");
    assert.match(await opensslSays(bad, gateways, "sslclient", crl), /revoked/);
    const foreign = await listFor(servers, []);
    assert.match(await opensslSays(good, gateways, "sslclient", foreign), /CRL/);
  });

  test("a revocation list carries its number, whatever its size", async () => {
    const { notBefore: thisUpdate, notAfter: nextUpdate } = validFor(1);
    for (const number of [0, 1, 127, 128, 255, 256, 65_535, 2 ** 31 - 1]) {
      const crl = await issueRevocationList(gateways, {
        revoked: [],
        number,
        thisUpdate,
        nextUpdate,
      });
      await writeFile(join(directory, "numbered"), crl);
      const args = ["crl", "-in", "numbered", "-noout", "-crlnumber"];
      const { stdout } = await run("openssl", args, { cwd: directory });
      assert.equal(Number(stdout.trim().replace("crlNumber=", "")), number);
    }
  });
});

describe("what the authority will not do", () => {
  test("issue under the wrong root", async () => {
    const wrong = { code: "WARD_CA_ROOT" };
    await assert.rejects(issueGateway(servers, "gw-001"), wrong);
    await assert.rejects(issueServer(gateways, ["localhost"]), wrong);
    await assert.rejects(issueHub(gateways, "hub-1"), wrong);
  });

  test("issue for a name that is no id", async () => {
    const isId = (name: string): boolean => /^[a-z0-9-]{3,64}$/.test(name);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.constantFrom("+", "#", "gw-001/#", "GW-001", "gw", "../gw", "gw 1"),
        ),
        async (name) => {
          fc.pre(!isId(name));
          await assert.rejects(issueGateway(gateways, name), { code: "WARD_CA_NAME" });
          await assert.rejects(issueHub(servers, name), { code: "WARD_CA_NAME" });
        },
      ),
    );
  });

  test("give a gateway a hub's name, or a hub a gateway's", async () => {
    await assert.rejects(issueGateway(gateways, "hub-1"), { code: "WARD_CA_NAME" });
    await assert.rejects(issueHub(servers, "gw-001"), { code: "WARD_CA_NAME" });
  });

  test("issue a broker certificate without a usable name", async () => {
    for (const names of [[], [""], ["*.example"], ["broker.example", "a b"], ["x".repeat(300)]]) {
      await assert.rejects(issueServer(servers, names), { code: "WARD_CA_NAME" });
    }
  });

  test("use the same serial number twice", async () => {
    const serials = new Set<string>();
    for (let n = 0; n < 50; n += 1) {
      const { certificate } = await issueLeaf(gateways, { commonName: "gw-001", usage: "client" });
      serials.add(serialOf(certificate));
    }
    assert.equal(serials.size, 50);
    for (const serial of serials) {
      assert.match(serial, /^[4-7][0-9a-f]{31}$/);
    }
  });
});
