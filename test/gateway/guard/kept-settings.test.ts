import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { KeptSettings } from "../../../gateway/guard/kept-settings.ts";
import { networkRules, SettingsSigner } from "../../fakes/guard-kit.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "kept-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const signer = new SettingsSigner();

test("the guard goes by what it was brought, over restarts, and nobody else writes there", () => {
  const kept = KeptSettings.open(directory);
  assert.deepEqual([kept.current], [null]);
  const offer = signer.offer({ network: networkRules({ wardInterfaces: ["eth1"] }) });
  assert.equal(kept.take(offer), true);
  assert.equal(kept.take(offer), false);
  const again = KeptSettings.open(directory);
  assert.deepEqual(again.current?.settings.network?.wardInterfaces, ["eth1"]);
  assert.equal(again.current.sha256, kept.current?.sha256);
  assert.equal(statSync(join(directory, "settings.json")).mode & 0o777, 0o600);
});

test("older settings, those of another gateway and of another signer are refused, and change nothing", () => {
  const kept = KeptSettings.open(directory);
  const old = signer.offer();
  const now = signer.offer();
  kept.take(now);
  const before = kept.current;
  const stranger = new SettingsSigner();
  const codes = [
    [old, "WARD_GUARD_SIGNER"],
    [signer.offer({ gateway: "east-b" }), "WARD_GUARD_SIGNER"],
    [stranger.offer(), "WARD_GUARD_SIGNER"],
    [{ signer: signer.signer, site: stranger.offer().site }, "WARD_SITE"],
  ] as const;
  for (const [offer, code] of codes) {
    assert.throws(() => kept.take(offer), { code });
    assert.equal(kept.current, before);
  }
  assert.equal(KeptSettings.open(directory).current?.sha256, before?.sha256);
});

test("no bit of settings can be changed, on their way or where they are kept", () => {
  const kept = KeptSettings.open(directory);
  const { signer: key, site } = signer.offer();
  const bytes = Buffer.from(site, "base64");
  for (let bit = 0; bit < 8 * bytes.length; bit += 41) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const offer = { signer: key, site: changed.toString("base64") };
    assert.throws(() => kept.take(offer), { code: "WARD_SITE" });
  }
  kept.take({ signer: key, site });
  const file = join(directory, "settings.json");
  const text = readFileSync(file, "utf8");
  for (const damaged of ["", "{}", text.slice(0, 100), text.replace(site, `A${site.slice(1)}`)]) {
    writeFileSync(file, damaged);
    assert.throws(() => KeptSettings.open(directory), { code: "WARD_GUARD_KEPT" });
  }
});
