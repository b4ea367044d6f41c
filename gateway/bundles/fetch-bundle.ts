import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { type Bundle } from "./content.ts";
import { isAtLeast } from "./manifest.ts";
import { type HighWaterMark, type MarkKeys, readMark, writeMark } from "./mark.ts";
import { METADATA_BYTES_MAX, nextRoot, pinnedRoot, signedTarget } from "./metadata.ts";
import type { TrustedRoot } from "./metadata.ts";
import { readKnown, writeKnown } from "./metadata-cache.ts";
import { refused } from "./refusal.ts";
import { ROOTS_MAX, type SignedBundle, verifyTarget } from "./signed-bundle.ts";
import type { BundleSource } from "./source.ts";
import { type RoleMetadata, updateMetadata } from "./update.ts";

/** What fetching needs. */
export interface FetchOptions {
  readonly source: BundleSource;
  /** Where bundles lie below the gateway's data directory. One fetch at a time. */
  readonly directory: string;
  /** The root metadata that was put on the gateway at provisioning. */
  readonly pinned: Uint8Array;
  readonly channel: string;
  readonly keys: MarkKeys;
  /** Version of this program, `1.2.3`. */
  readonly runtime: string;
  /** Epoch milliseconds. */
  readonly now: number;
  /** The newest bundle that lies in a slot: what counts when the mark is lost. */
  readonly installed: { readonly version: number; readonly sha256: string } | null;
}

/** A bundle that may be installed. */
export interface FetchedBundle {
  readonly signed: SignedBundle;
  readonly bundle: Bundle;
}

/**
 * Gets the newest bundle of a channel and judges it whole: signatures of both roles, expiry, versions against all that was
 * accepted before, content, runtime. What it has accepted is remembered before it returns. Throws a WardError that says why
 * a bundle is refused; then nothing has changed.
 */
export async function fetchBundle(o: FetchOptions): Promise<FetchedBundle> {
  mkdirSync(o.directory, { recursive: true, mode: 0o700 });
  const mark = readMark(o.directory, o.keys);
  demandClock(o.now, mark?.floor ?? 0);
  const known = readKnown(o.directory);
  const { root, roots } = await newestRoot(o);
  demandRoot(root.version, mark);
  const metadata = await updateMetadata({
    source: o.source,
    root: roots.at(-1) ?? o.pinned,
    known: known === null ? null : rolesOf(known),
    scratch: join(o.directory, "scratch"),
  });
  const archive = await fetchArchive(o, root, metadata);
  const signed = { roots, targets: metadata.targets, archive };
  const bundle = verifyTarget(root, signed, o.channel);
  const { manifest } = bundle;
  demandClock(o.now + CLOCK_SLACK_MS, manifest.createdAt);
  demandNewer(bundle, mark, o);
  if (!isAtLeast(o.runtime, manifest.minRuntime)) {
    const why = `it needs version ${manifest.minRuntime} of the program, and this is ${o.runtime}`;
    throw refused("WARD_BUNDLE_RUNTIME", why);
  }
  writeKnown(o.directory, { ...metadata, roots });
  const next: HighWaterMark = {
    channel: o.channel,
    version: manifest.version,
    sha256: bundle.sha256,
    rootVersion: root.version,
    floor: Math.max(mark?.floor ?? 0, manifest.createdAt),
  };
  writeMark(o.directory, next, o.keys);
  return { signed, bundle };
}

/** A signer's clock may be ahead of the gateway's by so much. */
const CLOCK_SLACK_MS = 600_000;

/** Always from the pinned root on: a damaged memory of roots can neither stop nor shorten the way. */
async function newestRoot(
  o: FetchOptions,
): Promise<{ readonly root: TrustedRoot; readonly roots: readonly Uint8Array[] }> {
  let root = pinnedRoot(o.pinned);
  const roots: Uint8Array[] = [];
  while (roots.length < ROOTS_MAX) {
    const name = `metadata/${root.version + 1}.root.json`;
    const bytes = await o.source.read(name, METADATA_BYTES_MAX);
    if (bytes === null) {
      return { root, roots };
    }
    root = nextRoot(root, bytes);
    roots.push(bytes);
  }
  const why = `it has more than ${ROOTS_MAX} roots since this gateway was provisioned`;
  throw refused("WARD_BUNDLE_SOURCE", why);
}

async function fetchArchive(
  o: FetchOptions,
  root: TrustedRoot,
  metadata: RoleMetadata,
): Promise<Uint8Array> {
  const target = signedTarget(root, metadata.targets, o.channel);
  const name = `targets/${target.sha256}.${o.channel}.bundle`;
  const archive = await o.source.read(name, target.length);
  if (archive === null) {
    throw refused("WARD_BUNDLE_SOURCE", `${o.source.place} has no ${name}`);
  }
  return archive;
}

function demandClock(now: number, floor: number): void {
  if (now < floor) {
    const [is, least] = [now, floor].map((at) => new Date(at).toISOString());
    throw refused(
      "WARD_BUNDLE_CLOCK",
      `the clock says ${is}, and something that was signed at ${least} is here already`,
    );
  }
}

function demandRoot(version: number, mark: HighWaterMark | null): void {
  if (mark !== null && version < mark.rootVersion) {
    const why = `its root is version ${version}, and this gateway has seen ${mark.rootVersion}`;
    throw refused("WARD_BUNDLE_OLDER", why);
  }
}

function demandNewer(bundle: Bundle, mark: HighWaterMark | null, o: FetchOptions): void {
  const marked = mark?.channel === o.channel ? mark : null;
  for (const known of [marked, o.installed]) {
    const { version } = bundle.manifest;
    if (known !== null && version < known.version) {
      const why = `it is version ${version}, and this gateway has accepted ${known.version}`;
      throw refused("WARD_BUNDLE_OLDER", why);
    }
    if (known !== null && version === known.version && bundle.sha256 !== known.sha256) {
      throw refused("WARD_BUNDLE_OLDER", `another bundle of version ${version} came before`);
    }
  }
}

function rolesOf({ timestamp, snapshot, targets }: RoleMetadata): RoleMetadata {
  return { timestamp, snapshot, targets };
}
