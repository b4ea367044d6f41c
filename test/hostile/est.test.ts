import assert from "node:assert/strict";
import { sign } from "node:crypto";
import { readdir } from "node:fs/promises";
import { after, before, test } from "node:test";

import { makeSigningRequest, readSigningRequest } from "../../gateway/enrolment/csr.ts";
import type { EstLogin } from "../../gateway/enrolment/est-client.ts";
import {
  DER_BIT_STRING,
  DER_CONTEXT_0,
  DER_INTEGER,
  DER_SEQUENCE,
  DER_SET,
  DER_UTF8_STRING,
  derChildren,
  readDer,
  writeDer,
  writeObjectId,
} from "../../gateway/identity/der.ts";
import { command as ca } from "../../gateway/commands/ca.ts";
import { issueGateway, type Identity } from "../../provisioning/ca.ts";
import { makeClaim } from "../../provisioning/claims.ts";
import { readIssued, recordIssued } from "../../provisioning/issued.ts";
import { heard, NASTY, ONE_LINE, silent, tls } from "../fakes/hostile-kit.ts";
import { run } from "../gateway/commands/wardgate.ts";
import { EstSite, newKey } from "../provisioning/est-site.ts";
import { softwareTlsKey } from "../../gateway/identity/key-provider.ts";

/** The enrolment server, attacked by strangers, by who has a claim, and by who has a gateway's card. */

let site: EstSite;
before(async () => {
  site = await EstSite.open();
});
after(() => site.close());

const ENROLL = "/.well-known/est/simpleenroll";
const CACERTS = "/.well-known/est/cacerts";
const HOUR_MS = 3_600_000;

let strangers = 0;

/** Says these bytes over TLS and hears all that is answered; the first line, and all of it. Each time it is another stranger. */
async function say(text: string): Promise<{ first: string; all: string }> {
  strangers += 1;
  const localAddress = `127.0.5.${strangers}`;
  const socket = tls(site.port, { ca: site.authority.roots.servers, localAddress });
  socket.write(text);
  const all = await heard(socket);
  return { first: all.split("\r\n")[0] ?? "", all };
}

async function cardOf(gateway: string, of: EstSite = site): Promise<Identity & EstLogin> {
  const { certificate, key } = await issueGateway(of.authority.gateways, gateway);
  const { directory } = of.authority;
  await recordIssued(directory, { kind: "gateways", by: "command", certificate });
  return { certificate, key, cert: certificate };
}

async function standing(gateway: string, of: EstSite = site): Promise<number> {
  const issued = await readIssued(of.authority.directory, "gateways");
  return issued.filter(({ name, revokedAt }) => name === gateway && revokedAt === null).length;
}

test("who only holds connections open keeps nobody out, at his own address or another", async () => {
  const flood = await Promise.all(Array.from({ length: 280 }, () => silent(site.port)));
  assert.equal((await site.client.authorities()).length, 2);
  const open = flood.filter((socket) => !socket.destroyed).length;
  assert.ok(open <= 128, `${open} of one address`);
  const others = await Promise.all(
    Array.from({ length: 280 }, (_, place) => silent(site.port, `127.0.1.${1 + (place % 10)}`)),
  );
  assert.equal((await site.client.authorities()).length, 2);
  [...flood, ...others].forEach((socket) => socket.destroy());
});

test("who has a gateway's card cannot fill the disk with renewals, nor keep others from theirs", async () => {
  const card = await cardOf("gw-101");
  const statuses: string[] = [];
  for (let tries = 0; tries < 14; tries += 1) {
    const asked = await site.ask("gw-101", card).then(
      () => "renewed",
      (error: unknown) => String(error).replace(/^.*?(WARD|answers) /, ""),
    );
    statuses.push(asked);
  }
  const renewed = statuses.filter((status) => status === "renewed").length;
  assert.ok(renewed <= 11, `${renewed} renewals`);
  assert.match(statuses.at(-1) ?? "", /429/);
  assert.equal(await standing("gw-101"), 1 + renewed);
  const other = await cardOf("gw-102");
  assert.equal((await site.ask("gw-102", other)).length, 1);
});

test("a gateway that renews while it is revoked ends with nothing that counts", async () => {
  // One of its own: who fails often at one has to wait.
  const own = await EstSite.open();
  for (let round = 0; round < 4; round += 1) {
    const gateway = `gw-2${round}0`;
    const card = await cardOf(gateway, own);
    const directory = ["--directory", own.authority.directory];
    const [, revoked] = await Promise.all([
      Promise.allSettled([1, 2, 3].map(() => own.ask(gateway, card))),
      run(ca, ["revoke", ...directory, "--gateway", gateway, "--why", "stolen"]),
    ]);
    assert.equal(revoked.code, 0, revoked.stderr);
    assert.equal(await standing(gateway, own), 0, gateway);
    if (round === 0) {
      await assert.rejects(own.ask(gateway, card), {
        code: "WARD_EST_REFUSED",
        message: /revoked/,
      });
    }
  }
  await own.close();
});

test("requests inside requests, two lengths, folded and broken headers are refused, and no second answer comes", async () => {
  const head = `POST ${ENROLL} HTTP/1.1\r\nHost: x\r\n`;
  const inner = `GET ${CACERTS} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const bad: Readonly<Record<string, string>> = {
    "length and chunks": `${head}Content-Length: ${inner.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    "two lengths": `${head}Content-Length: 0\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
    "a length with a sign": `${head}Content-Length: +5\r\n\r\nAAAAA`,
    "chunks that are none": `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${inner}`,
    "a folded header": `${head}X: a\r\n b: c\r\n\r\n`,
    "a name with a space": `${head}Content-Length : 0\r\n\r\n`,
    "a NUL in a header": `${head}X: a\0b\r\n\r\n`,
    "no host": `GET ${CACERTS} HTTP/1.1\r\n\r\n`,
    "line ends that are none": `${head}X: a\n\nGET ${CACERTS} HTTP/1.1\r\n\r\n`,
    "another protocol": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  };
  for (const [what, text] of Object.entries(bad)) {
    const { first, all } = await say(text);
    assert.match(first, /^HTTP\/1\.1 (400|401) /, what);
    assert.equal(all.split("HTTP/1.1 ").length, 2, `${what}: one answer`);
    assert.doesNotMatch(all, /pkcs7/, what);
  }
});

test("no other spelling of a path is a path, and none leads out", async () => {
  const paths = [
    "/.well-known/est/../est/cacerts",
    "/.well-known/est//cacerts",
    "/.well-known/est/cacerts/",
    "/.well-known/est/%63acerts",
    `${CACERTS}?x=1`,
    "/../../../../etc/passwd",
    "/.well-known/wardgate/../../issued",
    "/constructor",
    "/__proto__",
    "/toString",
    "http://127.0.0.1/.well-known/est/cacerts",
  ];
  for (const path of paths) {
    const { first } = await say(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    assert.match(first, /^HTTP\/1\.1 (404|400) /, path);
  }
});

test("a login names a gateway and nothing else: no path, no header, no line", async () => {
  const files = await readdir(site.authority.directory, { recursive: true });
  const { length } = site.events;
  const csr = Buffer.from(makeSigningRequest("gw-001", softwareTlsKey(newKey()))).toString(
    "base64",
  );
  for (const login of [
    "../list-number:x",
    "gw-001/../gw-002:x",
    `gw-001${NASTY}:x`,
    ":x",
    "gw-001:",
    "__proto__:x",
  ]) {
    const basic = Buffer.from(login).toString("base64");
    const { first, all } = await say(
      `POST ${ENROLL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic ${basic}\r\n` +
        `Content-Type: application/pkcs10\r\nContent-Length: ${csr.length}\r\n\r\n${csr}`,
    );
    assert.match(first, /^HTTP\/1\.1 401 /, login);
    assert.doesNotMatch(all, /forged/, login);
  }
  for (const { gateway, text } of site.events.slice(length)) {
    assert.match(gateway + text, ONE_LINE);
  }
  const listed = await readdir(site.authority.directory, { recursive: true });
  assert.deepEqual(listed.toSorted(), files.toSorted(), "nothing was written");
});

/** A request for `name` that also asks to be an authority, for every use and for another's names. */
function greedyRequest(name: Uint8Array): Uint8Array {
  const key = newKey();
  const [info] = derChildren(readDer(makeSigningRequest("gw-000", softwareTlsKey(key))));
  const [, , spki] = derChildren(info ?? readDer(Buffer.of()));
  const subject = writeDer(DER_SEQUENCE, writeObjectId("2.5.4.3"), writeDer(DER_UTF8_STRING, name));
  const asCa = writeDer(DER_SEQUENCE, Buffer.from("0101ff", "hex"));
  const wished = [
    writeDer(DER_SEQUENCE, writeObjectId("2.5.29.19"), writeDer(0x04, asCa)),
    writeDer(
      DER_SEQUENCE,
      writeObjectId("2.5.29.17"),
      writeDer(0x04, writeDer(DER_SEQUENCE, writeDer(0x82, Buffer.from("broker")))),
    ),
  ];
  const extensions = writeDer(
    DER_SEQUENCE,
    writeObjectId("1.2.840.113549.1.9.14"),
    writeDer(DER_SET, writeDer(DER_SEQUENCE, ...wished)),
  );
  const signed = writeDer(
    DER_SEQUENCE,
    writeDer(DER_INTEGER, Uint8Array.of(0)),
    writeDer(DER_SEQUENCE, writeDer(DER_SET, subject)),
    spki?.whole ?? Buffer.of(),
    writeDer(DER_CONTEXT_0, extensions),
  );
  return writeDer(
    DER_SEQUENCE,
    signed,
    writeDer(DER_SEQUENCE, writeObjectId("1.2.840.10045.4.3.2")),
    writeDer(DER_BIT_STRING, Uint8Array.of(0), sign("sha256", signed, key)),
  );
}

test("what a request would like to be it does not become: no authority, no other names", async () => {
  const claim = await makeClaim(site.authority.directory, "gw-301", HOUR_MS);
  const [leaf] = await site.client.enroll(greedyRequest(Buffer.from("gw-301")), claim);
  assert.equal(leaf?.subject, "CN=gw-301");
  assert.equal(leaf.ca, false);
  assert.equal(leaf.subjectAltName, undefined);
  const names = ["gw-302\0.x", "gw-302,CN=gw-303", "GW-302", "gw-302 ", "*"];
  for (const name of names) {
    const login = await makeClaim(site.authority.directory, "gw-302", HOUR_MS);
    await assert.rejects(site.client.enroll(greedyRequest(Buffer.from(name)), login), {
      code: "WARD_EST_REFUSED",
      message: /400/,
    });
  }
});

test("signing requests that nest without end, or announce what is not there, are refused", () => {
  const deep = Array.from({ length: 5000 }).reduce<Uint8Array>(
    (inside) => writeDer(DER_SEQUENCE, inside),
    Buffer.of(),
  );
  const announced = Buffer.from("3084ffffffff", "hex");
  const endless = Buffer.from("3080", "hex");
  const many = writeDer(DER_SEQUENCE, Buffer.alloc(60_000));
  for (const bytes of [
    deep,
    announced,
    endless,
    many,
    Buffer.alloc(0),
    Buffer.alloc(16_000, 0x30),
  ]) {
    assert.throws(() => readSigningRequest(bytes), { code: "WARD_CSR" });
  }
});
