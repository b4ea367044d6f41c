import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { request } from "node:https";
import { connect as tcpConnect } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { connect as tlsConnect } from "node:tls";

import { readCertificatesOnly } from "../../gateway/enrolment/certificates-only.ts";
import { makeSigningRequest } from "../../gateway/enrolment/csr.ts";
import { LISTS_PATH, type EstLogin } from "../../gateway/enrolment/est-client.ts";
import { isRevoked, readRevocationLists } from "../../gateway/identity/revocation.ts";
import { issueGateway, issueHub, issueLeaf, type Identity } from "../../provisioning/ca.ts";
import { Authority } from "../../provisioning/authority.ts";
import { lockedKeys } from "../../provisioning/authority-keys.ts";
import { makeClaim } from "../../provisioning/claims.ts";
import { replaceIssuing } from "../../provisioning/replace-issuing.ts";
import { recordIssued } from "../../provisioning/issued.ts";
import { EstSite, newKey } from "./est-site.ts";
import { daysFrom, revoke } from "./pki.ts";
import { softwareTlsKey } from "../../gateway/identity/key-provider.ts";

const HOUR_MS = 3_600_000;
let site: EstSite;

/** One for each test: an address that fails often has to wait. */
beforeEach(async () => {
  site = await EstSite.open();
});

afterEach(async () => {
  await site.close();
});

async function claim(gateway: string, validMs = HOUR_MS): Promise<EstLogin> {
  return await makeClaim(site.authority.directory, gateway, validMs);
}

interface Said {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A request in any form, over TLS 1.3. */
async function say(
  path: string,
  o: { method?: string; headers?: Record<string, string>; body?: string | Buffer } = {},
  login: Partial<Identity> = {},
): Promise<Said> {
  const { promise, resolve, reject } = Promise.withResolvers<Said>();
  const asking = request(
    {
      host: "localhost",
      port: site.port,
      path,
      method: o.method ?? "POST",
      headers: { "Content-Type": "application/pkcs10", ...o.headers },
      ca: site.authority.roots.servers,
      agent: false,
      ...(login.certificate === undefined ? {} : { cert: login.certificate, key: login.key }),
    },
    (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers });
      });
      response.on("error", reject);
    },
  );
  asking.on("error", reject);
  asking.end(o.body);
  return await promise;
}

function basic(gateway: string, token: string): Record<string, string> {
  return { Authorization: `Basic ${Buffer.from(`${gateway}:${token}`).toString("base64")}` };
}

const ENROLL = "/.well-known/est/simpleenroll";
const REENROLL = "/.well-known/est/simplereenroll";

describe("a claim", () => {
  test("gives one certificate, exactly as it should be, to the key that asks", async () => {
    const key = newKey();
    const [leaf, ...more] = await site.ask("gw-001", await claim("gw-001"), key);
    assert.ok(leaf !== undefined && more.length === 0);
    assert.equal(leaf.subject, "CN=gw-001");
    assert.ok(leaf.checkPrivateKey(key));
    assert.equal(leaf.ca, false);
    assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
    assert.equal(leaf.subjectAltName, undefined);
    const days = (leaf.validToDate.getTime() - Date.now()) / 86_400_000;
    assert.ok(days > 29.9 && days < 30.1, `${days} days`);
    assert.ok(
      leaf.validFromDate.getTime() < Date.now() - HOUR_MS / 2,
      "for clocks that are behind",
    );
    const authorities = await site.client.authorities();
    const subjects = authorities.map(({ subject }) => subject);
    assert.deepEqual(subjects, ["CN=Test gateways issuing", "CN=Test gateways root"]);
    assert.ok(authorities[0] !== undefined && leaf.checkIssued(authorities[0]));
    assert.match(site.events.at(-1)?.event ?? "", /enrolled/);
  });

  test("counts once: for the same key again when the answer was lost, for another never", async () => {
    const login = await claim("gw-002");
    const key = newKey();
    const [first] = await site.ask("gw-002", login, key);
    const [again] = await site.ask("gw-002", login, key);
    assert.equal(again?.serialNumber, first?.serialNumber);
    await assert.rejects(site.ask("gw-002", login), { code: "WARD_EST_REFUSED", message: /401/ });
    assert.match(site.events.at(-1)?.text ?? "", /burnt/);
  });

  test("of many at the same time, one wins", async () => {
    const login = await claim("gw-003");
    const all = await Promise.allSettled([1, 2, 3, 4, 5].map(() => site.ask("gw-003", login)));
    assert.equal(all.filter(({ status }) => status === "fulfilled").length, 1);
  });

  test("does not count when it is over, replaced, another gateway's, or none", async () => {
    const refused = { code: "WARD_EST_REFUSED", message: /401/ };
    const late = await claim("gw-004", -1);
    await assert.rejects(site.ask("gw-004", late), refused);
    assert.match(site.events.at(-1)?.text ?? "", /expired/);
    const replaced = await claim("gw-004");
    await claim("gw-004");
    await assert.rejects(site.ask("gw-004", replaced), refused);
    const other = await makeClaim(site.authority.directory, "gw-005", HOUR_MS);
    await assert.rejects(site.ask("gw-004", { ...other, gateway: "gw-004" }), refused);
    await assert.rejects(site.ask("gw-006", { gateway: "gw-006", token: "x" }), refused);
    await site.ask("gw-005", other);
  });

  test("is not burnt by a request that is refused", async () => {
    const login = await makeClaim(site.authority.directory, "gw-007", HOUR_MS);
    const refused = { code: "WARD_EST_REFUSED", message: /400/ };
    await assert.rejects(site.ask("gw-008", login), refused, "another id in the request");
    await assert.rejects(site.ask("hub-1", login), refused);
    const forged = Buffer.from(makeSigningRequest("gw-007", softwareTlsKey(newKey())));
    forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1);
    await assert.rejects(site.client.enroll(forged, login), refused, "not signed by its key");
    const headers = basic("gw-007", login.token);
    assert.equal((await say(ENROLL, { headers, body: "no base64!" })).status, 400);
    const text = { ...headers, "Content-Type": "text/plain" };
    assert.equal((await say(ENROLL, { headers: text, body: "AAAA" })).status, 415);
    await site.ask("gw-007", login);
  });
});

describe("renewal", () => {
  async function identityOf(gateway: string, fromDays = -1, toDays = 1): Promise<Identity> {
    const now = new Date();
    const validity = { notBefore: daysFrom(now, fromDays), notAfter: daysFrom(now, toDays) };
    const identity = await issueGateway(site.authority.gateways, gateway, validity);
    await record(identity);
    return identity;
  }

  async function record({ certificate }: Identity): Promise<void> {
    const { directory } = site.authority;
    await recordIssued(directory, { kind: "gateways", by: "command", certificate });
  }

  function login({ certificate, key }: Identity): EstLogin {
    return { cert: certificate, key };
  }

  test("with the certificate before, also when that has ended, but not too long ago", async () => {
    for (const identity of [await identityOf("gw-101"), await identityOf("gw-101", -20, -9)]) {
      const [leaf] = await site.ask("gw-101", login(identity));
      assert.equal(leaf?.subject, "CN=gw-101");
      assert.equal(site.events.at(-1)?.event, "renewed");
    }
    const old = await identityOf("gw-101", -30, -11);
    const refused = { code: "WARD_EST_REFUSED", message: /403.*a new claim is needed/ };
    await assert.rejects(site.ask("gw-101", login(old)), refused);
  });

  test("after the issuing authority was replaced, by the new one, and only while the old one is not revoked", async () => {
    const old = await EstSite.open();
    const { directory } = old.authority;
    const replace = async (isOldRevoked: boolean): Promise<Authority> => {
      const offline = { directory: join(directory, "offline"), secrets: { passphrase: null } };
      const keys = lockedKeys(null);
      const authority = new Authority(directory);
      const isOut = { isRevoked: isOldRevoked };
      await replaceIssuing({ authority, kind: "gateways", offline, keys, ...isOut });
      return new Authority(directory);
    };
    try {
      const identity = await issueGateway(old.authority.gateways, "gw-001");
      const { certificate } = identity;
      await recordIssued(directory, { kind: "gateways", by: "command", certificate });
      const now = await EstSite.open({ authority: await replace(false) });
      const [renewed] = await now.ask("gw-001", login(identity));
      assert.equal(renewed?.issuer, "CN=Test gateways issuing 2");
      const subjects = (await now.client.authorities()).map(({ subject }) => subject);
      assert.deepEqual(subjects, [
        "CN=Test gateways issuing 2",
        "CN=Test gateways issuing",
        "CN=Test gateways root",
      ]);
      await now.close();
      const later = await EstSite.open({ authority: await replace(true) });
      const refused = { code: "WARD_EST_REFUSED", message: /403.*from this authority/ };
      await assert.rejects(later.ask("gw-001", login(identity)), refused);
      await later.close();
    } finally {
      await old.close();
    }
  });

  test("not for another name, and not without a certificate", async () => {
    const identity = await identityOf("gw-102");
    const refused = { code: "WARD_EST_REFUSED", message: /400.*not for gw-102/ };
    await assert.rejects(site.ask("gw-103", login(identity)), refused);
    const body = makeSigningRequest("gw-102", softwareTlsKey(newKey()));
    assert.equal((await say(REENROLL, { body: Buffer.from(body).toString("base64") })).status, 401);
    const byClaim = basic("gw-102", "x");
    assert.equal((await say(REENROLL, { headers: byClaim, body: "AAAA" })).status, 401);
  });

  test("not with a certificate that does not count", async () => {
    const { gateways, servers } = site.authority;
    const strangers = await EstSite.open();
    const recorded = async (identity: Identity): Promise<Identity> => {
      await record(identity);
      return identity;
    };
    const revoked = await identityOf("gw-104");
    await revoke(site.authority, "gateways", revoked.certificate);
    const bad: Readonly<Record<string, Identity>> = {
      "is revoked": revoked,
      "not from this authority": await issueGateway(strangers.authority.gateways, "gw-104"),
      "is not on record": await issueGateway(gateways, "gw-104"),
      "is not for a client": await recorded(
        await issueLeaf(gateways, { commonName: "gw-104", usage: "server" }),
      ),
      "is not valid yet": await identityOf("gw-104", 1, 2),
      "not from this authority: a hub's": await issueHub(servers, "hub-1"),
    };
    for (const [why, identity] of Object.entries(bad)) {
      const refused = {
        code: "WARD_EST_REFUSED",
        message: new RegExp(`403.*${why.split(":")[0]}`),
      };
      await assert.rejects(site.ask("gw-104", login(identity)), refused, why);
    }
    await strangers.close();
  });
});

describe("what strangers send", () => {
  test("other paths, other methods, long bodies and long headers", async () => {
    assert.equal((await say("/", { method: "GET" })).status, 404);
    assert.equal((await say("/.well-known/est/__proto__")).status, 404);
    assert.equal((await say("/.well-known/est/cacerts")).headers["allow"], "GET");
    assert.equal((await say(ENROLL, { method: "GET" })).status, 405);
    const refused = await say(ENROLL, { body: "AAAA" });
    assert.equal(refused.status, 401);
    assert.match(String(refused.headers["www-authenticate"]), /^Basic realm=/);
    const long = "A".repeat(200_000);
    // A server that hangs up while a client still talks is not always heard.
    const longBody = await say(ENROLL, { body: long }).catch(() => null);
    assert.ok(longBody === null || longBody.status === 413, `${longBody?.status}`);
    const wide = await say(ENROLL, { headers: { "X-Long": long } }).catch(() => null);
    assert.ok(wide === null || wide.status === 431, `${wide?.status}`);
    for (const bad of ["Basic", "Basic !!", "Bearer x", `Basic ${"A".repeat(5000)}`]) {
      assert.equal((await say(ENROLL, { headers: { Authorization: bad } })).status, 401, bad);
    }
    assert.equal((await say("/.well-known/est/cacerts", { method: "GET" })).status, 200);
  });

  test("who fails again and again has to wait", async () => {
    const body = Buffer.from(makeSigningRequest("gw-001", softwareTlsKey(newKey()))).toString(
      "base64",
    );
    const statuses: number[] = [];
    for (let tries = 0; tries < 30; tries += 1) {
      const headers = basic("gw-001", `guess-${tries}`);
      statuses.push((await say(ENROLL, { headers, body })).status);
    }
    assert.equal(statuses[0], 401);
    assert.equal(statuses.at(-1), 429);
    const wait = { code: "WARD_EST_LATER", message: /60 s/ };
    await assert.rejects(site.ask("gw-001", await claim("gw-001")), wait);
  });

  test("nothing but TLS 1.3, and noise or silence on the port harms nobody", async () => {
    const old = tlsConnect({ host: "127.0.0.1", port: site.port, maxVersion: "TLSv1.2" });
    const [error] = await new Promise<unknown[]>((resolve) => {
      old.on("error", (...what) => resolve(what));
    });
    assert.match(String(error), /protocol version/i);
    const noise = tcpConnect(site.port, "127.0.0.1", () => noise.write("GET / HTTP/1.1\r\n\r\n"));
    await new Promise<void>((resolve) => {
      noise.on("error", () => undefined);
      noise.on("close", () => resolve());
      noise.resume();
    });
    const slow = tcpConnect(site.port, "127.0.0.1");
    slow.on("error", () => undefined);
    assert.equal((await site.client.authorities()).length, 2);
    slow.destroy();
  });

  test("who says a byte now and then is not waited for", async () => {
    const hasty = await EstSite.open({ patienceMs: 200 });
    const { port, authority } = hasty;
    const ca = authority.roots.servers;
    const mute = tcpConnect(port, "127.0.0.1");
    const slow = tlsConnect({ host: "localhost", port, ca });
    const body = tlsConnect({ host: "localhost", port, ca });
    const gone = [mute, slow, body].map((socket) => {
      socket.on("error", () => undefined);
      socket.resume();
      return new Promise<void>((resolve) => socket.on("close", () => resolve()));
    });
    slow.write("POST /");
    body.write(`POST ${ENROLL} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nA`);
    const trickle = setInterval(() => [slow, body].forEach((socket) => socket.write("x")), 20);
    await Promise.all(gone);
    clearInterval(trickle);
    assert.equal((await hasty.client.authorities()).length, 2);
    await hasty.close();
  });

  test("revocation lists are there for whoever asks, and name who is out", async () => {
    const { authority } = site;
    const issuing = new X509Certificate(authority.gateways.certificate);
    const [leaf] = await site.ask("gw-301", await claim("gw-301"));
    assert.ok(leaf !== undefined);
    await revoke(authority, "gateways", leaf.toString());
    const { status, body } = await say(`${LISTS_PATH}gateways.crl.pem`, { method: "GET" });
    assert.equal(status, 200);
    assert.ok(isRevoked(leaf, issuing, readRevocationLists(body)));
    const lists = readRevocationLists((await site.client.serversLists()) ?? "");
    assert.ok(lists.some((list) => list.isBy(new X509Certificate(authority.roots.servers))));
  });

  test("an answer can be read as what it is", async () => {
    const { body, headers } = await say("/.well-known/est/cacerts", { method: "GET" });
    assert.equal(headers["content-type"], "application/pkcs7-mime; smime-type=certs-only");
    const certificates = readCertificatesOnly(Buffer.from(body, "base64"));
    assert.ok(certificates.every((one) => one instanceof X509Certificate && one.ca));
  });
});
