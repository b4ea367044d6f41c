import { createPublicKey, type KeyObject, sign } from "node:crypto";

import {
  Metadata,
  MetadataKind,
  Root,
  Signature,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from "@tufjs/models";

import { canonicalJson, sha256 } from "../gateway/bundles/canonical-json.ts";
import { type PersonRole, ROLE_FIELD } from "../gateway/bundles/metadata.ts";

/**
 * The publisher's door of `@tufjs/models`: makes and signs the metadata of The Update Framework that gateways judge.
 */
export interface PublicSigner {
  /** `publisher` for the key of the machine that publishes; the others are people. */
  readonly role: PersonRole | "publisher";
  /** Who holds it, for people. */
  readonly name: string;
  /** The Ed25519 public key, 64 hex digits. */
  readonly public: string;
}

/** Any metadata of the framework. */
export type AnyMetadata =
  | Metadata<Root>
  | Metadata<Targets>
  | Metadata<Snapshot>
  | Metadata<Timestamp>;

/** What a channel's bundle is, as targets metadata says it. */
export interface TargetFacts {
  readonly name: string;
  readonly length: number;
  readonly sha256: string;
  readonly version: number;
}

/** The public half of a key as 64 hex digits. */
export function publicHex(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: "jwk" });
  return Buffer.from(x ?? "", "base64url").toString("hex");
}

/** The id under which a key stands in root metadata. */
export function keyId(signer: PublicSigner): string {
  return sha256(canonicalJson(keyJson(signer)));
}

/** New root metadata: people sign root and targets, the publisher snapshot and timestamp. */
export function makeRoot(o: {
  readonly version: number;
  readonly expires: Date;
  readonly people: readonly PublicSigner[];
  readonly publishers: readonly PublicSigner[];
  /** Signatures that root and targets need. */
  readonly threshold: number;
}): Metadata<Root> {
  const people = { keyids: o.people.map(keyId), threshold: o.threshold };
  const machine = { keyids: o.publishers.map(keyId), threshold: 1 };
  const root = Root.fromJSON({
    _type: "root",
    spec_version: SPEC_VERSION,
    version: o.version,
    expires: instant(o.expires),
    consistent_snapshot: true,
    keys: Object.fromEntries(
      [...o.people, ...o.publishers].map((signer) => [keyId(signer), keyJson(signer)]),
    ),
    roles: { root: people, targets: people, snapshot: machine, timestamp: machine },
  });
  return new Metadata(root);
}

/** New targets metadata with these bundles. */
export function makeTargets(
  version: number,
  expires: Date,
  targets: readonly TargetFacts[],
): Metadata<Targets> {
  const files = targets.map(({ name: path, length, sha256: hash, version: of }) => [
    path,
    new TargetFile({
      path,
      length,
      hashes: { sha256: hash },
      unrecognizedFields: { custom: { version: of } },
    }),
  ]);
  const common = { version, specVersion: SPEC_VERSION, expires: instant(expires) };
  return new Metadata(new Targets({ ...common, targets: Object.fromEntries(files) }));
}

/** New snapshot metadata that names a version of targets. */
export function makeSnapshot(version: number, expires: Date, targets: number): Metadata<Snapshot> {
  const snapshot = Snapshot.fromJSON({
    _type: "snapshot",
    spec_version: SPEC_VERSION,
    version,
    expires: instant(expires),
    meta: { "targets.json": { version: targets } },
  });
  return new Metadata(snapshot);
}

/** New timestamp metadata that names a snapshot by version, length and hash. */
export function makeTimestamp(
  version: number,
  expires: Date,
  snapshot: { readonly version: number; readonly bytes: Uint8Array },
): Metadata<Timestamp> {
  const timestamp = Timestamp.fromJSON({
    _type: "timestamp",
    spec_version: SPEC_VERSION,
    version,
    expires: instant(expires),
    meta: {
      "snapshot.json": {
        version: snapshot.version,
        length: snapshot.bytes.length,
        hashes: { sha256: sha256(snapshot.bytes) },
      },
    },
  });
  return new Metadata(timestamp);
}

/** Adds a signature under a key's id. */
export function signMetadata(metadata: AnyMetadata, id: string, key: KeyObject): void {
  metadata.sign((data) => new Signature({ keyID: id, sig: sign(null, data, key).toString("hex") }));
}

/** The bytes of metadata as they are published. */
export function metadataBytes(metadata: AnyMetadata): Uint8Array {
  return Buffer.from(`${JSON.stringify(metadata.toJSON(), null, 1)}\n`, "utf8");
}

/** Reads targets metadata of our own repository. */
export function targetsOf(bytes: Uint8Array): Metadata<Targets> {
  return Metadata.fromJSON(MetadataKind.Targets, objectOf(bytes));
}

/** The version that our own timestamp metadata has, and the version of the snapshot it names. */
export function timestampVersions(bytes: Uint8Array): {
  readonly version: number;
  readonly snapshot: number;
} {
  const { signed } = Metadata.fromJSON(MetadataKind.Timestamp, objectOf(bytes));
  return { version: signed.version, snapshot: signed.snapshotMeta.version };
}

const SPEC_VERSION = "1.0.31";

type JsonObject = Parameters<typeof Metadata.fromJSON>[1];

function keyJson(signer: PublicSigner): { [field: string]: string | { [name: string]: string } } {
  const key = { keytype: "ed25519", scheme: "ed25519", keyval: { public: signer.public } };
  return { ...key, [ROLE_FIELD]: signer.role, "x-wardgate-name": signer.name };
}

/** The framework knows no fractions of a second. */
function instant(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}

function objectOf(bytes: Uint8Array): JsonObject {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
  if (!isObject(value)) {
    throw new TypeError("metadata is no JSON object");
  }
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
