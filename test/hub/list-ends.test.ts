import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { listEnds } from "../../hub/list-ends.ts";
import { createAuthority } from "../../provisioning/authority.ts";
import { issueLists } from "../../provisioning/lists.ts";

test("a hub says which list comes near its end, and what cannot be read", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "ward-list-ends-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const authority = await createAuthority({ directory, site: "Test", passphrase: null });
  const { gateways: gatewaysCrl, servers: serversCrl } = await issueLists(authority, 8);
  const day = 86_400_000;
  assert.deepEqual(listEnds({ gatewaysCrl, serversCrl }, Date.now() + day), []);
  assert.deepEqual(listEnds({ gatewaysCrl: undefined, serversCrl: undefined }, Date.now()), []);
  const near = listEnds({ gatewaysCrl, serversCrl }, Date.now() + 7 * day);
  assert.match(near.join("\n"), /revoked gateways counts until .*\n.*revoked servers counts until/);
  assert.match(listEnds({ gatewaysCrl: "x", serversCrl }, Date.now()).join(), /Cannot use/);
});
