import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import type { SignedBundle } from "../../../gateway/bundles/signed-bundle.ts";
import { Slots, writeIncoming } from "../../../gateway/bundles/slots.ts";
import { BundleTrials } from "../../../gateway/house/bundle-trial.ts";
import type { SignedSettings } from "../../../gateway/identity/signed-settings.ts";
import { textAt, valueAt } from "../../../gateway/json-value.ts";
import type { RoomName } from "../../../gateway/rooms.ts";
import { BundleGateway, BundleKit, bundleOf, CHANNEL, RECIPIENTS } from "../../fakes/bundle-kit.ts";
import { until } from "../../ward/house.ts";

const FLOW = [
  { id: "l", type: "ward-serial-line", url: "tcp://127.0.0.1:1" },
  { id: "d", type: "ward-serial", device: "bed-4/monitor", model: "nonin-format7", line: "l" },
];
const SITE: SignedSettings = {
  version: 1,
  gateway: "icu-1",
  issuedAt: 0,
  authoring: false,
  recipients: [],
  receiptKey: "",
  broker: { url: "mqtts://127.0.0.1:1", serverName: "x" },
  lines: [],
  opcuaTrust: [],
  bundles: { channel: CHANNEL },
  flows: [{ id: "never" }],
};

let kit: BundleKit;
let pinned: Uint8Array;
const versions: SignedBundle[] = [];

before(async () => {
  kit = await BundleKit.open();
  for (const version of [1, 2, 3]) {
    await kit.publish(bundleOf(version, { flows: [...FLOW, { id: `v${version}` }] }));
    pinned = await kit.pinned;
    const gateway = new BundleGateway(join(kit.directory, `gateway-${version}`), pinned);
    versions.push((await gateway.fetch(kit.repository.directory)).signed);
  }
});

after(async () => {
  await rm(kit.directory, { recursive: true, force: true });
});

/** A house whose device delivers as a test wants. */
class FakeHouse {
  readonly changes: SignedSettings[] = [];
  readonly notices: string[] = [];
  delivers: (flow: string) => boolean = () => true;
  failing = "";
  restarted = 0;
  #stored = 0;

  flow(): string {
    const id = this.changes.at(-1)?.flows.at(-1)?.["id"];
    return typeof id === "string" ? id : "v1";
  }

  stats(): unknown {
    const rate = this.delivers(this.flow()) ? 1 : 0;
    this.#stored += rate;
    const vital = { taken: this.#stored, stored: this.#stored, withheld: 0 };
    return { boot: "b", classes: { vital }, lines: { "bed-4/monitor": { rate } } };
  }

  restarts(room: RoomName): number {
    return room === "flowhost" ? this.restarted : 0;
  }

  async change(site: SignedSettings): Promise<void> {
    this.changes.push(site);
    if (this.failing === this.flow()) {
      throw new Error("the flowhost ended");
    }
  }

  note(notice: string): void {
    this.notices.push(notice);
  }
}

interface Trying {
  readonly house: FakeHouse;
  readonly slots: Slots;
  readonly trials: BundleTrials;
  readonly stop: AbortController;
  readonly directory: string;
}

/** Bundle 1 is kept, bundle 2 was put down. */
async function prepare(): Promise<string> {
  const directory = await mkdtemp(join(kit.directory, "trial-"));
  writeIncoming(directory, versions[0]!);
  const slots = await openSlots(directory);
  await slots.begin(null);
  await slots.keep();
  writeIncoming(directory, versions[1]!);
  return directory;
}

async function openSlots(directory: string): Promise<Slots> {
  return await Slots.open({
    directory,
    pinned,
    channel: CHANNEL,
    record: async () => undefined,
  });
}

async function tryOn(directory: string, house: FakeHouse = new FakeHouse()): Promise<Trying> {
  const slots = await openSlots(directory);
  const stop = new AbortController();
  const settings = { bundleSteadyS: 1, bundleHealthS: 3, bundleRatePercent: 80 };
  const trials = new BundleTrials({ house, slots, site: SITE, settings, stop: stop.signal });
  return { house, slots, trials, stop, directory };
}

async function decided({ trials, stop }: Trying): Promise<void> {
  await trials.settled();
  stop.abort();
  trials.close();
}

// Each waits for a few seconds of trial, so all wait together.
describe("trials", { concurrency: true }, () => {
  test("a bundle under which all is as before is kept", async () => {
    const trying = await tryOn(await prepare());
    assert.equal((await trying.trials.activate()).version, 2);
    await assert.rejects(trying.trials.activate(), { code: "WARD_BUNDLE_TRIAL" });
    assert.equal(valueAt(trying.trials.status(), "isSettled"), false);
    await decided(trying);
    assert.equal(valueAt(trying.trials.status(), "isSettled"), true);
    assert.equal(textAt(trying.trials.status(), "said"), "Bundle 2 is kept.");
    assert.deepEqual(trying.house.notices, ["bundle-trial", "bundle-kept"]);
    assert.equal((await openSlots(trying.directory)).running?.manifest.version, 2);
    const [site] = trying.house.changes;
    assert.deepEqual(site?.recipients, RECIPIENTS);
    assert.deepEqual(site?.flows.at(-1), { id: "v2" });
  });

  test("a bundle under which a device falls silent is rolled back", async () => {
    const trying = await tryOn(await prepare());
    trying.house.delivers = (flow) => flow === "v1";
    await trying.trials.activate();
    await decided(trying);
    assert.deepEqual(trying.house.notices, ["bundle-trial", "bundle-rolled-back"]);
    assert.match(textAt(trying.trials.status(), "said"), /not kept: 1 of 1 devices .*bed-4/);
    assert.equal(trying.house.flow(), "v1");
    assert.equal((await openSlots(trying.directory)).running?.manifest.version, 1);
  });

  test("a bundle under which a room does not even start is rolled back at once", async () => {
    const trying = await tryOn(await prepare());
    trying.house.failing = "v2";
    await trying.trials.activate();
    await decided(trying);
    assert.deepEqual(trying.house.notices, ["bundle-trial", "bundle-rolled-back"]);
    assert.equal(trying.house.flow(), "v1");
  });

  test("a bundle under which a room ends is rolled back", async () => {
    const trying = await tryOn(await prepare());
    await trying.trials.activate();
    await until("it is tried", () => trying.house.changes.length === 1);
    trying.house.restarted = 1;
    await decided(trying);
    assert.deepEqual(trying.house.notices, ["bundle-trial", "bundle-rolled-back"]);
  });

  test("a gateway that is stopped during a trial goes on with it", async () => {
    const directory = await prepare();
    const first = await tryOn(directory);
    await first.trials.activate();
    await until("it is tried", () => first.house.changes.length === 1);
    first.stop.abort();
    await decided(first);
    const second = await tryOn(directory);
    assert.equal(second.slots.running?.manifest.version, 2);
    second.trials.resume();
    await decided(second);
    assert.deepEqual(second.house.notices, ["bundle-kept"]);
    assert.deepEqual(second.house.changes, []);
  });

  test("what was put down while the gateway was stopped is tried after its start", async () => {
    const trying = await tryOn(await prepare());
    trying.trials.resume();
    await decided(trying);
    assert.deepEqual(trying.house.notices, ["bundle-trial", "bundle-kept"]);
  });

  test("one that was put down during a trial is tried after it", async () => {
    const trying = await tryOn(await prepare());
    trying.house.failing = "v2";
    const change = trying.house.change.bind(trying.house);
    trying.house.change = async (site) => {
      if (trying.house.changes.length === 0) {
        writeIncoming(trying.directory, versions[2]!);
      }
      await change(site);
    };
    await trying.trials.activate();
    await decided(trying);
    assert.deepEqual(trying.house.notices, [
      "bundle-trial",
      "bundle-rolled-back",
      "bundle-trial",
      "bundle-kept",
    ]);
    assert.equal(trying.house.flow(), "v3");
  });

  test("a kept bundle whose flow ends again and again goes for the one before it", async () => {
    const directory = await prepare();
    const slots = await openSlots(directory);
    await slots.begin(null);
    await slots.keep();
    const trying = await tryOn(directory);
    trying.trials.fallBack("its flow ended again and again");
    trying.trials.fallBack("its flow ended again and again");
    await decided(trying);
    assert.deepEqual(trying.house.notices, ["bundle-rolled-back"]);
    assert.equal(trying.house.flow(), "v1");
  });
});
