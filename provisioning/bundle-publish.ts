import type { KeyObject } from "node:crypto";

import { makeSnapshot, makeTimestamp, signMetadata, timestampVersions } from "./bundle-metadata.ts";
import { type BundleRepository, publisherId } from "./bundle-repository.ts";

/** What was published. */
export interface Published {
  readonly root: number;
  readonly targets: number;
  readonly snapshot: number;
  readonly timestamp: number;
  /** Until when gateways install from it without another publish. */
  readonly expires: Date;
}

/**
 * Publishes what is signed, or only renews the timestamp when nothing is. The timestamp is written last: until then gateways
 * see what was there before. Throws a WardError when something is not signed by enough, or `key` is not the publisher's.
 */
export async function publishBundles(
  repository: BundleRepository,
  key: KeyObject,
  o: { readonly days: number; readonly now: Date },
): Promise<Published> {
  const ready = await repository.ready();
  const id = publisherId(ready.root, key);
  await repository.release(ready);
  const before = await repository.published("timestamp.json");
  const known = before === null ? { version: 0, snapshot: 0 } : timestampVersions(before);
  const expires = new Date(o.now.getTime() + o.days * DAY_MS);
  const snapshotVersion = known.snapshot + 1;
  const metadata = makeSnapshot(snapshotVersion, expires, ready.targets);
  signMetadata(metadata, id, key);
  const bytes = await repository.publish(`${snapshotVersion}.snapshot.json`, metadata);
  const version = known.version + 1;
  const timestamp = makeTimestamp(version, expires, { version: snapshotVersion, bytes });
  signMetadata(timestamp, id, key);
  await repository.publish("timestamp.json", timestamp);
  return {
    root: ready.root.signed.version,
    targets: ready.targets,
    snapshot: snapshotVersion,
    timestamp: version,
    expires,
  };
}

const DAY_MS = 86_400_000;
