import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { isRevoked, readRevocationLists } from "../../gateway/identity/revocation.ts";
import {
  Authority,
  createAuthority,
  issuingFile,
  issuingKeyFile,
  rootKeyFile,
} from "../../provisioning/authority.ts";
import { lockedKeys, openedIssuerKey } from "../../provisioning/authority-keys.ts";
import { createIssuing, issueGateway } from "../../provisioning/ca.ts";
import { recordIssued } from "../../provisioning/issued.ts";
import type { IssuerKey } from "../../provisioning/issuer-key.ts";
import { checkPeer } from "../../provisioning/peer-check.ts";
import { issueLists } from "../../provisioning/lists.ts";
import { replaceIssuing } from "../../provisioning/replace-issuing.ts";
import { daysFrom } from "./pki.ts";

/** On brokers and at the enrolment server: test/system/issuing.test.ts, est-server.test.ts. */

async function open(t: { after: (act: () => void) => void }): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "ward-replace-"));
  t.after(() => rmSync(directory, { recursive: true }));
  await createAuthority({ directory, site: "Test", passphrase: null });
  return directory;
}

async function replace(directory: string): Promise<string> {
  return await replaceIssuing({
    authority: new Authority(directory),
    kind: "gateways",
    offline: { directory: join(directory, "offline"), secrets: { passphrase: null } },
    keys: lockedKeys(null),
    isRevoked: false,
  });
}

async function demandSigns(directory: string): Promise<void> {
  const { gateways } = new Authority(directory);
  const above = new X509Certificate(gateways.certificate);
  assert.ok(above.publicKey.equals(gateways.key.publicKey));
  const leaf = new X509Certificate((await issueGateway(gateways, "gw-001")).certificate);
  assert.ok(leaf.checkIssued(above) && leaf.verify(above.publicKey));
}

test("an issuing authority whose making was cut off is made when it is asked for again", async (t) => {
  const directory = await open(t);
  writeFileSync(join(directory, issuingKeyFile("gateways", 2)), "a key without a certificate");
  await demandSigns(directory);
  assert.match(new X509Certificate(await replace(directory)).subject, /issuing 2$/);
  await demandSigns(directory);
});

test("one that has ended goes on having a list, so that what was sealed under it is judged, and renewed in the grace", async (t) => {
  const directory = await open(t);
  const { roots } = new Authority(directory);
  const read = (name: string): string => readFileSync(join(directory, name), "utf8");
  const secrets = { passphrase: null };
  const keyOf = (name: string): IssuerKey => openedIssuerKey(read(name), secrets);
  const rootKey = keyOf(`offline/${rootKeyFile("gateways")}`);
  const root = {
    kind: "gateways",
    certificate: roots.gateways,
    key: rootKey,
    isSent: false,
  } as const;
  const now = new Date();
  const over = { notBefore: daysFrom(now, -30), notAfter: daysFrom(now, -1) };
  const ownKey = keyOf(issuingKeyFile("gateways", 1));
  const ended = await createIssuing(root, "Test gateways issuing", over, ownKey);
  writeFileSync(join(directory, issuingFile("gateways", 1)), ended.certificate);
  const { certificate } = await issueGateway(ended, "gw-001");
  await recordIssued(directory, { kind: "gateways", by: "claim", certificate });
  await replace(directory);
  const authority = new Authority(directory);
  const lists = readRevocationLists((await issueLists(authority)).gateways);
  const above = new X509Certificate(ended.certificate);
  assert.ok(lists.length === 3 && !isRevoked(new X509Certificate(certificate), above, lists));
  const issuing = authority.certificates("gateways");
  const peer = { directory, issuing, graceMs: 10 * 86_400_000 };
  const answer = await checkPeer(new X509Certificate(certificate), peer);
  assert.deepEqual(answer, { gateway: "gw-001" });
  writeFileSync(join(directory, issuingKeyFile("gateways", 1)), "thrown away");
  const without = (await issueLists(new Authority(directory))).gateways;
  assert.equal(readRevocationLists(without).length, 2, "whoever throws its key away has lists");
});

test("two who replace it at once do not mix up their keys", async (t) => {
  const directory = await open(t);
  const done = await Promise.allSettled([replace(directory), replace(directory)]);
  const failed = done.filter((one) => one.status === "rejected").map(({ reason }) => reason);
  assert.ok(failed.length <= 1);
  for (const error of failed) {
    assert.equal(error.code, "WARD_PROVISION_EXISTS");
    assert.match(error.message, /has just been replaced/);
  }
  await demandSigns(directory);
});

test("a key that is another one's signs nothing, neither certificates nor lists", async (t) => {
  const [directory, other] = [await open(t), await open(t)];
  const name = issuingKeyFile("gateways", 1);
  cpSync(join(other, name), join(directory, name));
  const refused = {
    code: "WARD_PROVISION_READ",
    message: /gateways-issuing\.key is not the key of/,
  };
  const authority = new Authority(directory);
  assert.throws(() => authority.gateways, refused);
  await assert.rejects(issueLists(authority), refused);
});

test("a new one signs without the key of the one before, whose token may be broken", async (t) => {
  const directory = await open(t);
  await replace(directory);
  writeFileSync(join(directory, issuingKeyFile("gateways", 1)), "no key any more");
  await demandSigns(directory);
});
