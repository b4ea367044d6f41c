import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";

import * as fc from "fast-check";

import {
  commonName,
  loadGatewayIdentity,
  makeBinding,
  readChain,
  verifyBinding,
} from "../../../gateway/identity/identity.ts";
import { encodeCbor } from "../../../gateway/sealing/cbor.ts";
import type { CborValue } from "../../../gateway/sealing/cbor.ts";
import { makeSign1 } from "../../../gateway/sealing/cose.ts";
import { CONTEXT } from "../../../gateway/sealing/envelope.ts";
import { createRoot, issueGateway, issueLeaf } from "../../../provisioning/ca.ts";
import { newIssuerKey } from "../../../provisioning/issuer-key.ts";
import { serialOf } from "../../../provisioning/issued.ts";
import { issueRevocationList } from "../../../provisioning/revocation-list.ts";
import type { Identity, Issuer } from "../../../provisioning/ca.ts";
import { flips, GATEWAY, signingKeys, wardCode } from "../../fakes/sealing-kit.ts";
import { softwareTlsKey } from "../../../gateway/identity/key-provider.ts";

const NOW = Date.now();
const DAY_MS = 86_400_000;
const signing = signingKeys();

let gateways: Issuer;
let servers: Issuer;
let gateway: Identity;
let gatewaysRoot: X509Certificate;
let binding: Uint8Array;

before(async () => {
  gateways = await createRoot("gateways", "Test");
  servers = await createRoot("servers", "Test");
  gateway = await issueGateway(gateways, GATEWAY);
  gatewaysRoot = new X509Certificate(gateways.certificate);
  binding = bindingOf(gateway);
});

function bindingOf(
  identity: Identity,
  signingPublicKey: KeyObject = signing.publicKey,
): Uint8Array {
  return makeBinding({
    certificateChainPem: identity.certificate,
    certificateKey: softwareTlsKey(createPrivateKey(identity.key)),
    signingPublicKey,
    now: NOW,
  });
}

describe("the key binding statement", () => {
  test("names the gateway, its key and the certificate's validity", () => {
    const bound = verifyBinding(binding, { gatewaysRoot, at: NOW });
    const certificate = new X509Certificate(gateway.certificate);
    assert.equal(bound.gateway, GATEWAY);
    assert.ok(bound.key.equals(signing.publicKey));
    assert.equal(bound.notBefore, Date.parse(certificate.validFrom));
    assert.equal(bound.notAfter, Date.parse(certificate.validTo));
  });

  test("may carry the root too", () => {
    const chain = { ...gateway, certificate: gateway.certificate + gateways.certificate };
    assert.equal(verifyBinding(bindingOf(chain), { gatewaysRoot, at: NOW }).gateway, GATEWAY);
  });

  test("is judged at the time that is asked about", () => {
    const { notBefore, notAfter } = verifyBinding(binding, { gatewaysRoot, at: NOW });
    for (const at of [notBefore, notAfter]) {
      assert.equal(verifyBinding(binding, { gatewaysRoot, at }).gateway, GATEWAY);
    }
    for (const at of [notBefore - 1, notAfter + 1, 0, Number.NaN]) {
      assert.equal(
        wardCode(() => verifyBinding(binding, { gatewaysRoot, at })),
        "WARD_BINDING",
      );
    }
  });

  test("is refused under another root, even one of the same name", async () => {
    const twin = new X509Certificate((await createRoot("gateways", "Test")).certificate);
    const other = new X509Certificate(servers.certificate);
    for (const root of [twin, other]) {
      const refuse = (): unknown => verifyBinding(binding, { gatewaysRoot: root, at: NOW });
      assert.equal(wardCode(refuse), "WARD_BINDING");
    }
  });

  test("is refused from a server's certificate, or one for another use", async () => {
    for (const [root, usage] of [
      [servers, "client"],
      [gateways, "server"],
    ] as const) {
      const leaf = await issueLeaf(root, { commonName: GATEWAY, usage });
      const statement = bindingOf(leaf);
      const refuse = (): unknown => verifyBinding(statement, { gatewaysRoot, at: NOW });
      assert.equal(wardCode(refuse), "WARD_BINDING");
    }
  });

  test("is refused from a gateway's certificate used as an authority", async () => {
    const key = softwareTlsKey(createPrivateKey(gateway.key));
    const issuer: Issuer = { ...gateway, key, kind: "gateways", isSent: true };
    const leaf = await issueLeaf(issuer, { commonName: "gw-2", usage: "client" });
    const chain = { ...leaf, certificate: leaf.certificate + gateway.certificate };
    const refuse = (): unknown => verifyBinding(bindingOf(chain), { gatewaysRoot, at: NOW });
    assert.equal(wardCode(refuse), "WARD_BINDING");
  });

  test("is refused from the root itself", async () => {
    const key = newIssuerKey();
    const { certificate } = await createRoot("gateways", "Test", undefined, key);
    assert.equal(
      wardCode(() => bindingOf({ key: key.pem, certificate })),
      "WARD_BINDING",
    );
  });

  test("says nothing for another gateway", async () => {
    const other = await issueGateway(gateways, "gw-2");
    const x = signing.publicKey.export({ format: "jwk" }).x ?? "";
    const payload = encodeCbor([1, GATEWAY, new Uint8Array(Buffer.from(x, "base64url")), NOW]);
    const statement = statementOf(other, payload);
    const refuse = (): unknown => verifyBinding(statement, { gatewaysRoot, at: NOW });
    assert.throws(refuse, /another name/);
  });

  test("is refused with a payload that is not one", () => {
    const key = new Uint8Array(32);
    const payloads: CborValue[] = [
      [2, GATEWAY, key, NOW],
      [1, "GW", key, NOW],
      [1, GATEWAY, new Uint8Array(31), NOW],
      [1, GATEWAY, key],
      [1, GATEWAY, key, -1],
      "text",
    ];
    for (const payload of payloads) {
      const statement = statementOf(gateway, encodeCbor(payload));
      const refuse = (): unknown => verifyBinding(statement, { gatewaysRoot, at: NOW });
      assert.equal(wardCode(refuse), "WARD_BINDING");
    }
  });

  test("accepts no bit flip and no random bytes", () => {
    for (const changed of flips(binding)) {
      const refuse = (): unknown => verifyBinding(changed, { gatewaysRoot, at: NOW });
      assert.equal(wardCode(refuse), "WARD_BINDING");
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const refuse = (): unknown => verifyBinding(bytes, { gatewaysRoot, at: NOW });
        assert.equal(wardCode(refuse), "WARD_BINDING");
      }),
      { numRuns: 500 },
    );
  });

  test("is only made of what belongs together", async () => {
    const other = await issueGateway(gateways, "gw-2");
    const options = {
      certificateChainPem: gateway.certificate,
      certificateKey: softwareTlsKey(createPrivateKey(gateway.key)),
      signingPublicKey: signing.publicKey,
      now: NOW,
    };
    for (const wrong of [
      { certificateKey: softwareTlsKey(createPrivateKey(other.key)) },
      { signingPublicKey: signing.privateKey },
      { signingPublicKey: createPublicKey(gateway.key) },
      { certificateChainPem: "" },
      { certificateChainPem: gateway.certificate.repeat(6) },
      { certificateChainPem: gateway.certificate.replace("MII", "MIJ") },
    ]) {
      assert.equal(
        wardCode(() => makeBinding({ ...options, ...wrong })),
        "WARD_BINDING",
      );
    }
  });

  /** A statement with any payload, by any certificate. */
  function statementOf(identity: Identity, payload: Uint8Array): Uint8Array {
    const raw = new Uint8Array(new X509Certificate(identity.certificate).raw);
    return makeSign1({
      headers: new Map([[33, [raw]]]),
      payload,
      key: createPrivateKey(identity.key),
      context: CONTEXT.binding,
    });
  }
});

describe("a chain over an intermediate authority", () => {
  let directory: string;
  let statement: Uint8Array;
  let root: X509Certificate;

  // The house's own authority has no intermediates; a hospital's may, so OpenSSL makes one.
  before(() => {
    directory = mkdtempSync(join(tmpdir(), "ward-chain-"));
    issue(
      "root",
      null,
      "CN=Root",
      "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign",
    );
    issue(
      "middle",
      "root",
      "CN=Middle",
      "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=keyCertSign,cRLSign",
    );
    issue(
      "leaf",
      "middle",
      `CN=${GATEWAY}`,
      "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth",
    );
    issue("rogue", "leaf", "CN=gw-9", "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth");
    issue(
      "twin",
      null,
      "CN=Root",
      "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign",
    );
    const leaf = { certificate: file("leaf.crt") + file("middle.crt"), key: file("leaf.key") };
    statement = bindingOf(leaf);
    root = new X509Certificate(file("root.crt"));
  });

  after(() => rmSync(directory, { recursive: true }));

  test("leads to the root", () => {
    const bound = verifyBinding(statement, { gatewaysRoot: root, at: Date.now() });
    assert.equal(bound.gateway, GATEWAY);
  });

  test("does not lead to a twin of the root, or over a gateway's certificate", () => {
    const twin = new X509Certificate(file("twin.crt"));
    const refuse = (): unknown => verifyBinding(statement, { gatewaysRoot: twin, at: Date.now() });
    assert.throws(refuse, /gateways' root/);
    const certificate = file("rogue.crt") + file("leaf.crt") + file("middle.crt");
    const rogue = bindingOf({ certificate, key: file("rogue.key") });
    const refuseRogue = (): unknown => verifyBinding(rogue, { gatewaysRoot: root, at: Date.now() });
    assert.throws(refuseRogue, /gateways' root/);
  });

  test("does not lead there in the wrong order or with a part missing", () => {
    const key = file("leaf.key");
    const middle = file("middle.crt");
    for (const certificate of [
      file("leaf.crt"),
      file("leaf.crt") + file("root.crt"),
      file("leaf.crt") + file("root.crt") + middle,
      file("leaf.crt") + middle + middle,
    ]) {
      const other = bindingOf({ certificate, key });
      const refuse = (): unknown => verifyBinding(other, { gatewaysRoot: root, at: Date.now() });
      assert.equal(wardCode(refuse), "WARD_BINDING");
    }
  });

  test("counts a revocation of any part", () => {
    const none = { root: revoke("root", null), middle: revoke("middle", null) };
    const at = Date.now();
    const verify = (crlPem: string): unknown =>
      verifyBinding(statement, { gatewaysRoot: root, crlPem, at });
    verify(none.root + none.middle);
    assert.equal(
      wardCode(() => verify(none.root)),
      "WARD_CRL",
    );
    assert.equal(
      wardCode(() => verify(none.middle)),
      "WARD_CRL",
    );
    assert.throws(() => verify(none.root + revoke("middle", "leaf")), /revoked/);
    assert.throws(() => verify(revoke("root", "middle") + none.middle), /revoked/);
  });

  function file(name: string): string {
    return readFileSync(join(directory, name), "utf8");
  }

  function openssl(...args: readonly string[]): void {
    execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
  }

  function issue(name: string, issuer: string | null, subject: string, extensions: string): void {
    // Without key identifiers nothing but its signature tells a certificate from one by a twin of its issuer.
    const none = "subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n";
    writeFileSync(join(directory, `${name}.ext`), none + extensions);
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", `${name}.key`);
    openssl("req", "-new", "-key", `${name}.key`, "-subj", `/${subject}`, "-out", `${name}.csr`);
    const by =
      issuer === null
        ? ["-signkey", `${name}.key`]
        : ["-CA", `${issuer}.crt`, "-CAkey", `${issuer}.key`, "-CAcreateserial"];
    const request = [
      "-req",
      "-in",
      `${name}.csr`,
      "-days",
      "2",
      "-sha256",
      "-extfile",
      `${name}.ext`,
    ];
    openssl("x509", ...request, ...by, "-out", `${name}.crt`);
  }

  /** A list by `issuer` as OpenSSL writes it, naming one certificate or none. */
  function revoke(issuer: string, revoked: string | null): string {
    const configuration =
      "[ca]\ndefault_ca=a\n[a]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=1\n";
    writeFileSync(join(directory, "ca.cnf"), configuration);
    writeFileSync(join(directory, "index.txt"), "");
    writeFileSync(join(directory, "crlnumber"), "01\n");
    const by = ["-config", "ca.cnf", "-cert", `${issuer}.crt`, "-keyfile", `${issuer}.key`];
    if (revoked !== null) {
      openssl("ca", ...by, "-revoke", `${revoked}.crt`, "-crl_reason", "keyCompromise");
    }
    openssl("ca", ...by, "-gencrl", "-out", "list.crl");
    return file("list.crl");
  }
});

describe("revocation", () => {
  const list = async (root: Issuer, revoked: readonly string[]): Promise<string> =>
    await issueRevocationList(root, {
      revoked: revoked.map((serial) => ({ serial, at: new Date(NOW) })),
      number: 1,
      thisUpdate: new Date(NOW - 30 * DAY_MS),
      nextUpdate: new Date(NOW - 20 * DAY_MS),
    });

  test("refuses what a list names, and nothing else", async () => {
    const other = await issueGateway(gateways, "gw-2");
    const crlPem = await list(gateways, [serialOf(gateway.certificate)]);
    const refuse = (): unknown => verifyBinding(binding, { gatewaysRoot, crlPem, at: NOW });
    assert.throws(refuse, /revoked/);
    assert.equal(wardCode(refuse), "WARD_BINDING");
    const statement = bindingOf(other);
    assert.equal(verifyBinding(statement, { gatewaysRoot, crlPem, at: NOW }).gateway, "gw-2");
  });

  test("counts any of several lists", async () => {
    const crlPem =
      (await list(servers, [])) +
      (await list(gateways, [])) +
      (await list(gateways, ["0102", serialOf(gateway.certificate)]));
    const refuse = (): unknown => verifyBinding(binding, { gatewaysRoot, crlPem, at: NOW });
    assert.throws(refuse, /revoked/);
  });

  test("needs a list by the issuer", async () => {
    const twin = await createRoot("gateways", "Test");
    for (const crlPem of [
      await list(servers, []),
      await list(twin, []),
      "",
      "-----BEGIN X509 CRL-----",
    ]) {
      const refuse = (): unknown => verifyBinding(binding, { gatewaysRoot, crlPem, at: NOW });
      assert.equal(wardCode(refuse), "WARD_CRL");
    }
  });

  test("does not let a changed list hide anything", async () => {
    const good = await list(gateways, [serialOf(gateway.certificate)]);
    const der = Buffer.from(good.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
    for (const changed of flips(der)) {
      const base64 = Buffer.from(changed).toString("base64");
      const crlPem = `-----BEGIN X509 CRL-----\n${base64}\n-----END X509 CRL-----\n`;
      const refuse = (): unknown => verifyBinding(binding, { gatewaysRoot, crlPem, at: NOW });
      // A flip in what the signature does not cover (an unused-bits count) leaves the list as it is: still revoked.
      assert.match(wardCode(refuse), /^WARD_(CRL|BINDING)$/);
    }
  });
});

describe("names and chains", () => {
  test("are one gateway id, and one to five certificates", async () => {
    assert.equal(commonName(new X509Certificate(gateway.certificate)), GATEWAY);
    for (const name of ["GW-1", "gw/1", "g", "gw-1\nCN=gw-2"]) {
      const leaf = await issueLeaf(gateways, { commonName: name, usage: "client" });
      const certificate = new X509Certificate(leaf.certificate);
      assert.equal(
        wardCode(() => commonName(certificate)),
        "WARD_BINDING",
      );
    }
    assert.equal(readChain(gateway.certificate + gateways.certificate).length, 2);
  });
});

describe("a gateway's identity files", () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "ward-identity-"));
    const pem = (key: KeyObject): string =>
      key.type === "private"
        ? key.export({ format: "pem", type: "pkcs8" })
        : key.export({ format: "pem", type: "spki" });
    put("settings-signer.pub.pem", pem(signingKeys().publicKey));
    put("gateway.crt.pem", gateway.certificate);
    put("gateway.key.pem", gateway.key);
    put("servers-root.crt.pem", servers.certificate);
    put("gateways-root.crt.pem", gateways.certificate);
    put("signing.key.pem", pem(signing.privateKey));
    put("binding.cose", binding);
  });

  const put = (name: string, content: string | Uint8Array): void =>
    writeFileSync(join(directory, name), content, { mode: 0o600 });

  const remove = (): void => rmSync(directory, { recursive: true, force: true });

  after(() => remove());

  test("are loaded and belong together", () => {
    const identity = loadGatewayIdentity(directory);
    assert.equal(identity.gateway, GATEWAY);
    assert.equal(identity.certificateKey.pem, gateway.key);
    assert.equal(identity.certificateChainPem, gateway.certificate);
    assert.equal(identity.serversCrlPem, undefined);
    assert.equal(identity.signingKey.type, "private");
    assert.equal(Buffer.compare(identity.binding, binding), 0);
    put("servers.crl.pem", "text");
    assert.equal(loadGatewayIdentity(directory).serversCrlPem, "text");
    remove();
  });

  test("are all named when they are missing", () => {
    remove();
    assert.throws(
      () => loadGatewayIdentity(directory),
      /gateway\.crt\.pem: .*gateway\.key\.pem: .*signing\.key\.pem: .*binding\.cose: /,
    );
    assert.equal(
      wardCode(() => loadGatewayIdentity(directory)),
      "WARD_IDENTITY",
    );
  });

  test("are refused when they do not belong together", async () => {
    const other = await issueGateway(gateways, "gw-2");
    const pairs: readonly [string, string | Uint8Array, RegExp][] = [
      ["gateway.key.pem", other.key, /not the key of gateway\.crt\.pem/],
      ["binding.cose", bindingOf(other), /another gateway/],
      ["binding.cose", bindingOf(gateway, signingKeys().publicKey), /another signing key/],
      ["binding.cose", new Uint8Array(10), /binding\.cose: Cannot use key binding/],
      ["gateways-root.crt.pem", servers.certificate, /gateways' root/],
      ["signing.key.pem", gateway.key, /not an Ed25519 key/],
      ["settings-signer.pub.pem", gateways.certificate, /settings-signer\.pub\.pem/],
    ];
    for (const [name, content, problem] of pairs) {
      put(name, content);
      assert.throws(() => loadGatewayIdentity(directory), problem);
      assert.equal(
        wardCode(() => loadGatewayIdentity(directory)),
        "WARD_IDENTITY",
      );
      put("binding.cose", binding);
      put("gateway.key.pem", gateway.key);
    }
    remove();
  });

  test("are refused when others may read a private key", () => {
    chmodSync(join(directory, "signing.key.pem"), 0o640);
    assert.throws(() => loadGatewayIdentity(directory), /chmod 600/);
    remove();
  });

  test("load past the certificate's end, because collecting goes on", async () => {
    const validity = { notBefore: new Date(NOW - 2 * DAY_MS), notAfter: new Date(NOW - DAY_MS) };
    // The root must have been there when the certificate began.
    const root = await createRoot("gateways", "Old", {
      notBefore: new Date(NOW - 3 * DAY_MS),
      notAfter: new Date(NOW + DAY_MS),
    });
    const old = await issueGateway(root, GATEWAY, validity);
    put("gateways-root.crt.pem", root.certificate);
    put("gateway.crt.pem", old.certificate);
    put("gateway.key.pem", old.key);
    put("binding.cose", bindingOf(old));
    assert.equal(loadGatewayIdentity(directory).gateway, GATEWAY);
    remove();
  });
});
