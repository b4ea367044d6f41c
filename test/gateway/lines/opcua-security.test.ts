import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { MessageSecurityMode, SecurityPolicy, UserTokenType } from "node-opcua-client";

import { ownCertificates } from "../../../gateway/lines/opcua-certificate.ts";
import {
  bestEndpoint,
  checkDowngrade,
  tokenPolicy,
} from "../../../gateway/lines/opcua-endpoint.ts";
import type { EndpointDescription } from "../../../gateway/lines/opcua-library.ts";
import { OPCUACertificateManager } from "../../../gateway/lines/opcua-library.ts";
import { thumbprint } from "../../../gateway/lines/opcua-trust.ts";
import { readUser, userFile, writeUser } from "../../../gateway/lines/opcua-user.ts";
import { fakeTable, OpcuaReader } from "../../fakes/opcua-reader.ts";
import { FakeOpcuaServer } from "../../fakes/opcua-server.ts";

const { Sign, SignAndEncrypt, None } = MessageSecurityMode;
const { Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss, Basic128Rsa15, Basic256 } =
  SecurityPolicy;
const TCP = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary";

for (const policy of [Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss]) {
  for (const mode of [SignAndEncrypt, Sign]) {
    const name = `${policy.split("#").at(-1)} with ${MessageSecurityMode[mode]}`;
    test(`a server that offers only ${name} is read`, async () => {
      await using server = await FakeOpcuaServer.start({ policies: [policy], modes: [mode] });
      await using reader = await OpcuaReader.open(server);
      const sink = reader.attach({ points: fakeTable(3) });
      await sink.until(() => sink.frames.length > 0);
      await sink.until(() => (mode === Sign) === sink.text.includes("can read along"));
      assert.equal(sink.now, "online");
    });
  }
}

for (const policy of [Basic256, Basic128Rsa15]) {
  test(`a server that offers only ${policy.split("#").at(-1)} or no security is refused`, async () => {
    const modes = [None, Sign, SignAndEncrypt];
    await using server = await FakeOpcuaServer.start({ policies: [policy], modes });
    await using reader = await OpcuaReader.open(server);
    const sink = reader.attach({ points: fakeTable(1) });
    await sink.until(() => sink.now === "backoff");
    assert.match(sink.text, /no signed endpoint that is safe today/);
    assert.ok(!server.asked.some(({ service }) => service === "CreateSessionRequest"));
  });
}

test("a server that answers nothing without security is reached by its trusted certificate", async () => {
  const policies = [Aes128_Sha256_RsaOaep];
  await using server = await FakeOpcuaServer.start({ policies, answersUnsecured: false });
  await using reader = await OpcuaReader.open(server);
  const sink = reader.attach({ points: fakeTable(3) });
  await sink.until(() => sink.now === "online");
  await using stranger = await FakeOpcuaServer.start();
  await using other = await OpcuaReader.open({ url: server.url, pem: stranger.pem });
  const refused = other.attach({ points: fakeTable(3) });
  await refused.until(() => refused.now === "backoff");
  assert.equal(refused.frames.length, 0);
});

/** An endpoint as a server describes it. */
function endpoint(
  securityMode: MessageSecurityMode,
  policy: SecurityPolicy,
  more: object = {},
): EndpointDescription {
  const rest = { transportProfileUri: TCP, userIdentityTokens: [], ...more };
  return { securityMode, securityPolicyUri: policy, ...rest } as unknown as EndpointDescription;
}

test("the best endpoint is the encrypted one, then the one with the best policy", () => {
  const all = [None, Sign, SignAndEncrypt].flatMap((mode) =>
    [Basic128Rsa15, Basic256, Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss].map(
      (policy) => endpoint(mode, policy),
    ),
  );
  const order: string[] = [];
  for (let left = all; ;) {
    const best = bestEndpoint(left);
    if (best === undefined) {
      break;
    }
    order.push(
      `${MessageSecurityMode[best.securityMode]} ${best.securityPolicyUri?.split("#")[1]}`,
    );
    left = left.filter((one) => one !== best);
  }
  assert.deepEqual(order, [
    "SignAndEncrypt Aes256_Sha256_RsaPss",
    "SignAndEncrypt Basic256Sha256",
    "SignAndEncrypt Aes128_Sha256_RsaOaep",
    "Sign Aes256_Sha256_RsaPss",
    "Sign Basic256Sha256",
    "Sign Aes128_Sha256_RsaOaep",
  ]);
  const https = { transportProfileUri: "http://opcfoundation.org/UA-Profile/Transport/https" };
  assert.equal(bestEndpoint([endpoint(SignAndEncrypt, Basic256Sha256, https)]), undefined);
});

test("better endpoints that somebody left out of the first answer are noticed", () => {
  const signed = endpoint(Sign, Basic256Sha256);
  const encrypted = endpoint(SignAndEncrypt, Basic256Sha256);
  checkDowngrade(encrypted, [signed, encrypted], "opc.tcp://a:1");
  checkDowngrade(signed, [signed], "opc.tcp://a:1");
  const error = { code: "WARD_OPCUA_DOWNGRADE" };
  assert.throws(() => checkDowngrade(signed, [signed, encrypted], "opc.tcp://a:1"), error);
  assert.throws(() => checkDowngrade(signed, [], "opc.tcp://a:1"), error);
});

test("a password is shown only where nobody can read it", () => {
  const user = { kind: "password", name: "a", password: "b" } as const;
  const chosen = (mode: MessageSecurityMode, policies: (string | null)[]): unknown => {
    const tokens = policies.map((securityPolicyUri) => ({
      tokenType: UserTokenType.UserName,
      securityPolicyUri,
    }));
    const offered = endpoint(mode, Basic256Sha256, { userIdentityTokens: tokens });
    return tokenPolicy(offered, user, "opc.tcp://a:1").securityPolicyUri;
  };
  const refused = { code: "WARD_OPCUA_LOGIN" };
  assert.equal(chosen(Sign, [SecurityPolicy.None, Basic256Sha256]), Basic256Sha256);
  assert.equal(chosen(Sign, [null]), null);
  assert.equal(chosen(SignAndEncrypt, [SecurityPolicy.None]), SecurityPolicy.None);
  assert.equal(
    chosen(SignAndEncrypt, [SecurityPolicy.None, Aes256_Sha256_RsaPss]),
    Aes256_Sha256_RsaPss,
  );
  assert.throws(() => chosen(Sign, [SecurityPolicy.None]), refused);
  assert.throws(() => chosen(SignAndEncrypt, [Basic128Rsa15]), refused);
  assert.throws(() => chosen(SignAndEncrypt, []), refused);
});

test("a login by name and password is used, and a wrong one is told without showing it", async () => {
  const users = { reader: "s3cret-word" };
  await using server = await FakeOpcuaServer.start({ users });
  for (const [password, isRight] of [
    ["s3cret-word", true],
    ["wr0ng-word", false],
  ] as const) {
    await using reader = await OpcuaReader.open(server, (pki) =>
      login(pki, server.url, { kind: "password", name: "reader", password }),
    );
    const sink = reader.attach({ points: fakeTable(3) });
    await sink.until(() => sink.now === (isRight ? "online" : "backoff"));
    const told = JSON.stringify([sink.states, sink.faults]);
    assert.ok(!told.includes(password));
    assert.ok(
      isRight || /refuses the login.*trying again in about 60 s/.test(sink.text),
      sink.text,
    );
  }
  await using nobody = await OpcuaReader.open(server);
  const sink = nobody.attach({ points: fakeTable(3) });
  await sink.until(() => sink.now === "backoff");
  assert.match(sink.text, /the server wants a login.*wardgate devices login/);
});

test("a login by certificate is used", async () => {
  const { certificate, key } = selfSigned();
  const userCertificates = [new X509Certificate(certificate).raw];
  await using server = await FakeOpcuaServer.start({ userCertificates });
  await using reader = await OpcuaReader.open(server, (pki) =>
    login(pki, server.url, { kind: "certificate", certificate, key }),
  );
  const sink = reader.attach({ points: fakeTable(3) });
  await sink.until(() => sink.now === "online");
});

async function login(
  pki: string,
  url: string,
  user: Parameters<typeof writeUser>[2],
): Promise<void> {
  await mkdir(pki, { recursive: true });
  await writeUser(pki, url, user);
}

/** A user's certificate and key, made by an independent tool. */
function selfSigned(): { certificate: string; key: string } {
  const directory = mkdtempSync(join(tmpdir(), "wardgate-user-"));
  try {
    const [keyFile, file] = [join(directory, "key.pem"), join(directory, "certificate.pem")];
    const what = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=reader -keyout".split(" ");
    // node-opcua leaves a configuration of its own in the environment.
    const env = { PATH: process.env["PATH"] ?? "" };
    execFileSync("openssl", [...what, keyFile, "-out", file], { stdio: "ignore", env });
    return { certificate: readFileSync(file, "utf8"), key: readFileSync(keyFile, "utf8") };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("a login file is for one line and its owner, and what is wrong with it shows nothing of it", async () => {
  const pki = await mkdtemp(join(tmpdir(), "wardgate-users-"));
  try {
    const line = "opc.tcp://10.0.0.9:4840";
    assert.equal(await readUser(pki, line), null);
    const user = { kind: "password", name: "anna", password: "s3cret" } as const;
    const file = await writeUser(pki, line, user);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.ok(!file.includes("10.0.0.9"));
    assert.deepEqual(await readUser(pki, line), user);
    assert.equal(await readUser(pki, "opc.tcp://10.0.0.9:4841"), null);

    await chmod(file, 0o644);
    await assert.rejects(readUser(pki, line), {
      code: "WARD_OPCUA_LOGIN_FILE",
      message: /others may read it/,
    });
    const spoiled = [
      '{"password":"s3cret"',
      '{"line":"x","kind":"password","name":"a","password":"s3cret"}',
      "[]",
    ];
    for (const text of spoiled) {
      await writeFile(userFile(pki, line), text, { mode: 0o600 });
      await chmod(file, 0o600);
      await assert.rejects(readUser(pki, line), (error: Error) => {
        assert.match(error.message, /no login for this line/);
        assert.ok(!`${error.message}${String(error.cause)}`.includes("s3cret"));
        return true;
      });
    }
    for (const bad of [
      { kind: "password", name: "", password: "x" },
      { kind: "certificate", certificate: "x", key: "y" },
      { kind: "certificate", certificate: selfSigned().certificate, key: selfSigned().key },
    ] as const) {
      await assert.rejects(writeUser(pki, line, bad), { code: "WARD_USAGE" });
    }
  } finally {
    await rm(pki, { recursive: true, force: true });
  }
});

test("a server that has got another certificate is named as such", async () => {
  await using before = await FakeOpcuaServer.start();
  await using now = await FakeOpcuaServer.start();
  await using reader = await OpcuaReader.open({ url: now.url, pem: before.pem });
  const sink = reader.attach({ points: fakeTable(3) });
  await sink.until(() => sink.now === "backoff");
  assert.match(sink.text, /its certificate has changed/);
  for (const pem of [before.pem, now.pem]) {
    assert.ok(sink.text.includes(thumbprint(new X509Certificate(pem).raw)));
  }
  assert.equal(sink.frames.length, 0);
});

test("a server that does not know this gateway is told with the thumbprint to trust", async () => {
  await using server = await FakeOpcuaServer.start({ welcomesAll: false });
  await using reader = await OpcuaReader.open(server);
  const sink = reader.attach({ points: fakeTable(3) });
  await sink.until(() => sink.now === "backoff");
  const [own] = await ownCertificates(reader.pki, "gw-test");
  assert.ok(sink.text.includes(own.thumbprint), sink.text);
  await server.trust(new X509Certificate(await readFile(own.certificateFile)).raw);
  await sink.until(() => sink.now === "online");
});

test("this gateway's certificate is renewed before its end, and the old one serves until servers trust the new one", async () => {
  await using server = await FakeOpcuaServer.start({ welcomesAll: false });
  await using reader = await OpcuaReader.open(server, (pki) => makeOwn(pki, 20));
  const before = await readFile(join(reader.pki, "own/certs/client_certificate.pem"), "utf8");
  await server.trust(new X509Certificate(before).raw);
  const sink = reader.attach({ points: fakeTable(3) });
  await sink.until(() =>
    /must trust this gateway's next certificate before \d{4}-/.test(sink.text),
  );
  assert.equal(sink.now, "online");

  const certificates = await ownCertificates(reader.pki, "gw-test");
  assert.equal(certificates.length, 2);
  const [next, current] = certificates;
  assert.equal(await readFile(current!.certificateFile, "utf8"), before);
  assert.ok(next.endsAt > Date.now() + 9 * 365 * 86_400_000);
  assert.ok(sink.text.includes(next.thumbprint));
  const renewed = new X509Certificate(await readFile(next.certificateFile));
  assert.match(renewed.subjectAltName ?? "", /URI:urn:wardgate:gw-test/);
  assert.deepEqual(
    renewed.publicKey.export({ format: "jwk" }),
    new X509Certificate(before).publicKey.export({ format: "jwk" }),
  );

  // Once the server trusts it, a new session is opened with it, and nothing is to be said any more.
  await server.trust(renewed.raw);
  await using later = await OpcuaReader.open(server, async (pki) => {
    await rm(pki, { recursive: true, force: true });
    await mkdir(join(pki, ".."), { recursive: true });
    execFileSync("cp", ["-a", reader.pki, pki]);
  });
  const second = later.attach({ points: fakeTable(3) });
  await second.until(() => second.frames.length > 3);
  assert.equal(second.text, "reading");
});

/** A certificate of this gateway that ends in some days. */
async function makeOwn(pki: string, days: number): Promise<void> {
  await mkdir(pki, { recursive: true, mode: 0o700 });
  const manager = new OPCUACertificateManager({ rootFolder: pki, disableFileWatchers: true });
  await manager.initialize();
  await manager.createSelfSignedCertificate({
    applicationUri: "urn:wardgate:gw-test",
    dns: ["localhost"],
    outputFile: join(pki, "own/certs/client_certificate.pem"),
    startDate: new Date(Date.now() - 86_400_000),
    subject: "/CN=Wardgate gw-test",
    validity: days + 1,
  });
  await manager.dispose();
}
