import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { makeBinding } from "../../../gateway/identity/identity.ts";
import { GATEWAY_FILES } from "../../../gateway/identity/site-files.ts";
import { CurrentIdentity } from "../../../gateway/keeper/current-identity.ts";
import { createAuthority, type Authority } from "../../../provisioning/authority.ts";
import { issueGateway } from "../../../provisioning/ca.ts";
import { replacePrivate } from "../../../provisioning/private-files.ts";
import { addGateway } from "../../../provisioning/site.ts";
import { softwareTlsKey } from "../../../gateway/identity/key-provider.ts";

let root: string;
let authority: Authority;
let directory: string;

before(async () => {
  root = mkdtempSync(join(tmpdir(), "ward-identity-"));
  authority = await createAuthority({
    directory: join(root, "ca"),
    site: "Test",
    passphrase: null,
  });
  directory = join(root, "gateway");
  await addGateway(authority, directory, "gw-001");
});

after(() => rmSync(root, { recursive: true }));

test("a renewed certificate with its binding is taken over; half of it, or another key, is not", async () => {
  const current = new CurrentIdentity(directory);
  const path = (file: string): string => join(directory, file);
  const old = current.certificate;
  const renewed = await issueGateway(authority.gateways, "gw-001");
  await replacePrivate(path(GATEWAY_FILES.certificate), renewed.certificate);
  assert.throws(() => current.reload(), { code: "WARD_IDENTITY", message: /not the key of/ });
  assert.equal(current.certificate, old, "the one before stays");
  await replacePrivate(path(GATEWAY_FILES.key), renewed.key);
  const binding = makeBinding({
    certificateChainPem: renewed.certificate,
    certificateKey: softwareTlsKey(createPrivateKey(renewed.key)),
    signingPublicKey: createPublicKey(readFileSync(path(GATEWAY_FILES.signingKey))),
    now: Date.now(),
  });
  await replacePrivate(path(GATEWAY_FILES.binding), binding);
  current.reload();
  assert.notEqual(current.certificate.serialNumber, old.serialNumber);
  assert.deepEqual(Buffer.from(current.binding), Buffer.from(binding));
  const other = join(root, "other");
  await addGateway(authority, other, "gw-001");
  for (const file of CurrentIdentity.paths("")) {
    if (existsSync(join(other, file))) {
      await replacePrivate(path(file), readFileSync(join(other, file)));
    }
  }
  assert.throws(() => current.reload(), { code: "WARD_IDENTITY", message: /Restart/ });
  assert.equal(current.gateway, "gw-001");
});
