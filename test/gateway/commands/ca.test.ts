import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { command as ca } from "../../../gateway/commands/ca.ts";
import { command as enroll } from "../../../gateway/commands/enroll.ts";
import { command as wipe } from "../../../gateway/commands/wipe.ts";
import { lockDataDirectory } from "../../../gateway/data-lock.ts";
import { loadSite } from "../../../gateway/house/site.ts";
import { loadGatewayIdentity } from "../../../gateway/identity/identity.ts";
import { isRevoked, readRevocationLists } from "../../../gateway/identity/revocation.ts";
import { GATEWAY_FILES } from "../../../gateway/identity/site-files.ts";
import { valueAt } from "../../../gateway/json-value.ts";
import { createAuthority, Authority } from "../../../provisioning/authority.ts";
import { EstSite } from "../../provisioning/est-site.ts";
import { run, type Run } from "./wardgate.ts";

/** The verbs of IT, as they are typed: an authority, its claims and lists, and a gateway's life from enrolment to wiping. */

const PASSPHRASE = "correct horse battery";
let root: string;
let directory: string;
let passphraseFile: string;

before(async () => {
  root = mkdtempSync(join(tmpdir(), "ward-commands-"));
  directory = join(root, "bench");
  passphraseFile = join(root, "passphrase");
  writeFileSync(passphraseFile, `${PASSPHRASE}\n`);
  // Its keys lie in clear: the passphrase is what one test is about, and costs time in every other.
  await createAuthority({ directory, site: "Test", passphrase: null });
});

after(() => rmSync(root, { recursive: true }));

async function say(...args: readonly string[]): Promise<Run> {
  const done = await run(ca, [
    ...args,
    "--directory",
    directory,
    "--passphrase-file",
    passphraseFile,
  ]);
  assert.equal(done.code, 0, done.stderr);
  return done;
}

function path(...parts: readonly string[]): string {
  return join(root, ...parts);
}

test("init locks every key under a passphrase, the roots' apart from the others", async () => {
  const site = path("site");
  const args = ["init", "--directory", site, "--site", "Ward 5", "--offline", path("safe")];
  const bare = await run(ca, args);
  assert.notEqual(bare.code, 0, "no passphrase");
  writeFileSync(path("short"), "eleven char");
  assert.equal(
    (await run(ca, [...args, "--passphrase-file", path("short")])).code,
    "WARD_PASSPHRASE",
  );
  const done = await run(ca, [...args, "--passphrase-file", passphraseFile, "--json"]);
  assert.equal(done.code, 0, done.stderr);
  const keys = [site, path("safe")].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".key"))
      .map((name) => join(folder, name)),
  );
  assert.equal(keys.length, 5);
  for (const file of keys) {
    assert.match(readFileSync(file, "utf8"), /argon2id/);
    assert.equal(statSync(file).mode & 0o077, 0);
  }
  assert.ok(!readdirSync(site).some((name) => name.includes("root.key")));
  assert.throws(() => new Authority(site).gateways, { code: "WARD_PASSPHRASE" });
  assert.throws(() => new Authority(site, { passphrase: "wrong horse battery" }).gateways, {
    code: "WARD_PASSPHRASE",
  });
  const { gateways, roots } = new Authority(site, { passphrase: PASSPHRASE });
  const issuing = new X509Certificate(gateways.certificate);
  assert.ok(issuing.ca && issuing.checkIssued(new X509Certificate(roots.gateways)));
  const again = await run(ca, [...args, "--passphrase-file", passphraseFile]);
  assert.equal(again.code, "WARD_PROVISION_EXISTS");
});

test("issue, settings and mosquitto make what each machine needs", async () => {
  await say("issue", "--hub", "hub-1", "--to", path("hub"));
  await say("issue", "--broker", "localhost, 127.0.0.1", "--to", path("broker"), "--days", "30");
  await say("issue", "--gateway", "gw-009", "--to", path("gw-009"));
  const broker = new X509Certificate(readFileSync(path("broker", "broker.crt.pem")));
  assert.equal(broker.subjectAltName, "DNS:localhost, IP Address:127.0.0.1");
  assert.equal(loadGatewayIdentity(path("gw-009", "identity")).gateway, "gw-009");
  writeFileSync(
    path("settings.json"),
    '{"broker":{"url":"mqtts://localhost:8883","serverName":"x"}}',
  );
  const settings = ["settings", "--gateway", "gw-009", "--hub", path("hub")];
  await say(...settings, "--settings", path("settings.json"), "--to", path("gw-009"));
  assert.equal((await loadSite(path("gw-009"))).authoring, false, "careful by default");
  await say("mosquitto", "--hub", "hub-1", "--to", path("broker"), "--gateway-port", "1234");
  assert.match(
    readFileSync(path("broker", "mosquitto.conf"), "utf8"),
    /listener 1234 127\.0\.0\.1/,
  );
  const listed = JSON.parse((await say("list", "--json")).stdout);
  const names = valueAt(listed, "certificates");
  assert.match(JSON.stringify(names), /"name":"gw-009".*"name":"hub-1"/s);
});

test("revoke and crl: the lists name who is out, by name or by number, with growing numbers", async () => {
  await say("issue", "--gateway", "gw-020", "--to", path("gw-020"));
  const { certificate } = loadGatewayIdentity(path("gw-020", "identity"));
  const listsOf = (): ReturnType<typeof readRevocationLists> =>
    readRevocationLists(readFileSync(path("lists", "gateways.crl.pem"), "utf8"));
  const issuing = new X509Certificate(new Authority(directory).gateways.certificate);
  await say("crl", "--to", path("lists"), "--days", "7");
  assert.ok(!isRevoked(certificate, issuing, listsOf()));
  await say("revoke", "--gateway", "gw-020", "--why", "stolen");
  await say("crl", "--to", path("lists"), "--to", path("gw-020"));
  assert.ok(isRevoked(certificate, issuing, listsOf()));
  assert.ok(readdirSync(path("gw-020", "identity")).includes("servers.crl.pem"));
  assert.match((await say("list", "--all")).stdout, /gw-020.*revoked \(stolen\)/);
  assert.doesNotMatch((await say("list")).stdout, /gw-020/);
  const unknown = ["revoke", "--serial", "ff", "--directory", directory];
  assert.equal((await run(ca, unknown)).code, "WARD_CA_UNKNOWN");
});

test("wrong words are said to be wrong", async () => {
  const given = ["--directory", directory, "--passphrase-file", passphraseFile];
  const wrong: readonly (readonly string[])[] = [
    [],
    ["nonsense", ...given],
    ["claim", ...given],
    ["claim", "--gateway", "gw-001", "--hours", "0", ...given],
    ["issue", "--gateway", "gw-001", "--hub", "hub-1", "--to", path("x"), ...given],
    ["issue", "--gateway", "gw-001", ...given],
    ["issue", "--gateway", "gw-001", "--days", "9999", "--to", path("x"), ...given],
    ["crl", ...given],
    ["revoke", ...given],
    ["serve", "--port", "x", "--names", "localhost", ...given],
    ["list", "--nonsense", ...given],
  ];
  for (const args of wrong) {
    assert.equal((await run(ca, args)).code, "WARD_USAGE", args.join(" "));
  }
  for (const id of ["GW-1", "gw", "../gw", "hub-1"]) {
    assert.equal((await run(ca, ["claim", "--gateway", id, ...given])).code, "WARD_CA_NAME", id);
  }
});

test("a gateway's life: claimed, enrolled, enrolled again, wiped, and the wiping proven", async () => {
  const est = await EstSite.open({ authority: new Authority(directory) });
  const data = path("gw-001");
  const claim = async (file: string): Promise<string> => {
    const server = ["--server", est.url, "--to", path(file)];
    await say("claim", "--gateway", "gw-001", ...server);
    return path(file);
  };
  try {
    const first = await claim("first.claim");
    assert.equal(statSync(first).mode & 0o077, 0);
    const stored = readFileSync(join(directory, "claims", "gw-001.json"), "utf8");
    const { token } = JSON.parse(readFileSync(first, "utf8"));
    assert.ok(!stored.includes(token), "the authority keeps only its hash");
    const enrolled = await run(enroll, ["--data", data, "--claim", first, "--json"]);
    assert.equal(enrolled.code, 0, enrolled.stderr);
    assert.equal(valueAt(JSON.parse(enrolled.stdout), "isInstalled"), true);
    const { gateway, certificate } = loadGatewayIdentity(join(data, "identity"));
    assert.equal(gateway, "gw-001");
    const replayed = await run(enroll, ["--data", path("thief"), "--claim", first]);
    assert.equal(replayed.code, "WARD_EST_REFUSED");
    assert.ok(!replayed.stderr.includes(token));

    process.env["WARD_CLAIM"] = readFileSync(await claim("second.claim"), "utf8");
    const again = await run(enroll, ["--data", data]);
    delete process.env["WARD_CLAIM"];
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /when it has connected/);
    const still = loadGatewayIdentity(join(data, "identity")).certificate;
    assert.equal(still.serialNumber, certificate.serialNumber, "the old one stays in force");

    const wrong = await run(wipe, ["--data", data, "--gateway", "gw-002"]);
    assert.equal(wrong.code, "WARD_WIPE");
    const lock = await lockDataDirectory(data);
    const running = await run(wipe, ["--data", data, "--gateway", "gw-001"]);
    assert.equal(running.code, "WARD_DATA_LOCKED");
    lock.release();
    assert.equal(loadGatewayIdentity(join(data, "identity")).gateway, "gw-001", "untouched");
    const out = path("wiped.json");
    const wiped = await run(wipe, ["--data", data, "--gateway", "gw-001", "--to", out]);
    assert.equal(wiped.code, 0, wiped.stderr);
    const left = readdirSync(data, { recursive: true }).map(String);
    assert.deepEqual(
      left.filter((name) => /key/.test(name)),
      [],
    );
    assert.throws(() => loadGatewayIdentity(join(data, "identity")), { code: "WARD_IDENTITY" });

    const proven = JSON.parse((await say("wiped", out, "--json")).stdout);
    const names = readFileSync(out, "utf8");
    assert.match(names, /identity\/next\/gateway\.key\.pem/, "the one that waited too");
    assert.equal(Object(valueAt(proven, "revoked")).length, 2);
    const said = JSON.parse(names);
    const forged = Buffer.from(said.statement, "base64");
    forged.writeUInt8(forged.readUInt8(40) ^ 1, 40);
    writeFileSync(out, JSON.stringify({ ...said, statement: forged.toString("base64") }));
    assert.equal((await run(ca, ["wiped", out, "--directory", directory])).code, "WARD_WIPE");
    const rest = await run(wipe, ["--data", data, "--gateway", "gw-001", "--json"]);
    assert.equal(rest.code, 0, "a wipe that was cut off is ended");
    assert.equal(valueAt(JSON.parse(rest.stdout), "statement"), null);
  } finally {
    await est.close();
  }
});

test("enrolment that is cut off after the key was made goes on with the same claim", async () => {
  const est = await EstSite.open({ authority: new Authority(directory) });
  const data = path("gw-030");
  try {
    const file = path("gw-030.claim");
    await say("claim", "--gateway", "gw-030", "--server", est.url, "--to", file);
    assert.equal((await run(enroll, ["--data", data, "--claim", file])).code, 0);
    // As if the power had gone while the answer was on its way: only the key is there.
    const identity = join(data, "identity");
    const key = readFileSync(join(data, GATEWAY_FILES.key));
    const certificate = readFileSync(join(data, GATEWAY_FILES.certificate), "utf8");
    for (const gone of [GATEWAY_FILES.certificate, GATEWAY_FILES.binding, GATEWAY_FILES.key]) {
      rmSync(join(data, gone));
    }
    mkdirSync(join(identity, "next"));
    writeFileSync(join(identity, "next", "gateway.key.pem"), key, { mode: 0o600 });
    const again = await run(enroll, ["--data", data, "--claim", file]);
    assert.equal(again.code, 0, again.stderr);
    assert.equal(readFileSync(join(data, GATEWAY_FILES.certificate), "utf8"), certificate);
    rmSync(join(identity, "key-encryption.key"));
    assert.throws(() => loadGatewayIdentity(identity), { code: "WARD_IDENTITY" });
    const rescue = path("rescue.claim");
    await say("claim", "--gateway", "gw-030", "--server", est.url, "--to", rescue);
    assert.equal((await run(enroll, ["--data", data, "--claim", rescue])).code, 0);
    assert.equal(loadGatewayIdentity(identity).gateway, "gw-030", "a broken one is replaced");
    const other = path("other.claim");
    await say("claim", "--gateway", "gw-031", "--server", est.url, "--to", other);
    const mixed = await run(enroll, ["--data", data, "--claim", other]);
    assert.equal(mixed.code, "WARD_ENROLMENT", "another gateway's directory");
  } finally {
    await est.close();
  }
});

test("a claim that is no claim says what is wrong, and never its token", async () => {
  const bad: Readonly<Record<string, string>> = {
    "not JSON": "{",
    "not a JSON object": "[]",
    gateway: '{"gateway":"GW","token":"secret-token"}',
    token: '{"gateway":"gw-001","token":""}',
    serversRoot: '{"gateway":"gw-001","token":"secret-token","serversRoot":"x"}',
  };
  for (const [why, text] of Object.entries(bad)) {
    writeFileSync(path("bad.claim"), text);
    const done = await run(enroll, ["--data", path("x"), "--claim", path("bad.claim")]);
    assert.equal(done.code, "WARD_CLAIM", why);
    assert.match(done.stderr, new RegExp(why));
    assert.doesNotMatch(done.stderr, /secret-token/);
  }
  writeFileSync(path("bad.claim"), '{"gateway":"gw-001","token":"secret-token"}');
  const bare = await run(enroll, ["--data", path("x"), "--claim", path("bad.claim")]);
  assert.equal(bare.code, "WARD_USAGE");
});
