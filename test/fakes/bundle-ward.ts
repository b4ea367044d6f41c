import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { demoFlow } from "../../flows/demo-flow.ts";
import type { FlowNode } from "../../gateway/bundles/content.ts";
import { bundleDirectory, type Slots, writeIncoming } from "../../gateway/bundles/slots.ts";
import { BundleTrials } from "../../gateway/house/bundle-trial.ts";
import { governedSite, openSlots } from "../../gateway/house/governed-site.ts";
import { House } from "../../gateway/house/house.ts";
import { loadSite } from "../../gateway/house/site.ts";
import { GATEWAY_FILES } from "../../gateway/identity/site-files.ts";
import { numberAt } from "../../gateway/json-value.ts";
import { readSettings, type Settings } from "../../gateway/settings.ts";
import { needSimulator } from "../../gateway/simulate/registry.ts";
import { makeSite, writeSignedSettings } from "../../provisioning/site.ts";
import { until } from "../ward/house.ts";
import { BundleGateway, BundleKit, bundleOf, CHANNEL } from "./bundle-kit.ts";

const DEVICE = "bed-4/monitor";

/** A running gateway with one simulated oximeter, whose flows come in bundles. */
export interface BundleWard {
  readonly slots: Slots;
  readonly trials: BundleTrials;
  /** What was recorded: `kept 1`. */
  readonly events: readonly string[];
  /** A flow that reads the oximeter; on another line it reads nothing. */
  readonly flow: (line?: string) => readonly FlowNode[];
  /** Publishes a bundle, gets it as a gateway does, and puts it down to be tried. */
  readonly put: (version: number, flows: readonly FlowNode[]) => Promise<void>;
  /** Waits until readings of the oximeter are stored. */
  readonly delivering: () => Promise<void>;
  /** How often rooms have ended by themselves. */
  readonly restarts: () => number;
  readonly close: () => Promise<void>;
}

/** Opens such a ward with bundle 1 kept and running; no broker, no editor. */
export async function openBundleWard(tuning: Partial<Settings>): Promise<BundleWard> {
  const directory = await mkdtemp(join(tmpdir(), "wardgate-bundle-ward-"));
  const kit = await BundleKit.open();
  const device = await needSimulator("nonin-format7").start({ line: "tcp", seed: 1 });
  const flow: BundleWard["flow"] = (line = device.url) =>
    demoFlow([{ device: DEVICE, model: "nonin-format7", line, unit: null, kind: "stream" }]).map(
      (node) => ({ ...node }),
    );
  const names = { gateway: "icu-1", hub: "hub-1", brokerNames: ["127.0.0.1"] };
  const site = await makeSite({ directory, ...names });
  const data = site.gatewayDirectory;
  await writeSignedSettings({
    authority: site.authority,
    gatewayDirectory: data,
    gateway: names.gateway,
    hubKeys: site.hubKeys,
    settings: {
      authoring: false,
      broker: { url: "mqtts://127.0.0.1:1", serverName: "127.0.0.1" },
      lines: [device.url],
      opcuaTrust: [],
      bundles: { channel: CHANNEL },
      flows: [],
    },
  });
  const put: BundleWard["put"] = async (version, flows) => {
    await kit.publish(bundleOf(version, { flows, recipients: site.hubKeys.recipients }));
    const pinned = await kit.pinned;
    await writeFile(join(data, GATEWAY_FILES.bundleRoot), pinned);
    const gateway = new BundleGateway(bundleDirectory(data), pinned);
    writeIncoming(bundleDirectory(data), (await gateway.fetch(kit.repository.directory)).signed);
  };
  await put(1, flow());
  const signed = await loadSite(data);
  const settings = { ...readSettings(undefined, {}), ...tuning };
  const events: string[] = [];
  const slots = await openSlots(data, signed, async ({ event, version }) => {
    events.push(`${event} ${version}`);
  });
  if (slots === null) {
    throw new TypeError("these settings name no channel");
  }
  await slots.begin(null);
  await slots.keep();
  const house = new House({
    dataDirectory: data,
    settings,
    site: governedSite(signed, slots.running),
    editor: false,
  });
  const stop = new AbortController();
  const trials = new BundleTrials({ house, slots, site: signed, settings, stop: stop.signal });
  await house.start();
  return {
    slots,
    trials,
    events,
    flow,
    put,
    delivering: async () => {
      const look = (...path: readonly string[]): number =>
        numberAt(house.stats("bedside"), ...path);
      const before = look("classes", "vital", "stored");
      await until(
        "readings are stored",
        () => look("lines", DEVICE, "rate") > 0 && look("classes", "vital", "stored") > before,
        90_000,
      );
    },
    restarts: () =>
      (["keeper", "bedside", "flowhost"] as const).reduce(
        (sum, room) => sum + house.restarts(room),
        0,
      ),
    close: async () => {
      stop.abort();
      trials.close();
      await house.stop();
      await device.close();
      await rm(directory, { recursive: true, force: true });
      await rm(kit.directory, { recursive: true, force: true });
    },
  };
}
