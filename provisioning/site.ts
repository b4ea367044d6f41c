import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { makeBinding } from "../gateway/identity/identity.ts";
import type { RecipientKey } from "../gateway/rooms.ts";
import { recipientKid } from "../gateway/sealing/recipient-kid.ts";
import { signSettings, type SignedSettings } from "../gateway/identity/signed-settings.ts";
import { BROKER_FILES, GATEWAY_FILES, HUB_FILES } from "../gateway/identity/site-files.ts";
import { createAuthority, type Authority } from "./authority.ts";
import {
  issueGateway,
  issueHub,
  issueServer,
  type Identity,
  type RootKind,
  type Validity,
} from "./ca.ts";
import { recordIssued } from "./issued.ts";
import { issueLists } from "./lists.ts";
import { publicBase64, replacePrivate, writePrivate } from "./private-files.ts";
import { softwareTlsKey } from "../gateway/identity/key-provider.ts";

/** A whole small site: one authority, one broker, one hub, one gateway. */
export interface SiteOptions {
  /** Gets the directories `ca`, `broker`, `hub` and `gateway`. Must not hold a site yet. */
  readonly directory: string;
  /** Gateway id, also its certificate's CN. */
  readonly gateway: string;
  /** Hub id: `hub-...`. */
  readonly hub: string;
  /** Host names and IP addresses at which the broker is reached. */
  readonly brokerNames: readonly string[];
  /** Appears in the names of the roots (default "Wardgate"). */
  readonly site?: string;
}

export interface Site {
  readonly authority: Authority;
  readonly caDirectory: string;
  readonly brokerDirectory: string;
  readonly hubDirectory: string;
  /** The gateway's data directory. `site.cose` is still missing: see `writeSignedSettings`. */
  readonly gatewayDirectory: string;
  readonly hubKeys: HubKeys;
}

/** What every gateway must know of the hubs; goes into the signed settings. */
export interface HubKeys {
  /** Whom batches are sealed to. */
  readonly recipients: readonly RecipientKey[];
  /** Ed25519 SubjectPublicKeyInfo, base64: who may sign receipts. */
  readonly receiptKey: string;
}

/** The parts of the signed settings that provisioning does not know by itself. */
export type SettingsDraft = Omit<
  SignedSettings,
  "version" | "gateway" | "issuedAt" | "recipients" | "receiptKey"
>;

/** Makes everything a small site needs. @throws WardError `WARD_PROVISION_EXISTS`, `WARD_CA_NAME` */
export async function makeSite(options: SiteOptions): Promise<Site> {
  const { directory } = options;
  const caDirectory = join(directory, "ca");
  const brokerDirectory = join(directory, "broker");
  const hubDirectory = join(directory, "hub");
  const gatewayDirectory = join(directory, "gateway");
  // For a bench: a ward's authority is made with a passphrase, by "wardgate ca init".
  const site = options.site ?? "Wardgate";
  const authority = await createAuthority({ directory: caDirectory, site, passphrase: null });
  await addBroker(authority, brokerDirectory, options.brokerNames);
  await addHub(authority, hubDirectory, options.hub);
  await addGateway(authority, gatewayDirectory, options.gateway);
  await publishLists(authority, {
    brokers: [brokerDirectory],
    hubs: [hubDirectory],
    gateways: [gatewayDirectory],
  });
  const hubKeys = await readHubKeys(hubDirectory);
  return { authority, caDirectory, brokerDirectory, hubDirectory, gatewayDirectory, hubKeys };
}

/** Writes a broker directory: its identity and both roots. */
export async function addBroker(
  authority: Authority,
  directory: string,
  names: readonly string[],
  validity?: Validity,
): Promise<void> {
  const identity = await issueServer(authority.servers, names, { validity });
  await writeIdentity(directory, BROKER_FILES, { identity, kind: "servers" }, authority);
}

/** Writes a hub directory: its identity, both roots, the key it opens batches with and the key it signs receipts with. */
export async function addHub(
  authority: Authority,
  directory: string,
  id: string,
  validity?: Validity,
): Promise<void> {
  const identity = await issueHub(authority.servers, id, validity);
  await writeIdentity(directory, HUB_FILES, { identity, kind: "servers" }, authority);
  const recipient = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const receipt = generateKeyPairSync("ed25519");
  await writePrivate(join(directory, HUB_FILES.recipientKey), privatePem(recipient.privateKey));
  await writePrivate(join(directory, HUB_FILES.receiptKey), privatePem(receipt.privateKey));
}

/** Writes a gateway's data directory: its identity, both roots, its signing key bound to its certificate. */
export async function addGateway(
  authority: Authority,
  directory: string,
  id: string,
  validity?: Validity,
): Promise<void> {
  const identity = await issueGateway(authority.gateways, id, validity);
  await writeIdentity(directory, GATEWAY_FILES, { identity, kind: "gateways" }, authority);
  const signing = generateKeyPairSync("ed25519");
  const binding = makeBinding({
    certificateChainPem: identity.certificate,
    certificateKey: softwareTlsKey(createPrivateKey(identity.key)),
    signingPublicKey: signing.publicKey,
    now: Date.now(),
  });
  await writePrivate(join(directory, GATEWAY_FILES.signingKey), privatePem(signing.privateKey));
  await writePrivate(join(directory, GATEWAY_FILES.binding), binding);
  await writePrivate(join(directory, GATEWAY_FILES.settingsSigner), authority.settingsSignerPublic);
}

/** Writes fresh revocation lists to everyone who checks certificates. Brokers and hubs must then read them again. */
export async function publishLists(
  authority: Authority,
  to: {
    readonly brokers: readonly string[];
    readonly hubs: readonly string[];
    readonly gateways: readonly string[];
  },
  days?: number,
): Promise<void> {
  const lists = await issueLists(authority, days);
  for (const directory of to.brokers) {
    await replacePrivate(join(directory, BROKER_FILES.gatewaysCrl), lists.gateways);
    await replacePrivate(join(directory, BROKER_FILES.serversCrl), lists.servers);
  }
  for (const directory of to.hubs) {
    await replacePrivate(join(directory, HUB_FILES.gatewaysCrl), lists.gateways);
    await replacePrivate(join(directory, HUB_FILES.serversCrl), lists.servers);
  }
  for (const directory of to.gateways) {
    await replacePrivate(join(directory, GATEWAY_FILES.serversCrl), lists.servers);
  }
}

/** The public halves of a hub's keys. Hubs that share one database share both key files. */
export async function readHubKeys(hubDirectory: string): Promise<HubKeys> {
  const [recipient, receipt] = await Promise.all([
    readKey(join(hubDirectory, HUB_FILES.recipientKey)),
    readKey(join(hubDirectory, HUB_FILES.receiptKey)),
  ]);
  return {
    recipients: [{ kid: recipientKid(recipient), spki: publicBase64(recipient) }],
    receiptKey: publicBase64(receipt),
  };
}

/**
 * Signs and writes `site.cose`, replacing the one before.
 * @throws WardError `WARD_SITE` that lists every problem of the settings
 */
export async function writeSignedSettings(o: {
  readonly authority: Authority;
  readonly gatewayDirectory: string;
  readonly gateway: string;
  readonly hubKeys: HubKeys;
  readonly settings: SettingsDraft;
}): Promise<void> {
  const settings: SignedSettings = {
    version: 1,
    gateway: o.gateway,
    issuedAt: Date.now(),
    ...o.hubKeys,
    ...o.settings,
  };
  const signed = signSettings(settings, o.authority.settingsSigner);
  await replacePrivate(join(o.gatewayDirectory, GATEWAY_FILES.settings), signed);
}

async function writeIdentity(
  directory: string,
  files: {
    readonly certificate: string;
    readonly key: string;
    readonly serversRoot: string;
    readonly gatewaysRoot: string;
  },
  made: { readonly identity: Identity; readonly kind: RootKind },
  authority: Authority,
): Promise<void> {
  const { identity, kind } = made;
  const { certificate } = identity;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writePrivate(join(directory, files.key), identity.key);
  await recordIssued(authority.directory, { kind, by: "command", certificate });
  await writePrivate(join(directory, files.certificate), certificate);
  await writePrivate(join(directory, files.serversRoot), authority.roots.servers);
  await writePrivate(join(directory, files.gatewaysRoot), authority.roots.gateways);
}

async function readKey(path: string): Promise<KeyObject> {
  return createPrivateKey(await readFile(path, "utf8"));
}

function privatePem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" });
}
