import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { command as wipe } from "../../../gateway/commands/wipe.ts";
import { GATEWAY_FILES } from "../../../gateway/identity/site-files.ts";
import { createAuthority } from "../../../provisioning/authority.ts";
import { addGateway } from "../../../provisioning/site.ts";
import { run } from "../commands/wardgate.ts";

/** A whole life that ends with wiping: test/gateway/commands/ca.test.ts; with a TPM: test/system/tpm.test.ts. */

test("keys are destroyed also when nobody can tell what lies in the TPM, and that is said", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "ward-wipe-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const ca = join(directory, "ca");
  const authority = await createAuthority({ directory: ca, site: "Test", passphrase: null });
  const data = join(directory, "gw-001");
  await addGateway(authority, data, "gw-001");
  const place = join(data, "identity/tpm.json");
  writeFileSync(place, "{", { mode: 0o600 });
  const { code, stderr } = await run(wipe, ["--data", data, "--gateway", "gw-001", "--json"]);
  assert.equal(code, "WARD_WIPE");
  assert.match(stderr, /files are destroyed, but .*tpm\.json is damaged.* tpm2_clear/);
  for (const file of [
    place,
    ...[GATEWAY_FILES.key, GATEWAY_FILES.signingKey].map((f) => join(data, f)),
  ]) {
    assert.ok(!existsSync(file), file);
  }
});
