import { join } from "node:path";

import { resolveProfiles } from "../bundles/profiles.ts";
import type { Bundle } from "../bundles/content.ts";
import { readIfThere } from "../bundles/read-if-there.ts";
import { METADATA_BYTES_MAX } from "../bundles/metadata.ts";
import type { RecordBundleEvent } from "../bundles/record.ts";
import { bundleDirectory, Slots } from "../bundles/slots.ts";
import { WardError } from "../errors.ts";
import type { SignedSettings } from "../identity/signed-settings.ts";
import { GATEWAY_FILES } from "../identity/site-files.ts";
import { loadSite } from "./site.ts";

/**
 * The settings as the rooms get them: what a bundle decides (flows, recipients, policy) comes from the bundle that runs. On a
 * gateway whose signed settings name a channel, the flows of the settings themselves never run; without a bundle there are
 * none.
 */
export function governedSite(site: SignedSettings, bundle: Bundle | null): SignedSettings {
  if (site.bundles === undefined) {
    return site;
  }
  if (bundle === null) {
    return { ...site, flows: [] };
  }
  const { deleteOn, wards } = bundle.policy;
  return {
    ...site,
    flows: resolveProfiles(bundle.flows, bundle.devices),
    recipients: bundle.recipients,
    ...(deleteOn === undefined ? {} : { deleteOn }),
    ...(wards === undefined ? {} : { wards }),
  };
}

/** The settings as a start would give them to the rooms; changes nothing. Throws like `loadSite`, and WardError `WARD_BUNDLE_ROOT`. */
export async function loadGovernedSite(dataDirectory: string): Promise<SignedSettings> {
  const site = await loadSite(dataDirectory);
  if (site.bundles === undefined) {
    return site;
  }
  const bundle = await Slots.peek({
    directory: bundleDirectory(dataDirectory),
    pinned: readPinnedRoot(dataDirectory),
    channel: site.bundles.channel,
    record: async () => undefined,
  });
  return governedSite(site, bundle);
}

/** The slots of a gateway, or null when its signed settings name no channel. Throws WardError `WARD_BUNDLE_ROOT`. */
export async function openSlots(
  dataDirectory: string,
  site: SignedSettings,
  record: RecordBundleEvent,
): Promise<Slots | null> {
  if (site.bundles === undefined) {
    return null;
  }
  return await Slots.open({
    directory: bundleDirectory(dataDirectory),
    pinned: readPinnedRoot(dataDirectory),
    channel: site.bundles.channel,
    record,
  });
}

/** The root metadata that was put on the gateway at provisioning. Throws WardError `WARD_BUNDLE_ROOT`. */
export function readPinnedRoot(dataDirectory: string): Uint8Array {
  const path = join(dataDirectory, GATEWAY_FILES.bundleRoot);
  const bytes = readIfThere(path, METADATA_BYTES_MAX);
  if (bytes === null) {
    throw new WardError(
      "WARD_BUNDLE_ROOT",
      `Cannot judge bundles: ${path} is missing or too large. Copy metadata/1.root.json of the bundle repository there.`,
    );
  }
  return bytes;
}
