import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { sha256 } from "../../../gateway/bundles/canonical-json.ts";
import type { SignedBundle } from "../../../gateway/bundles/signed-bundle.ts";
import { Slots, writeIncoming } from "../../../gateway/bundles/slots.ts";
import { BundleGateway, BundleKit, bundleOf, CHANNEL } from "../../fakes/bundle-kit.ts";

let kit: BundleKit;
let pinned: Uint8Array;
/** Version 1, 2, 3 as they were fetched. */
const versions: SignedBundle[] = [];

before(async () => {
  kit = await BundleKit.open();
  for (const version of [1, 2, 3]) {
    await kit.publish(bundleOf(version));
    pinned = await kit.pinned;
    const gateway = new BundleGateway(join(kit.directory, `gateway-${version}`), pinned);
    versions.push((await gateway.fetch(kit.repository.directory)).signed);
  }
});

after(async () => {
  await rm(kit.directory, { recursive: true, force: true });
});

async function newDirectory(): Promise<string> {
  return mkdtemp(join(kit.directory, "slots-"));
}

class Killed extends Error {}

/** Opens the slots; the process "dies" when it is about to record event number `dieAt`. */
async function open(directory: string, events: string[] = [], dieAt = Infinity): Promise<Slots> {
  return await Slots.open({
    directory,
    pinned,
    channel: CHANNEL,
    record: async ({ event, version }) => {
      events.push(`${event} ${version}`);
      if (events.length === dieAt) {
        throw new Killed();
      }
    },
  });
}

function versionOf({ running }: Slots): number | null {
  return running?.manifest.version ?? null;
}

function put(directory: string, version: number): void {
  writeIncoming(directory, versions[version - 1]!);
}

/** A directory in which bundle 1 is kept. */
async function withFirst(): Promise<string> {
  const directory = await newDirectory();
  put(directory, 1);
  const slots = await open(directory);
  await slots.begin(null);
  await slots.keep();
  return directory;
}

test("a kept bundle runs from then on; one that is rolled back leaves the one before it", async () => {
  const directory = await newDirectory();
  const events: string[] = [];
  const slots = await open(directory, events);
  assert.equal(versionOf(slots), null);
  await assert.rejects(slots.begin(null), { code: "WARD_BUNDLE_SOURCE" });
  put(directory, 1);
  await slots.begin(null);
  await slots.keep();
  assert.equal((await open(directory)).running?.manifest.version, 1);
  put(directory, 2);
  await slots.begin({ devices: { "bed-4/monitor": 1.5 }, accepted: 1 });
  assert.equal(versionOf(slots), 2);
  await assert.rejects(slots.begin(null), { code: "WARD_BUNDLE_TRIAL" });
  await slots.rollBack("it was bad");
  assert.equal(versionOf(slots), 1);
  assert.equal((await open(directory)).running?.manifest.version, 1);
  assert.deepEqual(readdirSync(directory).toSorted(), ["slot-a.cbor", "state.json"]);
  assert.equal(Slots.rejected(directory), sha256(versions[1]!.archive));
  assert.deepEqual(events, [
    "refused null",
    "staged 1",
    "trial 1",
    "kept 1",
    "staged 2",
    "trial 2",
    "rolled-back 2",
  ]);
});

for (const outcome of ["keep", "rollBack"] as const) {
  test(`killed before any step of a trial that ends in ${outcome}: one good bundle runs`, async () => {
    const base = await withFirst();
    put(base, 2);
    for (let dieAt = 1; dieAt <= 3; dieAt += 1) {
      const directory = await newDirectory();
      cpSync(base, directory, { recursive: true });
      await assert.rejects(async () => {
        const slots = await open(directory, [], dieAt);
        await slots.begin(null);
        await slots[outcome]("it was bad");
      }, Killed);
      const next = await open(directory);
      const onTrial = next.trial !== null;
      assert.equal(next.running?.manifest.version, onTrial ? 2 : 1, `killed at ${dieAt}`);
      assert.equal(next.hasIncoming, dieAt <= 2, `killed at ${dieAt}`);
      // What was put down is tried again, or the trial goes on; either way it can be brought to an end.
      if (!onTrial) {
        await next.begin(null);
      }
      await next.keep();
      assert.equal((await open(directory)).running?.manifest.version, 2);
    }
  });
}

test("what cannot be written down first is not done", async () => {
  const directory = await withFirst();
  put(directory, 2);
  const untried = await open(directory, [], 1);
  await assert.rejects(untried.begin(null), Killed);
  assert.equal(versionOf(untried), 1);
  assert.equal(untried.trial, null);
  assert.deepEqual(readdirSync(directory).toSorted(), [
    "incoming.cbor",
    "slot-a.cbor",
    "state.json",
  ]);
  const unkept = await open(directory, [], 3);
  await unkept.begin(null);
  await assert.rejects(unkept.keep(), Killed);
  assert.notEqual(unkept.trial, null);
  await unkept.keep();
  assert.equal(unkept.trial, null);
});

test("killed between taking up a trial and removing what was put down: it is tried once", async () => {
  const directory = await withFirst();
  put(directory, 2);
  const incoming = readFileSync(join(directory, "incoming.cbor"));
  await (await open(directory)).begin(null);
  writeFileSync(join(directory, "incoming.cbor"), incoming);
  const next = await open(directory);
  assert.equal(next.running?.manifest.version, 2);
  await next.keep();
  assert.equal(next.hasIncoming, false);
});

test("a gateway that ends twice under a bundle starts without it", async () => {
  const directory = await withFirst();
  put(directory, 2);
  const events: string[] = [];
  await (await open(directory, events)).begin(null);
  assert.equal((await open(directory, events)).running?.manifest.version, 2);
  assert.equal((await open(directory, events)).running?.manifest.version, 1);
  assert.equal((await open(directory)).trial, null);
  assert.deepEqual(events, ["staged 2", "trial 2", "trial-resumed 2", "rolled-back 2"]);
});

test("files that are cut off: the other slot runs, and nothing that was not signed", async () => {
  const base = await withFirst();
  const slots = await open(base);
  put(base, 2);
  await slots.begin(null);
  await slots.keep();
  for (const part of [0, 0.3, 0.9, 0.999]) {
    const directory = await newDirectory();
    cpSync(base, directory, { recursive: true });
    const file = join(directory, "slot-b.cbor");
    truncateSync(file, Math.floor(readFileSync(file).length * part));
    const events: string[] = [];
    assert.equal((await open(directory, events)).running?.manifest.version, 1);
    assert.deepEqual(events, ["damaged null"]);
    truncateSync(join(directory, "slot-a.cbor"), 10);
    assert.equal((await open(directory)).running, null);
  }
});

test("without the file that says which slot runs, what was kept first runs", async () => {
  const directory = await withFirst();
  put(directory, 2);
  await (await open(directory)).begin(null);
  for (const text of ["", "{", '{"active":"c","trial":null,"highest":0}', null]) {
    if (text === null) {
      rmSync(join(directory, "state.json"));
    } else {
      writeFileSync(join(directory, "state.json"), text);
    }
    assert.equal((await open(directory)).running?.manifest.version, 1, String(text));
  }
});

test("an older bundle that somebody puts down by hand is not taken", async () => {
  const directory = await withFirst();
  const slots = await open(directory);
  put(directory, 3);
  await slots.begin(null);
  await slots.keep();
  put(directory, 2);
  await assert.rejects(slots.begin(null), { code: "WARD_BUNDLE_OLDER" });
  assert.equal(slots.hasIncoming, false);
  assert.equal(slots.running?.manifest.version, 3);
});

test("what was put down is judged by the gateway itself", async () => {
  const directory = await withFirst();
  const signed = versions[1]!;
  const archive = Uint8Array.from(signed.archive);
  archive[archive.length - 5]! ^= 1;
  writeIncoming(directory, { ...signed, archive });
  await assert.rejects((await open(directory)).begin(null), { code: "WARD_BUNDLE_TAMPERED" });
  writeFileSync(join(directory, "incoming.cbor"), "garbage");
  await assert.rejects((await open(directory)).judgeIncoming(), { code: "WARD_ENVELOPE" });
  assert.equal((await open(directory)).running?.manifest.version, 1);
});

test("looking changes nothing", async () => {
  const directory = await withFirst();
  put(directory, 2);
  await (await open(directory)).begin(null);
  const state = readFileSync(join(directory, "state.json"));
  const options = { directory, pinned, channel: CHANNEL, record: async () => undefined };
  assert.equal((await Slots.peek(options))?.manifest.version, 2);
  assert.deepEqual(readFileSync(join(directory, "state.json")), state);
  assert.equal(await Slots.peek({ ...options, directory: await newDirectory() }), null);
});

test("a kept bundle that is given up leaves the one that was kept before it, once", async () => {
  const directory = await withFirst();
  const events: string[] = [];
  const slots = await open(directory, events);
  assert.equal(await slots.fallBack("it crashed"), false);
  put(directory, 2);
  await slots.begin(null);
  assert.equal(await slots.fallBack("it crashed"), false, "a trial ends in its own way");
  await slots.keep();
  assert.equal(await slots.fallBack("it crashed"), true);
  assert.equal(versionOf(slots), 1);
  assert.equal(versionOf(await open(directory)), 1);
  assert.equal(Slots.rejected(directory), sha256(versions[1]!.archive));
  assert.equal(await slots.fallBack("it crashed"), false);
  assert.equal(events.at(-1), "rolled-back 2");
});
