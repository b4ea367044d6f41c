import { refused } from "./refusal.ts";

/** What a bundle says of itself. It is signed twice: as part of the bundle, and in short in the metadata beside it. */
export interface BundleManifest {
  readonly format: 1;
  /** Which gateways it is for: `[a-z0-9-]{1,32}`, named in each gateway's signed settings. */
  readonly channel: string;
  /** Grows with every bundle of a channel, 1 to 2^31-1. */
  readonly version: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Oldest version of the program that may run it, `1.2.3`. */
  readonly minRuntime: string;
  /** For people: what was changed, at most 400 characters. */
  readonly note: string;
  /** SHA-256, hex, of every other file. */
  readonly files: Readonly<Record<string, string>>;
  /** See `flowHash`. */
  readonly flowHash: string;
}

/** True for the name of a channel. */
export function isChannel(value: unknown): value is string {
  return typeof value === "string" && CHANNEL.test(value);
}

/** Under which name the bundles of a channel are published. */
export function targetName(channel: string): string {
  return `${channel}.bundle`;
}

/** Reads a manifest. Throws WardError `WARD_BUNDLE_CONTENT`. */
export function readManifest(value: unknown): BundleManifest {
  if (!isManifest(value)) {
    const wrong = Object.entries(FIELDS)
      .filter(([name, isRight]) => !isRight(fieldOf(value, name)))
      .map(([name]) => name);
    const why = wrong.length === 0 ? "it has fields of another version" : `its ${wrong.join(", ")}`;
    throw refused("WARD_BUNDLE_CONTENT", `the manifest is not usable (${why})`);
  }
  return value;
}

/** True when program version `has` is at least `wanted`; both `1.2.3`. */
export function isAtLeast(has: string, wanted: string): boolean {
  const [mine, theirs] = [has, wanted].map((version) => version.split(".").map(Number));
  for (const [place, number] of (theirs ?? []).entries()) {
    const own = mine?.[place] ?? 0;
    if (own !== number) {
      return own > number;
    }
  }
  return true;
}

export const VERSION_MAX: number = 2 ** 31 - 1;
const NOTE_MAX = 400;
const CHANNEL = /^[a-z0-9-]{1,32}$/;
const RUNTIME = /^\d{1,6}\.\d{1,6}\.\d{1,6}$/;
const HASH = /^[0-9a-f]{64}$/;

const FIELDS: Readonly<Record<keyof BundleManifest, (value: unknown) => boolean>> = {
  format: (value) => value === 1,
  channel: isChannel,
  version: (value) =>
    Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= VERSION_MAX,
  createdAt: (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  minRuntime: (value) => typeof value === "string" && RUNTIME.test(value),
  note: (value) => typeof value === "string" && value.length <= NOTE_MAX,
  files: (value) => isRecord(value) && Object.values(value).every(isHash),
  flowHash: isHash,
};

function isManifest(value: unknown): value is BundleManifest {
  return (
    isRecord(value) &&
    Object.keys(value).every((name) => Object.hasOwn(FIELDS, name)) &&
    Object.entries(FIELDS).every(([name, isRight]) => isRight(fieldOf(value, name)))
  );
}

function fieldOf(value: unknown, name: string): unknown {
  return isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function isHash(value: unknown): boolean {
  return typeof value === "string" && HASH.test(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
