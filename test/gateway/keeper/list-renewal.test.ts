import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { writeEnrolment } from "../../../gateway/enrolment/enrolment-file.ts";
import { ListRenewal } from "../../../gateway/keeper/list-renewal.ts";
import { Authority } from "../../../provisioning/authority.ts";
import { lockedKeys } from "../../../provisioning/authority-keys.ts";
import type { Issuer } from "../../../provisioning/ca.ts";
import { replaceIssuing } from "../../../provisioning/replace-issuing.ts";
import { issueRevocationList } from "../../../provisioning/revocation-list.ts";
import { EstSite } from "../../provisioning/est-site.ts";
import { daysFrom } from "../../provisioning/pki.ts";

/** What false servers would like to give, test/hostile/lists.test.ts tries. */

/** Past its half: it is time for the next one. */
async function listBy(issuer: Issuer): Promise<string> {
  const now = new Date();
  const times = { thisUpdate: daysFrom(now, -9), nextUpdate: daysFrom(now, 8) };
  return await issueRevocationList(issuer, { revoked: [], number: 1, ...times });
}

/** What a gateway with these lists has after it has looked, and what it complained of. */
async function looked(
  before: string,
  est: EstSite,
): Promise<{ readonly after: string; readonly troubles: readonly string[] }> {
  const directory = mkdtempSync(join(tmpdir(), "ward-list-renewal-"));
  const identity = join(directory, "identity");
  const root = est.authority.roots.servers;
  mkdirSync(identity);
  writeEnrolment(identity, { url: est.url, ca: root });
  const file = join(identity, "servers.crl.pem");
  writeFileSync(file, before);
  const troubles: string[] = [];
  await new ListRenewal({
    dataDirectory: directory,
    identity: { loaded: { serversCrlPem: before, serversRootPem: root } },
    trouble: ({ message }) => void troubles.push(message),
  }).look(Date.now());
  const after = readFileSync(file, "utf8");
  rmSync(directory, { recursive: true });
  return { after, troubles };
}

test("lists come in which an issuing authority has none any more: it was revoked, or has ended", async (t) => {
  const site = await EstSite.open();
  t.after(() => site.close());
  const old = site.authority;
  const { directory } = old;
  const replace = async (isRevoked: boolean): Promise<Authority> => {
    const offline = { directory: join(directory, "offline"), secrets: { passphrase: null } };
    const authority = new Authority(directory);
    const keys = lockedKeys(null);
    await replaceIssuing({ authority, kind: "servers", offline, keys, isRevoked });
    return new Authority(directory);
  };
  const first = old.servers;
  const before = (await listBy(first)) + old.rootList("servers");
  // Its list says so in whole seconds.
  const begun = Math.floor(Date.now() / 1000);
  while (Math.floor(Date.now() / 1000) === begun) {
    await sleep(50);
  }
  const est = await EstSite.open({ authority: await replace(true) });
  t.after(() => est.close());
  const { after, troubles } = await looked(before, est);
  assert.deepEqual(troubles, []);
  assert.ok(after.includes(est.authority.rootList("servers").trim()), "the root's, that revokes");
  // That the first one is gone looks the same to who knew the second already, and the root says nothing new.
  const both = before.replace(old.rootList("servers"), est.authority.rootList("servers"));
  const ended = await looked(both + (await listBy(est.authority.servers)), est);
  assert.deepEqual(ended.troubles, []);
  assert.equal(ended.after.match(/BEGIN/g)?.length, 2);
});
