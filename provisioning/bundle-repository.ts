import type { KeyObject } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { sha256 } from "../gateway/bundles/canonical-json.ts";
import { type Bundle, readBundle } from "../gateway/bundles/content.ts";
import { targetName } from "../gateway/bundles/manifest.ts";
import { nextRoot, pinnedRoot, rootOf, signatureProblem } from "../gateway/bundles/metadata.ts";
import { errorCode, errorText, WardError } from "../gateway/errors.ts";
import {
  type AnyMetadata,
  makeRoot,
  makeTargets,
  metadataBytes,
  publicHex,
  type PublicSigner,
  signMetadata,
  type TargetFacts,
  targetsOf,
} from "./bundle-metadata.ts";

type RootMetadata = ReturnType<typeof rootOf>;
type TargetsMetadata = ReturnType<typeof targetsOf>;

/**
 * A directory with published bundles, and beside them what waits for signatures. `metadata/` and `targets/` are what any web
 * server or stick carries to gateways; `drafts/` goes from signer to signer and is nobody else's business.
 */
export class BundleRepository {
  readonly directory: string;
  /** Drafts as they were when they were held, by name; none before. */
  #held: ReadonlyMap<string, Uint8Array | null> = new Map();

  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * From now on drafts are seen as they are now, and signed only if they still are: whoever else may write to the directory must
   * not have something signed that was not looked at.
   */
  async hold(): Promise<void> {
    const drafts = [DRAFTS.root, DRAFTS.targets].map(
      async (name) => [name, await this.#readNow(name)] as const,
    );
    this.#held = new Map(await Promise.all(drafts));
  }

  /** The newest published root, or null in a new repository. */
  async root(): Promise<RootMetadata | null> {
    const names = await readdir(join(this.directory, "metadata")).catch(() => []);
    const versions = names.flatMap((name) => /^(\d+)\.root\.json$/.exec(name)?.[1] ?? []);
    const newest = Math.max(0, ...versions.map(Number));
    const bytes = await this.#read(`metadata/${newest}.root.json`);
    return bytes === null ? null : rootOf(bytes);
  }

  /** The targets metadata of a version, or the draft. */
  async targets(version: number | "draft"): Promise<TargetsMetadata | null> {
    const name = version === "draft" ? DRAFTS.targets : `metadata/${version}.targets.json`;
    const bytes = await this.#read(name);
    return bytes === null ? null : targetsOf(bytes);
  }

  /** The newest published version of targets, 0 for none. */
  async targetsVersion(): Promise<number> {
    const names = await readdir(join(this.directory, "metadata")).catch(() => []);
    const versions = names.flatMap((name) => /^(\d+)\.targets\.json$/.exec(name)?.[1] ?? []);
    return Math.max(0, ...versions.map(Number));
  }

  /** The draft of the next root, or null. */
  async draftedRoot(): Promise<RootMetadata | null> {
    const bytes = await this.#read(DRAFTS.root);
    return bytes === null ? null : rootOf(bytes);
  }

  /** Puts down who signs from now on, for signing: by enough of those before, and by enough of these. */
  async draftRoot(o: {
    readonly people: readonly PublicSigner[];
    readonly publishers: readonly PublicSigner[];
    readonly threshold: number;
    readonly expires: Date;
  }): Promise<number> {
    const version = ((await this.root())?.signed.version ?? 0) + 1;
    const draft = makeRoot({ ...o, version });
    rootOf(metadataBytes(draft));
    await this.#write(DRAFTS.root, metadataBytes(draft));
    return version;
  }

  /** Puts down a bundle for signing. Several bundles may be in one draft as long as nobody has signed it. */
  async draftBundle(archive: Uint8Array, expires: Date): Promise<Bundle> {
    const bundle = readBundle(archive);
    const published = await this.targetsVersion();
    const draft = await this.targets("draft");
    if (draft !== null && Object.keys(draft.signatures).length > 0) {
      throw new WardError(
        "WARD_BUNDLE_DRAFT",
        `Cannot add a bundle: what is in ${join(this.directory, "drafts")} is signed already. Publish it first, or remove it.`,
      );
    }
    const base = draft ?? (published === 0 ? null : await this.targets(published));
    const kept = factsOf(base).filter(({ name }) => name !== targetName(bundle.manifest.channel));
    const known = factsOf(await this.targets(published)).find(
      ({ name }) => name === targetName(bundle.manifest.channel),
    );
    if (known !== undefined && bundle.manifest.version <= known.version) {
      throw new WardError(
        "WARD_BUNDLE_OLDER",
        `Cannot add the bundle: it is version ${bundle.manifest.version}, and ${known.version} is published. Build it with a higher version.`,
      );
    }
    const { manifest } = bundle;
    const facts: TargetFacts = {
      name: targetName(manifest.channel),
      length: archive.length,
      sha256: bundle.sha256,
      version: manifest.version,
    };
    await this.#write(`drafts/${facts.sha256}.${facts.name}`, archive);
    const metadata = makeTargets(published + 1, expires, [...kept, facts]);
    await this.#write(DRAFTS.targets, metadataBytes(metadata));
    return bundle;
  }

  /** Signs every draft that this key may sign; says which, and what is still missing. */
  async sign(key: KeyObject): Promise<readonly SignedDraft[]> {
    const drafted = await this.draftedRoot();
    const roots = [await this.root(), drafted].filter((root) => root !== null);
    const signed: SignedDraft[] = [];
    if (drafted !== null && addSignature(drafted, roots, { role: "root", key })) {
      await this.#write(DRAFTS.root, metadataBytes(drafted));
      const problems = roots.map((root) => signatureProblem(root, "root", drafted));
      signed.push({ what: "root", missing: problems.find((problem) => problem !== null) ?? null });
    }
    const targets = await this.targets("draft");
    if (targets !== null && addSignature(targets, roots, { role: "targets", key })) {
      await this.#write(DRAFTS.targets, metadataBytes(targets));
      const root = roots.at(-1);
      const missing = root === undefined ? null : signatureProblem(root, "targets", targets);
      signed.push({ what: "targets", missing });
    }
    if (signed.length === 0) {
      throw new WardError(
        "WARD_BUNDLE_KEY",
        `Cannot sign: there is no draft in ${this.directory} that this key may sign.`,
      );
    }
    return signed;
  }

  /** The bytes of the newest bundle of a channel, published or drafted, or null. */
  async archive(channel: string, where: "published" | "draft"): Promise<Uint8Array | null> {
    const version = where === "draft" ? "draft" : await this.targetsVersion();
    const name = targetName(channel);
    const facts = factsOf(await this.targets(version)).find((target) => target.name === name);
    if (facts === undefined) {
      return null;
    }
    const file = `${facts.sha256}.${name}`;
    const bytes = (await this.#read(`drafts/${file}`)) ?? (await this.#read(`targets/${file}`));
    if (bytes === null || sha256(bytes) !== facts.sha256) {
      throw new WardError(
        "WARD_BUNDLE_TAMPERED",
        `Cannot use ${file}: it is missing, or not what its name says. Do not sign it; ask who put it there.`,
      );
    }
    return bytes;
  }

  /** The channels that have a bundle: published ones, or in the draft of targets. */
  async channels(where: "published" | "draft"): Promise<readonly string[]> {
    const version = where === "draft" ? "draft" : await this.targetsVersion();
    return factsOf(await this.targets(version)).map(({ name }) =>
      name.slice(0, -targetName("").length),
    );
  }

  /** What can be published now. Throws a WardError when something is not signed by enough; then nothing is changed. */
  async ready(): Promise<ReadyToPublish> {
    const rootBytes = await this.#read(DRAFTS.root);
    const current = await this.root();
    const root = rootBytes === null ? current : checkedRoot(current, rootBytes);
    if (root === null) {
      throw nothing("there is no root yet. Make one with: wardgate bundle keys root");
    }
    const draft = await this.targets("draft");
    const published = await this.targetsVersion();
    if (draft !== null && draft.signed.version !== published + 1) {
      throw new WardError(
        "WARD_BUNDLE_TAMPERED",
        `Cannot publish: the draft is version ${draft.signed.version}, and ${published} is published. Do not sign it; ask who put it there.`,
      );
    }
    const version = draft?.signed.version ?? published;
    const targets = draft ?? (await this.targets(version));
    if (targets === null) {
      throw nothing("there is no bundle yet. Add one with: wardgate bundle sign --bundle FILE");
    }
    const problem = signatureProblem(root, "targets", targets);
    if (problem !== null) {
      throw new WardError("WARD_BUNDLE_SIGNATURES", `Cannot publish: ${problem}.`);
    }
    return { root, rootBytes, targets: version, draft };
  }

  /** Moves drafts to where gateways find them. Until there is a new timestamp, gateways see what was there before. */
  async release({ root, rootBytes, targets, draft }: ReadyToPublish): Promise<void> {
    if (draft !== null) {
      for (const { name, sha256: hash } of factsOf(draft)) {
        const archive = await this.#read(`drafts/${hash}.${name}`);
        if (archive !== null) {
          await this.#write(`targets/${hash}.${name}`, archive);
        }
      }
      await this.#write(`metadata/${targets}.targets.json`, metadataBytes(draft));
    }
    if (rootBytes !== null) {
      await this.#write(`metadata/${root.signed.version}.root.json`, rootBytes);
    }
    await rm(join(this.directory, "drafts"), { recursive: true, force: true });
  }

  /** Publishes metadata of the machine. */
  async publish(name: string, metadata: AnyMetadata): Promise<Uint8Array> {
    const bytes = metadataBytes(metadata);
    await this.#write(`metadata/${name}`, bytes);
    return bytes;
  }

  /** A published file of metadata, or null. */
  async published(name: string): Promise<Uint8Array | null> {
    return this.#read(`metadata/${name}`);
  }

  async #read(name: string): Promise<Uint8Array | null> {
    return this.#held.get(name) ?? (this.#held.has(name) ? null : await this.#readNow(name));
  }

  async #readNow(name: string): Promise<Uint8Array | null> {
    try {
      return await readFile(join(this.directory, name));
    } catch (error) {
      if (errorCode(error) === "ENOENT") {
        return null;
      }
      const why = `Cannot read ${join(this.directory, name)}: ${errorText(error)}.`;
      throw new WardError("WARD_READ_FILE", why, { cause: error });
    }
  }

  /** What is published is for everybody to read; a reader never finds half of it. */
  async #write(name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.directory, name);
    const held = this.#held.get(name);
    if (held !== undefined) {
      const now = await this.#readNow(name);
      if (held === null || now === null || !Buffer.from(held).equals(now)) {
        throw new WardError(
          "WARD_BUNDLE_DRAFT",
          `Cannot sign: ${path} is not what was shown any more. Look at it again.`,
        );
      }
      this.#held = new Map(this.#held).set(name, bytes);
    }
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.new`, bytes, { mode: 0o644, flush: true });
    await rename(`${path}.new`, path);
  }
}

/** What a signature was put on. */
export interface SignedDraft {
  readonly what: "root" | "targets";
  /** What is still missing, or null when it can be published. */
  readonly missing: string | null;
}

/** Drafts that are signed by enough. */
interface ReadyToPublish {
  readonly root: RootMetadata;
  /** Of a new root, else null. */
  readonly rootBytes: Uint8Array | null;
  /** Version of targets. */
  readonly targets: number;
  /** New targets, else null. */
  readonly draft: TargetsMetadata | null;
}

const DRAFTS = { root: "drafts/root.json", targets: "drafts/targets.json" } as const;

function checkedRoot(current: RootMetadata | null, bytes: Uint8Array): RootMetadata {
  const next =
    current === null
      ? pinnedRoot(bytes)
      : nextRoot({ version: current.signed.version, metadata: current }, bytes);
  return next.metadata;
}

function nothing(why: string): WardError {
  return new WardError("WARD_BUNDLE_DRAFT", `Cannot publish: ${why}`);
}

/** Every bundle that targets metadata names. A draft comes from another signer: its names become paths only when they are plain. */
function factsOf(metadata: TargetsMetadata | null): TargetFacts[] {
  return Object.values(metadata?.signed.targets ?? {}).map((target) => {
    const sha256OfTarget = target.hashes["sha256"] ?? "";
    const version = target.custom["version"];
    const isPlain = TARGET_NAME.test(target.path) && HASH.test(sha256OfTarget);
    if (!isPlain || typeof version !== "number") {
      throw new WardError(
        "WARD_BUNDLE_TAMPERED",
        `Cannot use what waits for signatures: ${JSON.stringify(target.path.slice(0, NAME_SHOWN))} is no bundle. Do not sign it; ask who put it there.`,
      );
    }
    return { name: target.path, length: target.length, sha256: sha256OfTarget, version };
  });
}

const TARGET_NAME = /^[a-z0-9-]{1,32}\.bundle$/;
const HASH = /^[0-9a-f]{64}$/;
const NAME_SHOWN = 60;

/** Signs with the id under which a root knows the key; false when no root lets it sign that. */
function addSignature(
  metadata: RootMetadata | TargetsMetadata,
  roots: readonly RootMetadata[],
  { role, key }: { readonly role: "root" | "targets"; readonly key: KeyObject },
): boolean {
  const hex = publicHex(key);
  const ids = roots.flatMap((root) =>
    (root.signed.roles[role]?.keyIDs ?? []).filter(
      (id) => root.signed.keys[id]?.keyVal["public"] === hex,
    ),
  );
  for (const id of new Set(ids)) {
    signMetadata(metadata, id, key);
  }
  return ids.length > 0;
}

/** The id under which root metadata knows the publisher's key. Throws WardError `WARD_BUNDLE_KEY`. */
export function publisherId(root: RootMetadata, key: KeyObject): string {
  const hex = publicHex(key);
  const roles = [root.signed.roles["snapshot"], root.signed.roles["timestamp"]];
  const id = Object.entries(root.signed.keys).find(
    ([name, known]) =>
      known.keyVal["public"] === hex && roles.every((role) => role?.keyIDs.includes(name)),
  )?.[0];
  if (id === undefined) {
    throw new WardError(
      "WARD_BUNDLE_KEY",
      "Cannot publish: this is not the publisher's key. Give the key that root metadata names for snapshot and timestamp.",
    );
  }
  return id;
}
