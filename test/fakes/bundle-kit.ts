import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { cp, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { BundleContent } from "../../gateway/bundles/content.ts";
import { writeBundle } from "../../gateway/bundles/content.ts";
import { directorySource } from "../../gateway/bundles/directory-source.ts";
import type { MarkKeys } from "../../gateway/bundles/mark.ts";
import { fetchBundle, type FetchedBundle } from "../../gateway/bundles/fetch-bundle.ts";
import type { BundleSource } from "../../gateway/bundles/source.ts";
import { recipientKid } from "../../gateway/sealing/recipient-kid.ts";
import { publicHex, type PublicSigner } from "../../provisioning/bundle-metadata.ts";
import { publishBundles } from "../../provisioning/bundle-publish.ts";
import { BundleRepository } from "../../provisioning/bundle-repository.ts";
import { publicBase64 } from "../../provisioning/private-files.ts";

/** A person or machine with a key. */
export interface Signer {
  readonly signer: PublicSigner;
  readonly key: KeyObject;
}

export const CHANNEL = "icu";
export const DAY_MS = 86_400_000;

export function newSigner(role: PublicSigner["role"], name: string): Signer {
  const { privateKey } = generateKeyPairSync("ed25519");
  return { key: privateKey, signer: { role, name, public: publicHex(privateKey) } };
}

/** A small flow: `size` stands for whatever a version changes. */
export function smallFlow(size: string): BundleContent["flows"] {
  return [
    { id: "t", type: "tab", label: "Bed 4" },
    { id: "f", type: "ward-filter", z: "t", name: "SpO2", size, wires: [["s"]] },
    { id: "s", type: "ward-seal", z: "t", name: "", wires: [[]] },
  ];
}

const recipient = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
export const RECIPIENTS: BundleContent["recipients"] = [
  { kid: recipientKid(recipient), spki: publicBase64(recipient) },
];

export function bundleOf(
  version: number,
  content: Partial<BundleContent> = {},
  about: {
    readonly minRuntime?: string;
    readonly createdAt?: number;
    readonly channel?: string;
  } = {},
): Uint8Array {
  return writeBundle(
    {
      flows: smallFlow(String(version)),
      recipients: RECIPIENTS,
      devices: {},
      roles: {},
      policy: {},
      ...content,
    },
    {
      channel: CHANNEL,
      version,
      createdAt: Date.now() - DAY_MS,
      minRuntime: "0.1.0",
      note: `version ${version}`,
      ...about,
    },
  );
}

/** A repository with two people and a publisher, in a directory of its own. */
export class BundleKit {
  readonly directory: string;
  readonly repository: BundleRepository;
  readonly biomed: Signer = newSigner("biomedical-engineering", "Anna");
  readonly it: Signer = newSigner("information-technology", "Ben");
  readonly publisher: Signer = newSigner("publisher", "server");

  private constructor(directory: string) {
    this.directory = directory;
    this.repository = new BundleRepository(join(directory, "repository"));
  }

  static async open(): Promise<BundleKit> {
    const kit = new BundleKit(await mkdtemp(join(tmpdir(), "wardgate-bundles-")));
    await kit.draftRoot([kit.biomed, kit.it], [kit.publisher]);
    await kit.sign(kit.biomed, kit.it);
    return kit;
  }

  get pinned(): Promise<Buffer> {
    return readFile(join(this.repository.directory, "metadata", "1.root.json"));
  }

  async draftRoot(
    people: readonly Signer[],
    publishers: readonly Signer[],
    days = 365,
  ): Promise<void> {
    await this.repository.draftRoot({
      people: people.map(({ signer }) => signer),
      publishers: publishers.map(({ signer }) => signer),
      threshold: 2,
      expires: new Date(Date.now() + days * DAY_MS),
    });
  }

  async sign(...signers: readonly Signer[]): Promise<void> {
    for (const { key } of signers) {
      await this.repository.sign(key);
    }
  }

  /** Drafts, signs by both and publishes a bundle. */
  async publish(archive: Uint8Array, days = 30, targetsDays = 365): Promise<void> {
    await this.repository.draftBundle(archive, new Date(Date.now() + targetsDays * DAY_MS));
    await this.sign(this.biomed, this.it);
    await this.renew(days);
  }

  async renew(days = 30): Promise<void> {
    await publishBundles(this.repository, this.publisher.key, { days, now: new Date() });
  }

  /** The repository as it is now, to go back to. */
  async copy(name: string): Promise<string> {
    const to = join(this.directory, name);
    await cp(this.repository.directory, to, { recursive: true });
    return to;
  }
}

/** A gateway as far as getting bundles is concerned. */
export class BundleGateway {
  readonly directory: string;
  readonly pinned: Uint8Array;
  readonly #keys = generateKeyPairSync("ed25519");
  installed: { readonly version: number; readonly sha256: string } | null = null;
  counter: MarkKeys["counter"] = null;

  constructor(directory: string, pinned: Uint8Array) {
    this.directory = directory;
    this.pinned = pinned;
  }

  async fetch(
    from: string | BundleSource,
    o: { readonly now?: number; readonly runtime?: string; readonly channel?: string } = {},
  ): Promise<FetchedBundle> {
    return fetchBundle({
      source: typeof from === "string" ? directorySource(from) : from,
      directory: this.directory,
      pinned: this.pinned,
      channel: CHANNEL,
      keys: {
        signing: this.#keys.privateKey,
        verifying: this.#keys.publicKey,
        counter: this.counter,
      },
      runtime: "0.1.0",
      now: Date.now(),
      installed: this.installed,
      ...o,
    });
  }
}
