import { Metadata, MetadataKind, type Root, type TargetFile, type Targets } from "@tufjs/models";

import { errorText } from "../errors.ts";
import { isChannel, targetName } from "./manifest.ts";
import { refused } from "./refusal.ts";

/**
 * The one door of `@tufjs/models` on a gateway: reads root and targets metadata of The Update Framework and judges their
 * signatures, without a clock and without a network. What is asked beyond the framework: only Ed25519 keys, no key under two
 * names, and for root and targets at least one signature of each role of people.
 */
export type PersonRole = (typeof PERSON_ROLES)[number];
/** Who signs. A bundle counts only when at least one of each has signed. */
export const PERSON_ROLES = ["biomedical-engineering", "information-technology"] as const;
/** The field of a key in root metadata that names the role of the person who holds it. */
export const ROLE_FIELD = "x-wardgate-role";
/** Bytes of one file of metadata, at most. */
export const METADATA_BYTES_MAX: number = 128 * 1024;

/** Root metadata that is trusted. */
export interface TrustedRoot {
  readonly version: number;
  readonly metadata: Metadata<Root>;
}

/** What the metadata says of the bundle of a channel. */
export interface SignedTarget {
  /** Bytes. */
  readonly length: number;
  /** Hex. */
  readonly sha256: string;
  /** The bundle's version, as it is signed beside it. */
  readonly version: number;
}

/** Takes the root that everything starts from. Throws WardError `WARD_BUNDLE_TAMPERED` or `WARD_BUNDLE_SIGNATURES`. */
export function pinnedRoot(bytes: Uint8Array): TrustedRoot {
  const metadata = rootOf(bytes);
  demandSignatures(metadata, "root", metadata);
  return { version: metadata.signed.version, metadata };
}

/** Takes the next root: signed by enough of the one before, and by enough of its own. Throws like `pinnedRoot`. */
export function nextRoot(trusted: TrustedRoot, bytes: Uint8Array): TrustedRoot {
  const metadata = rootOf(bytes);
  const { version } = metadata.signed;
  if (version !== trusted.version + 1) {
    throw refused("WARD_BUNDLE_TAMPERED", `root ${version} cannot follow root ${trusted.version}`);
  }
  demandSignatures(trusted.metadata, "root", metadata);
  demandSignatures(metadata, "root", metadata);
  return { version, metadata };
}

/** What targets metadata says of a channel's bundle. Its expiry is not looked at: it never keeps anything from running. */
export function signedTarget(root: TrustedRoot, bytes: Uint8Array, channel: string): SignedTarget {
  const metadata = parsed("targets", () =>
    Metadata.fromJSON(MetadataKind.Targets, jsonObject(bytes)),
  );
  demandSignatures(root.metadata, "targets", metadata);
  if (metadata.signed.delegations !== undefined) {
    throw refused("WARD_BUNDLE_TAMPERED", "its targets metadata hands on to others");
  }
  const { targets } = metadata.signed;
  const name = targetName(channel);
  const target = isChannel(channel) && Object.hasOwn(targets, name) ? targets[name] : undefined;
  if (target === undefined) {
    throw refused("WARD_BUNDLE_SOURCE", `there is none for channel ${channel}`);
  }
  return targetOf(target);
}

/** Who of a role's keys has signed: the role of each person, or "" for a key of a machine. Bad signatures do not count. */
export function signersOf(
  root: Metadata<Root>,
  role: "root" | "targets",
  signed: Metadata<Root> | Metadata<Targets>,
): readonly string[] {
  const ids = root.signed.roles[role]?.keyIDs ?? [];
  return ids.flatMap((id) => {
    const key = root.signed.keys[id];
    if (key === undefined) {
      return [];
    }
    try {
      key.verifySignature(signed);
      return [personOf(key) ?? ""];
    } catch {
      return [];
    }
  });
}

/** Why the signatures on root or targets metadata are not enough, or null. */
export function signatureProblem(
  root: Metadata<Root>,
  role: "root" | "targets",
  signed: Metadata<Root> | Metadata<Targets>,
): string | null {
  const signers = signersOf(root, role, signed);
  const threshold = root.signed.roles[role]?.threshold ?? Number.POSITIVE_INFINITY;
  if (signers.length < threshold) {
    return `its ${role} metadata has ${signers.length} of ${threshold} signatures`;
  }
  const missing = PERSON_ROLES.filter((person) => !signers.includes(person));
  return missing.length === 0
    ? null
    : `nobody of ${missing.join(" or ")} has signed its ${role} metadata`;
}

/** Reads root metadata without trusting it. Throws WardError `WARD_BUNDLE_TAMPERED`. */
export function rootOf(bytes: Uint8Array): Metadata<Root> {
  const metadata = parsed("root", () => Metadata.fromJSON(MetadataKind.Root, jsonObject(bytes)));
  const problem = rootProblem(metadata.signed);
  if (problem !== null) {
    throw refused("WARD_BUNDLE_TAMPERED", `its root metadata ${problem}`);
  }
  return metadata;
}

type JsonObject = Parameters<typeof Metadata.fromJSON>[1];

const HASH = /^[0-9a-f]{64}$/;
const KEYS_MAX = 64;
/** So many signatures are the least for root and targets: one of each role of people. */
const THRESHOLD_MIN = PERSON_ROLES.length;

function rootProblem(root: Root): string | null {
  const keys = Object.values(root.keys);
  const isPlain = keys.every(
    ({ keyType, scheme, keyVal }) =>
      keyType === "ed25519" && scheme === "ed25519" && HASH.test(keyVal["public"] ?? ""),
  );
  if (!isPlain || keys.length > KEYS_MAX) {
    return "has keys that are not Ed25519, or too many";
  }
  if (new Set(keys.map(({ keyVal }) => keyVal["public"])).size !== keys.length) {
    return "has one key under two names";
  }
  if (!root.consistentSnapshot || !Number.isSafeInteger(root.version) || root.version < 1) {
    return "is not of the form that gateways take";
  }
  for (const name of ["root", "targets"] as const) {
    const role = root.roles[name];
    const isEnough =
      Number.isSafeInteger(role?.threshold) && (role?.threshold ?? 0) >= THRESHOLD_MIN;
    if (role === undefined || !isEnough) {
      return `asks for fewer than ${THRESHOLD_MIN} signatures on ${name}`;
    }
    const people = new Set(role.keyIDs.map((id) => personOf(root.keys[id])));
    if (!PERSON_ROLES.every((person) => people.has(person))) {
      return `has no key of ${PERSON_ROLES.join(" and ")} for ${name}`;
    }
  }
  return null;
}

/** The role of the person who holds a key, or undefined for a key of a machine. */
function personOf(key: Root["keys"][string] | undefined): PersonRole | undefined {
  const role: unknown = key?.unrecognizedFields?.[ROLE_FIELD];
  return PERSON_ROLES.find((person) => person === role);
}

function demandSignatures(
  root: Metadata<Root>,
  role: "root" | "targets",
  signed: Metadata<Root> | Metadata<Targets>,
): void {
  const problem = signatureProblem(root, role, signed);
  if (problem !== null) {
    throw refused("WARD_BUNDLE_SIGNATURES", problem);
  }
}

function targetOf(target: TargetFile): SignedTarget {
  const sha256 = target.hashes["sha256"] ?? "";
  const version = target.custom["version"];
  if (!HASH.test(sha256) || typeof version !== "number" || !Number.isSafeInteger(version)) {
    throw refused("WARD_BUNDLE_TAMPERED", "its targets metadata lacks hash or version");
  }
  return { length: target.length, sha256, version };
}

function parsed<Kind>(what: string, read: () => Kind): Kind {
  try {
    return read();
  } catch (error) {
    const why = `its ${what} metadata is not usable (${errorText(error)})`;
    throw refused("WARD_BUNDLE_TAMPERED", why, { cause: error });
  }
}

function jsonObject(bytes: Uint8Array): JsonObject {
  if (bytes.length > METADATA_BYTES_MAX) {
    throw new RangeError(`${bytes.length} bytes, more than ${METADATA_BYTES_MAX}`);
  }
  const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (!isJsonObject(value)) {
    throw new TypeError("no JSON object");
  }
  return value;
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
