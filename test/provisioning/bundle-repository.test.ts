import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";

import { BundleKit, bundleOf, CHANNEL, DAY_MS, newSigner } from "../fakes/bundle-kit.ts";

const opened: BundleKit[] = [];

async function openKit(): Promise<BundleKit> {
  const kit = await BundleKit.open();
  opened.push(kit);
  return kit;
}

after(async () => {
  await Promise.all(opened.map(({ directory }) => rm(directory, { recursive: true, force: true })));
});

const later = (): Date => new Date(Date.now() + DAY_MS);

test("nothing is published before both roles have signed, and drafts are gone once it is", async () => {
  const kit = await openKit();
  const { repository } = kit;
  await assert.rejects(kit.renew(), { code: "WARD_BUNDLE_DRAFT" });
  await repository.draftBundle(bundleOf(1), later());
  await assert.rejects(kit.renew(), { code: "WARD_BUNDLE_SIGNATURES" });
  await kit.sign(kit.biomed);
  await assert.rejects(kit.renew(), { code: "WARD_BUNDLE_SIGNATURES" });
  assert.deepEqual(await readdir(repository.directory), ["drafts"]);
  await kit.sign(kit.it);
  await kit.renew();
  assert.deepEqual((await readdir(repository.directory)).toSorted(), ["metadata", "targets"]);
  const files = await readdir(join(repository.directory, "metadata"));
  const wanted = ["1.root.json", "1.snapshot.json", "1.targets.json", "timestamp.json"];
  assert.deepEqual(files.toSorted(), wanted);
});

test("renewing changes snapshot and timestamp and nothing else", async () => {
  const kit = await openKit();
  await kit.publish(bundleOf(1));
  const directory = join(kit.repository.directory, "metadata");
  const before = await readFile(join(directory, "1.targets.json"));
  await kit.renew();
  assert.deepEqual(await readFile(join(directory, "1.targets.json")), before);
  const timestamp = JSON.parse(await readFile(join(directory, "timestamp.json"), "utf8"));
  assert.equal(timestamp.signed.version, 2);
});

test("a stranger's key signs nothing and publishes nothing", async () => {
  const kit = await openKit();
  await kit.repository.draftBundle(bundleOf(1), later());
  const stranger = newSigner("information-technology", "Mallory");
  await assert.rejects(kit.sign(stranger), { code: "WARD_BUNDLE_KEY" });
  await assert.rejects(kit.sign(kit.publisher), { code: "WARD_BUNDLE_KEY" });
  await kit.sign(kit.biomed, kit.it);
  Object.assign(kit, { publisher: kit.biomed });
  await assert.rejects(kit.renew(), { code: "WARD_BUNDLE_KEY" });
});

test("what one has signed cannot be exchanged before the other signs", async () => {
  const kit = await openKit();
  await kit.repository.draftBundle(bundleOf(1), later());
  await kit.sign(kit.biomed);
  await assert.rejects(kit.repository.draftBundle(bundleOf(2), later()), {
    code: "WARD_BUNDLE_DRAFT",
  });
  const drafts = join(kit.repository.directory, "drafts");
  const archive = (await readdir(drafts)).find((name) => name.endsWith(".bundle"));
  await writeFile(join(drafts, String(archive)), bundleOf(2));
  await assert.rejects(kit.repository.archive(CHANNEL, "draft"), { code: "WARD_BUNDLE_TAMPERED" });
});

test("names in somebody else's draft never become paths", async () => {
  const kit = await openKit();
  await kit.repository.draftBundle(bundleOf(1), later());
  const path = join(kit.repository.directory, "drafts", "targets.json");
  const text = await readFile(path, "utf8");
  for (const name of ["../../../x.bundle", "a/b.bundle", "/x.bundle", "ICU.bundle"]) {
    await writeFile(path, text.replace("icu.bundle", name));
    await kit.sign(kit.biomed, kit.it);
    await assert.rejects(kit.repository.channels("draft"), { code: "WARD_BUNDLE_TAMPERED" }, name);
    await assert.rejects(kit.renew(), { code: "WARD_BUNDLE_TAMPERED" }, name);
  }
});
