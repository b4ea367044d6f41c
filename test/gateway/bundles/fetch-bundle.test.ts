import assert from "node:assert/strict";
import { truncateSync } from "node:fs";
import { readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import fc from "fast-check";

import { errorCode } from "../../../gateway/errors.ts";
import { directorySource } from "../../../gateway/bundles/directory-source.ts";
import { readKnown } from "../../../gateway/bundles/metadata-cache.ts";
import { verifySigned } from "../../../gateway/bundles/signed-bundle.ts";
import type { BundleSource } from "../../../gateway/bundles/source.ts";
import { BundleRepository } from "../../../provisioning/bundle-repository.ts";
import {
  BundleGateway,
  BundleKit,
  bundleOf,
  CHANNEL,
  DAY_MS,
  newSigner,
  type Signer,
} from "../../fakes/bundle-kit.ts";

const opened: BundleKit[] = [];
let kit: BundleKit;
let gateways = 0;

async function openKit(): Promise<BundleKit> {
  const made = await BundleKit.open();
  opened.push(made);
  return made;
}

async function newGateway(of: BundleKit = kit): Promise<BundleGateway> {
  gateways += 1;
  return new BundleGateway(join(of.directory, `gateway-${gateways}`), await of.pinned);
}

before(async () => {
  kit = await openKit();
  await kit.publish(bundleOf(3));
});

after(async () => {
  await Promise.all(opened.map(({ directory }) => rm(directory, { recursive: true, force: true })));
});

/** The repository with one file changed on its way. */
function changed(
  name: RegExp,
  change: (bytes: Uint8Array) => Uint8Array | null,
  of: BundleKit = kit,
): BundleSource {
  const source = directorySource(of.repository.directory);
  return {
    ...source,
    read: async (asked, most) => {
      const bytes = await source.read(asked, most);
      return bytes !== null && name.test(asked) ? change(bytes) : bytes;
    },
  };
}

/** Metadata as far as the tests change it. */
interface SomeMetadata {
  readonly signed: {
    version: number;
    expires: string;
    targets: Record<string, { custom: { version: number } }>;
  };
  readonly signatures: unknown[];
}

function edited(edit: (json: SomeMetadata) => void): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const json: SomeMetadata = JSON.parse(Buffer.from(bytes).toString("utf8"));
    edit(json);
    return Buffer.from(JSON.stringify(json));
  };
}

test("a bundle that both roles have signed is taken, and again", async () => {
  const gateway = await newGateway();
  const first = await gateway.fetch(kit.repository.directory);
  assert.equal(first.bundle.manifest.version, 3);
  const again = await gateway.fetch(kit.repository.directory);
  assert.equal(again.bundle.sha256, first.bundle.sha256);
  assert.deepEqual((await readdir(gateway.directory)).toSorted(), ["mark.cose", "metadata.cbor"]);
});

const CHANGES: readonly {
  what: string;
  file: RegExp;
  change: (bytes: Uint8Array) => Uint8Array | null;
  code: string;
}[] = [
  {
    what: "one bit of the content",
    file: /^targets/,
    change: (bytes) => bytes.map((byte, place) => (place === 700 ? byte ^ 1 : byte)),
    code: "WARD_BUNDLE_TAMPERED",
  },
  {
    what: "content that is cut off",
    file: /^targets/,
    change: (bytes) => bytes.subarray(0, 100),
    code: "WARD_BUNDLE_TAMPERED",
  },
  {
    what: "content that is missing",
    file: /^targets/,
    change: () => null,
    code: "WARD_BUNDLE_SOURCE",
  },
  {
    what: "the version in the targets metadata",
    file: /targets\.json/,
    change: edited((json) => (json.signed.targets["icu.bundle"]!.custom.version = 9)),
    code: "WARD_BUNDLE_SIGNATURES",
  },
  {
    what: "the end of the targets metadata",
    file: /targets\.json/,
    change: edited((json) => (json.signed.expires = "2099-01-01T00:00:00Z")),
    code: "WARD_BUNDLE_SIGNATURES",
  },
  {
    what: "one of two signatures",
    file: /targets\.json/,
    change: edited((json) => json.signatures.pop()),
    code: "WARD_BUNDLE_SIGNATURES",
  },
  {
    what: "one signature twice",
    file: /targets\.json/,
    change: edited((json) => (json.signatures[1] = json.signatures[0])),
    code: "WARD_BUNDLE_TAMPERED",
  },
  {
    what: "the snapshot",
    file: /snapshot\.json/,
    change: edited((json) => (json.signed.version = 2)),
    code: "WARD_BUNDLE_TAMPERED",
  },
  {
    what: "the timestamp",
    file: /timestamp\.json/,
    change: edited((json) => (json.signed.version = 7)),
    code: "WARD_BUNDLE_SIGNATURES",
  },
  {
    what: "a timestamp that is no JSON",
    file: /timestamp\.json/,
    change: () => Buffer.from("{"),
    code: "WARD_BUNDLE_TAMPERED",
  },
  {
    what: "metadata nested ten thousand deep",
    file: /timestamp\.json/,
    change: () => Buffer.from(`{"signed":${"[".repeat(10_000)}${"]".repeat(10_000)}}`),
    code: "WARD_BUNDLE_TAMPERED",
  },
];

for (const { what, file, change, code } of CHANGES) {
  test(`refused: ${what}`, async () => {
    const gateway = await newGateway();
    await assert.rejects(gateway.fetch(changed(file, change)), { code });
    assert.deepEqual(await readdir(gateway.directory), [], "nothing is remembered of it");
  });
}

test("any damage to any file is refused in plain words, and nothing is remembered", async () => {
  const gateway = await newGateway();
  const damage = fc.record({
    file: fc.constantFrom(/timestamp/, /snapshot/, /targets\.json/, /^targets/),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bit: fc.integer({ min: 0, max: 7 }),
  });
  await fc.assert(
    fc.asyncProperty(damage, async ({ file, at, bit }) => {
      const source = changed(file, (bytes) => {
        const place = Math.floor(at * bytes.length);
        return bytes.map((byte, index) => (index === place ? byte ^ (1 << bit) : byte));
      });
      try {
        await gateway.fetch(source);
        // White space between values is not signed.
        assert.notEqual(file.source, "^targets");
        await rm(gateway.directory, { recursive: true });
      } catch (error) {
        assert.match(errorCode(error), /^WARD_BUNDLE_/);
      }
    }),
    { numRuns: 60 },
  );
});

test("two of one role are not one of each", async () => {
  const own = await openKit();
  const second = newSigner("biomedical-engineering", "Carla");
  await own.draftRoot([own.biomed, own.it, second], [own.publisher]);
  await own.sign(own.biomed, own.it);
  await own.repository.draftBundle(bundleOf(1), new Date(Date.now() + DAY_MS));
  await own.sign(own.biomed, second);
  await assert.rejects(own.renew(), {
    code: "WARD_BUNDLE_SIGNATURES",
    message: /nobody of information-technology has signed/,
  });
});

test("a root that lets one role decide alone is none", async () => {
  const own = await openKit();
  const second = newSigner("biomedical-engineering", "Carla");
  await assert.rejects(own.draftRoot([own.biomed, second], [own.publisher]), {
    message: /has no key of biomedical-engineering and information-technology/,
  });
});

test("past its end it is not installed; renewed, it is", async () => {
  const own = await openKit();
  await own.publish(bundleOf(1), -1);
  const gateway = await newGateway(own);
  await assert.rejects(gateway.fetch(own.repository.directory), { code: "WARD_BUNDLE_EXPIRED" });
  await own.renew();
  assert.equal((await gateway.fetch(own.repository.directory)).bundle.manifest.version, 1);
});

test("targets past their end are not installed", async () => {
  const own = await openKit();
  await own.publish(bundleOf(1), 30, -1);
  const gateway = await newGateway(own);
  await assert.rejects(gateway.fetch(own.repository.directory), { code: "WARD_BUNDLE_EXPIRED" });
});

test("a root past its end installs nothing", async () => {
  const own = await openKit();
  await own.draftRoot([own.biomed, own.it], [own.publisher], -1);
  await own.sign(own.biomed, own.it);
  await own.publish(bundleOf(1));
  const gateway = await newGateway(own);
  await assert.rejects(gateway.fetch(own.repository.directory), {
    code: "WARD_BUNDLE_EXPIRED",
    message: /root\.json is expired/,
  });
});

test("an older repository is refused, also when all that was cached is lost", async () => {
  const own = await openKit();
  await own.publish(bundleOf(4));
  const old = await own.copy("old");
  await own.publish(bundleOf(9));
  const gateway = await newGateway(own);
  await gateway.fetch(own.repository.directory);
  await assert.rejects(gateway.fetch(old), { code: "WARD_BUNDLE_OLDER" });
  await rm(join(gateway.directory, "metadata.cbor"));
  await assert.rejects(gateway.fetch(old), {
    code: "WARD_BUNDLE_OLDER",
    message: /it is version 4, and this gateway has accepted 9/,
  });
  await rm(join(gateway.directory, "mark.cose"));
  gateway.installed = { version: 9, sha256: "0".repeat(64) };
  await assert.rejects(gateway.fetch(old), { code: "WARD_BUNDLE_OLDER" });
});

test("a mark that another key has signed does not count", async () => {
  const [mine, other] = [await newGateway(), await newGateway()];
  await mine.fetch(kit.repository.directory);
  await other.fetch(kit.repository.directory);
  const theirs = await readFile(join(other.directory, "mark.cose"));
  await writeFile(join(mine.directory, "mark.cose"), theirs);
  mine.installed = { version: 8, sha256: "0".repeat(64) };
  await assert.rejects(mine.fetch(kit.repository.directory), { code: "WARD_BUNDLE_OLDER" });
});

test("metadata of two times cannot be mixed", async () => {
  const own = await openKit();
  await own.publish(bundleOf(1));
  const old = directorySource(await own.copy("before"));
  await own.publish(bundleOf(2));
  const now = directorySource(own.repository.directory);
  for (const stale of [/1\.targets\.json/, /^targets/]) {
    const source: BundleSource = {
      ...now,
      read: async (name, most) => {
        const asked = name.replace("2.targets.json", "1.targets.json");
        return stale.test(asked) ? old.read(asked, most) : now.read(name, most);
      },
    };
    await assert.rejects((await newGateway(own)).fetch(source), /Cannot use the bundle/);
  }
});

test("a repository that no longer moves installs nothing once its timestamp ends; what runs goes on", async (t) => {
  const gateway = await newGateway();
  const { signed } = await gateway.fetch(kit.repository.directory);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 40 * DAY_MS });
  await assert.rejects(gateway.fetch(kit.repository.directory), { code: "WARD_BUNDLE_EXPIRED" });
  const { pinned } = gateway;
  assert.equal(verifySigned(signed, { pinned, channel: CHANNEL }).manifest.version, 3);
});

test("roots are followed, each signed by the one before; keys that went do not come back", async () => {
  const own = await openKit();
  await own.publish(bundleOf(1));
  const hiding = await own.copy("hiding");
  const gateway = await newGateway(own);
  await gateway.fetch(own.repository.directory);
  const carla = newSigner("biomedical-engineering", "Carla");
  const server: Signer = newSigner("publisher", "new server");
  await own.draftRoot([carla, own.it], [server]);
  await own.sign(carla, own.it);
  const repository = new BundleRepository(own.repository.directory);
  await assert.rejects(repository.ready(), { code: "WARD_BUNDLE_SIGNATURES" });
  await own.sign(own.biomed);
  await assert.rejects(repository.ready(), /targets metadata has 1 of 2 signatures/);
  await own.repository.draftBundle(bundleOf(2), new Date(Date.now() + DAY_MS));
  await own.sign(carla, own.it);
  await assert.rejects(own.renew(), { code: "WARD_BUNDLE_KEY" });
  Object.assign(own, { publisher: server });
  await own.renew();
  assert.equal((await gateway.fetch(own.repository.directory)).bundle.manifest.version, 2);
  // A repository that hides the new root is older than what this gateway has seen, whatever is cached.
  await rm(join(gateway.directory, "metadata.cbor"));
  await assert.rejects(gateway.fetch(hiding), {
    code: "WARD_BUNDLE_OLDER",
    message: /its root is version 1, and this gateway has seen 2/,
  });
  const fresh = await newGateway(own);
  assert.equal((await fresh.fetch(own.repository.directory)).bundle.manifest.version, 2);
});

test("a root that only its own keys have signed is refused", async () => {
  const own = await openKit();
  await own.publish(bundleOf(1));
  const evil = await openKit();
  await evil.publish(bundleOf(7));
  await evil.draftRoot([evil.biomed, evil.it], [evil.publisher]);
  await evil.sign(evil.biomed, evil.it);
  await evil.renew();
  const theirs = directorySource(evil.repository.directory);
  const ours = directorySource(own.repository.directory);
  const source: BundleSource = {
    ...ours,
    read: (name, most) => (name.includes("root") ? theirs : ours).read(name, most),
  };
  await assert.rejects((await newGateway(own)).fetch(source), { code: "WARD_BUNDLE_SIGNATURES" });
});

test("remembered metadata that is cut off anywhere never keeps a gateway from installing", async () => {
  const gateway = await newGateway();
  await gateway.fetch(kit.repository.directory);
  const path = join(gateway.directory, "metadata.cbor");
  const whole = await readFile(path);
  for (let length = whole.length - 1; length >= 0; length -= 1) {
    truncateSync(path, length);
    assert.equal(readKnown(gateway.directory), null, `cut off at ${length}`);
  }
  for (const length of [0, 1, whole.length >> 1, whole.length - 1]) {
    await writeFile(path, whole.subarray(0, length));
    const { bundle } = await gateway.fetch(kit.repository.directory);
    assert.equal(bundle.manifest.version, 3, `cut off at ${length}`);
  }
});

test("names out of metadata never become paths", async () => {
  const source = directorySource(kit.directory);
  for (const name of [
    "../identity/gateway.key.pem",
    "metadata/../../x.root.json",
    "/etc/passwd",
    "targets/..bundle",
    `targets/${"0".repeat(64)}.../x.bundle`,
    "metadata/1.root.json\0",
  ]) {
    await assert.rejects(source.read(name, 100), { code: "WARD_BUNDLE_TAMPERED" }, name);
  }
});

test("files that are too large are not read", async () => {
  const own = await openKit();
  await own.publish(bundleOf(1));
  const path = join(own.repository.directory, "metadata", "timestamp.json");
  await truncate(path, 10 * 2 ** 30);
  await assert.rejects((await newGateway(own)).fetch(own.repository.directory), {
    code: "WARD_BUNDLE_TAMPERED",
    message: /larger than/,
  });
});

test("a clock before what was signed is a clock fault, not an expiry", async () => {
  const gateway = await newGateway();
  const from = kit.repository.directory;
  await assert.rejects(gateway.fetch(from, { now: 0 }), { code: "WARD_BUNDLE_CLOCK" });
  await gateway.fetch(from);
  await assert.rejects(gateway.fetch(from, { now: Date.now() - 3 * DAY_MS }), {
    code: "WARD_BUNDLE_CLOCK",
  });
});

test("a bundle for a newer program, or another channel, is not installed", async () => {
  const own = await openKit();
  await own.publish(bundleOf(1, {}, { minRuntime: "0.2.0" }));
  const gateway = await newGateway(own);
  const from = own.repository.directory;
  await assert.rejects(gateway.fetch(from), { code: "WARD_BUNDLE_RUNTIME" });
  await assert.rejects(gateway.fetch(from, { channel: "er" }), { code: "WARD_BUNDLE_SOURCE" });
  assert.equal((await gateway.fetch(from, { runtime: "0.10.0" })).bundle.manifest.version, 1);
});

test("several channels are in one repository, each with its own versions", async () => {
  const own = await openKit();
  await own.publish(bundleOf(5));
  await own.publish(bundleOf(1, {}, { channel: "er" }));
  const gateway = await newGateway(own);
  assert.equal((await gateway.fetch(own.repository.directory)).bundle.manifest.version, 5);
  const er = await newGateway(own);
  const { bundle } = await er.fetch(own.repository.directory, { channel: "er" });
  assert.equal(bundle.manifest.version, 1);
  await assert.rejects(own.publish(bundleOf(5)), { code: "WARD_BUNDLE_OLDER" });
});
