import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { FileKeys } from "../../../gateway/identity/file-keys.ts";
import { openKeys } from "../../../gateway/identity/open-keys.ts";
import {
  forgetLostTpm,
  settleKeys,
  settleKeysToRun,
} from "../../../gateway/identity/settle-keys.ts";
import { readLocalKey } from "../../../gateway/keeper/local-key.ts";
import { readTpmPlace, writeTpmPlace, type TpmPlace } from "../../../gateway/identity/tpm-file.ts";

/** Where keys are, without a TPM; with one, see test/system/tpm.test.ts. */

const NO_TPM = "/nonexistent/tpm";
const PLACE: TpmPlace = {
  device: NO_TPM,
  parent: 0x8101_5700,
  name: "000b".padEnd(68, "a"),
  counter: 0x0181_5700,
  pcrs: [7],
  sealed: { publicArea: Buffer.alloc(46, 1), privateArea: Buffer.alloc(120, 2) },
};
let root: string;

before(() => {
  root = mkdtempSync(join(tmpdir(), "ward-settle-"));
});

after(() => rmSync(root, { recursive: true }));

function withKeys(name: string): string {
  const directory = join(root, name);
  const keys = new FileKeys(directory);
  keys.createSigningKey(join(directory, "signing.key.pem"));
  keys.createSecret(join(directory, "vault.key"));
  return directory;
}

function filesIn(directory: string): Map<string, string> {
  const names = readdirSync(directory).toSorted();
  return new Map(names.map((name) => [name, readFileSync(join(directory, name), "latin1")]));
}

test("a secret is made once, sealed, and read again; one in clear is read too", () => {
  const directory = withKeys("secrets");
  const path = join(directory, "vault.key");
  const keys = new FileKeys(directory);
  const secret = keys.readSecret(path);
  assert.ok(secret !== null && secret.export().length === 32);
  assert.ok(!readFileSync(path).includes(secret.export()));
  assert.equal(keys.readSecret(join(directory, "none.key")), null);
  const clear = join(directory, "clear.key");
  writeFileSync(clear, secret.export(), { mode: 0o600 });
  assert.ok(keys.readSecret(clear)?.equals(secret));
  writeFileSync(clear, "short", { mode: 0o600 });
  assert.throws(() => keys.readSecret(clear), { code: "WARD_KEY", message: /5 bytes, not 32/ });
  cpSync(path, clear);
  assert.throws(() => keys.readSecret(clear), { code: "WARD_KEY" }, "under another name");
});

test("without the TPM that is wanted nothing is changed, and it is said which one is missing", () => {
  const directory = withKeys("wanted");
  const files = filesIn(directory);
  const wish = { provider: "tpm", device: NO_TPM, pcrs: [] } as const;
  assert.throws(() => settleKeys(directory, wish), {
    code: "WARD_TPM_ABSENT",
    message: /TPM at \/nonexistent\/tpm/,
  });
  assert.deepEqual(filesIn(directory), files);
  assert.deepEqual(settleKeys(directory, { ...wish, provider: "file" }), []);
  assert.deepEqual(filesIn(directory), files);
});

test("a gateway that has keys in files runs with them when a TPM is wanted that does not take them", () => {
  const directory = withKeys("runs-on");
  const files = filesIn(directory);
  const wish = { provider: "tpm", device: NO_TPM, pcrs: [] } as const;
  // One that is not enrolled yet has nothing to run with.
  assert.throws(() => settleKeysToRun(directory, wish), { code: "WARD_TPM_ABSENT" });
  new FileKeys(directory).createTlsKey(join(directory, "gateway.key.pem"));
  assert.match(
    settleKeysToRun(directory, wish).join(),
    /^The keys stay in files: Cannot use the TPM at \/nonexistent\/tpm: ENOENT\./,
  );
  rmSync(join(directory, "gateway.key.pem"));
  assert.deepEqual(filesIn(directory), files);
  writeTpmPlace(directory, PLACE);
  assert.throws(() => settleKeysToRun(directory, wish), { code: "WARD_TPM_ABSENT" });
});

test("keys that are in a TPM stay there, whatever is wanted, and cannot be read without it", () => {
  const directory = join(root, "away");
  withKeys("away");
  writeTpmPlace(directory, PLACE);
  assert.deepEqual(readTpmPlace(directory), PLACE);
  const keys = openKeys(directory);
  assert.equal(keys.kind, "tpm");
  const absent = { code: "WARD_TPM_ABSENT" };
  assert.throws(() => keys.readSigningKey(join(directory, "signing.key.pem")), absent);
  assert.throws(() => keys.createTlsKey(join(directory, "gateway.key.pem")), absent);
  assert.throws(() => keys.destroy(), absent);
  // It may come back, and then the file is worth something.
  assert.throws(() => readLocalKey(join(directory, "vault.key")), {
    code: "WARD_VAULT_KEY",
    message: /vault\.key: Cannot use the TPM at .* may this user open it\?\.$/,
  });
  const wish = { provider: "tpm", device: NO_TPM, pcrs: [] } as const;
  assert.throws(() => settleKeys(directory, wish), absent);
  assert.throws(() => settleKeys(directory, { ...wish, provider: "file" }), absent);
  assert.throws(() => forgetLostTpm(directory, wish), absent, "it may come back");
  assert.ok(existsSync(join(directory, "tpm.json")));
  // Whoever enrols anew and wants files has given the TPM up.
  forgetLostTpm(directory, { ...wish, provider: "file" });
  assert.ok(!existsSync(join(directory, "tpm.json")) && !existsSync(join(directory, "vault.key")));
  assert.equal(openKeys(directory).kind, "file");
});

test("what is said of the TPM is believed only when it is whole", () => {
  const directory = join(root, "damaged");
  withKeys("damaged");
  writeTpmPlace(directory, PLACE);
  const path = join(directory, "tpm.json");
  const good = readFileSync(path, "utf8");
  const changes: readonly (readonly [string, string])[] = [
    ["wardgate-tpm/1", "wardgate-tpm/2"],
    ['"pcrs":[7]', '"pcrs":[24]'],
    ['"pcrs":[7]', '"pcrs":"7"'],
    ["81015700", "8101570g"],
    [NO_TPM, ""],
    ["{", ""],
  ];
  for (const [from, to] of changes) {
    writeFileSync(path, good.replace(from, to), { mode: 0o600 });
    assert.throws(() => openKeys(directory), { code: "WARD_KEY", message: /tpm\.json is damaged/ });
  }
});

test("plain keys that were carried here are read by either", () => {
  const directory = join(root, "plain");
  withKeys("plain");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const path = join(directory, "gateway.key.pem");
  writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const there = new FileKeys(directory).readTlsKey(path);
  writeTpmPlace(directory, PLACE);
  const tpm = openKeys(directory).readTlsKey(path);
  assert.ok(there.publicKey.equals(tpm.publicKey));
  assert.deepEqual([there.holder, tpm.holder], ["file", "file"]);
});
