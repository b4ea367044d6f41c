import { type WardBeds, wardsProblem } from "../access/wards.ts";
import { errorText } from "../errors.ts";
import type { RecipientKey } from "../rooms.ts";
import { recipientProblem, RECIPIENTS_MAX } from "../sealing/wrap.ts";
import { packFiles, unpackFiles } from "./archive.ts";
import { canonicalJson, flowHash, sha256 } from "./canonical-json.ts";
import { type BundleManifest, readManifest } from "./manifest.ts";
import { type DeviceProfile, profileProblem, resolveProfiles } from "./profiles.ts";
import { refused } from "./refusal.ts";

/** A node of a flow as Node-RED keeps it. */
export type FlowNode = Readonly<Record<string, unknown>>;

/** What may be decided by a bundle beside flows and recipients. */
export interface BundlePolicy {
  /** Whose word deletes a record from the outbox; see SignedSettings. */
  readonly deleteOn?: "hub" | "broker";
  /** Which beds belong to which ward; see SignedSettings. */
  readonly wards?: readonly WardBeds[];
}

/** What goes into a bundle. */
export interface BundleContent {
  readonly flows: readonly FlowNode[];
  /** Whom batches are sealed to, 1-16. */
  readonly recipients: readonly RecipientKey[];
  /** Descriptions of devices of the site's own, by name; a flow uses one as `profile:NAME`. */
  readonly devices: Readonly<Record<string, DeviceProfile>>;
  /** What each role of people may do: words for whoever checks logins. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  readonly policy: BundlePolicy;
}

/** A bundle that was taken apart and found whole. */
export interface Bundle extends BundleContent {
  readonly manifest: BundleManifest;
  /** SHA-256 of its bytes, hex: what is signed. */
  readonly sha256: string;
}

/** The bytes of a bundle. Throws WardError `WARD_BUNDLE_CONTENT` naming what is wrong. */
export function writeBundle(
  content: BundleContent,
  about: Omit<BundleManifest, "format" | "files" | "flowHash">,
): Uint8Array {
  const files = new Map<string, string>([
    ["flows.json", canonicalJson(content.flows)],
    ["recipients.json", canonicalJson(content.recipients)],
    ["roles.json", canonicalJson(content.roles)],
    ["policy.json", canonicalJson(content.policy)],
    ...Object.entries(content.devices).map(([name, profile]): [string, string] => [
      `devices/${name}.json`,
      canonicalJson(profile),
    ]),
  ]);
  const manifest: BundleManifest = {
    ...about,
    format: 1,
    files: Object.fromEntries([...files].map(([path, text]) => [path, sha256(text)])),
    flowHash: flowHash(content.flows),
  };
  const bytes = packFiles(new Map([["manifest.json", canonicalJson(manifest)], ...files]));
  readBundle(bytes);
  return bytes;
}

/** Takes a bundle apart and checks all that is in it. Throws WardError `WARD_BUNDLE_CONTENT`. */
export function readBundle(bytes: Uint8Array): Bundle {
  const files = unpackFiles(bytes);
  const manifest = readManifest(jsonOf(files, "manifest.json"));
  checkHashes(files, manifest);
  const flows = jsonOf(files, "flows.json");
  const recipients = jsonOf(files, "recipients.json");
  const roles = jsonOf(files, "roles.json");
  const policy = jsonOf(files, "policy.json");
  if (!isFlows(flows)) {
    throw refused("WARD_BUNDLE_CONTENT", "flows.json is no list of nodes with their own ids");
  }
  if (flowHash(flows) !== manifest.flowHash) {
    throw refused("WARD_BUNDLE_CONTENT", "the flow is not the one its manifest names");
  }
  if (!isRecipients(recipients)) {
    throw refused("WARD_BUNDLE_CONTENT", "recipients.json is no list of 1 to 16 recipients");
  }
  if (!isRoles(roles) || !isPolicy(policy)) {
    throw refused("WARD_BUNDLE_CONTENT", "roles.json or policy.json is not usable");
  }
  const devices = devicesOf(files);
  // A flow that names a description which is not there would read nothing.
  resolveProfiles(flows, devices);
  return { manifest, flows, recipients, devices, roles, policy, sha256: sha256(bytes) };
}

const NODES_MAX = 10_000;
const ROLES_MAX = 32;
const WORDS_MAX = 64;
const ROLE = /^[a-z0-9-]{1,32}$/;
const WORD = /^[a-z0-9.:-]{1,64}$/;

function checkHashes(files: ReadonlyMap<string, string>, manifest: BundleManifest): void {
  for (const [path, text] of files) {
    const named = Object.hasOwn(manifest.files, path) ? manifest.files[path] : undefined;
    if (path !== "manifest.json" && named !== sha256(text)) {
      throw refused("WARD_BUNDLE_CONTENT", `${path} is not the one that its manifest names`);
    }
  }
  if (Object.keys(manifest.files).length !== files.size - 1) {
    throw refused("WARD_BUNDLE_CONTENT", "its manifest names files that are not there");
  }
}

function devicesOf(files: ReadonlyMap<string, string>): Readonly<Record<string, DeviceProfile>> {
  const devices: Record<string, DeviceProfile> = {};
  for (const path of files.keys()) {
    const name = /^devices\/(.+)\.json$/.exec(path)?.[1];
    if (name !== undefined) {
      const profile = jsonOf(files, path);
      if (!isProfile(profile)) {
        throw refused("WARD_BUNDLE_CONTENT", `${path} describes no device`);
      }
      devices[name] = profile;
    }
  }
  return devices;
}

function isProfile(value: unknown): value is DeviceProfile {
  return profileProblem(value) === null;
}

function jsonOf(files: ReadonlyMap<string, string>, path: string): unknown {
  const text = files.get(path);
  if (text === undefined) {
    throw refused("WARD_BUNDLE_CONTENT", `${path} is missing`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refused("WARD_BUNDLE_CONTENT", `${path} is no JSON (${errorText(error)})`);
  }
  if (canonicalJson(value) !== text) {
    throw refused("WARD_BUNDLE_CONTENT", `${path} is not in the one form that it may have`);
  }
  return value;
}

function isFlows(value: unknown): value is readonly FlowNode[] {
  if (!Array.isArray(value) || value.length > NODES_MAX || !value.every(isRecord)) {
    return false;
  }
  const ids = new Set(value.map((node) => node["id"]));
  return ids.size === value.length && [...ids].every((id) => typeof id === "string" && id !== "");
}

function isRecipients(value: unknown): value is readonly RecipientKey[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > RECIPIENTS_MAX) {
    return false;
  }
  const kids = new Set(value.map((entry) => (isRecipient(entry) ? entry.kid : null)));
  return kids.size === value.length && !kids.has(null);
}

function isRecipient(value: unknown): value is RecipientKey {
  if (!isRecord(value) || Object.keys(value).length !== 2) {
    return false;
  }
  const { kid, spki } = value;
  const isPair = typeof kid === "string" && typeof spki === "string";
  return isPair && recipientProblem({ kid, spki }) === null;
}

function isRoles(value: unknown): value is Readonly<Record<string, readonly string[]>> {
  return (
    isRecord(value) &&
    Object.keys(value).length <= ROLES_MAX &&
    Object.entries(value).every(
      ([name, words]) =>
        ROLE.test(name) &&
        Array.isArray(words) &&
        words.length <= WORDS_MAX &&
        words.every((word) => typeof word === "string" && WORD.test(word)),
    )
  );
}

function isPolicy(value: unknown): value is BundlePolicy {
  return (
    isRecord(value) &&
    Object.keys(value).every((name) => name === "deleteOn" || name === "wards") &&
    (!("wards" in value) || wardsProblem(value["wards"]) === null) &&
    (!("deleteOn" in value) || value["deleteOn"] === "hub" || value["deleteOn"] === "broker")
  );
}

function isRecord(value: unknown): value is FlowNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
