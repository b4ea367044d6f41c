import { isIP } from "node:net";

import { WardError } from "../errors.ts";
import { SIGHTINGS_MAX } from "./news.ts";
import type { Neighbour, Sighting } from "./sightings.ts";

/**
 * What guard and keeper say to each other on the guard's socket, one JSON object a line. The keeper brings the signed settings as
 * they were signed; there is no word by which it could bring a rule.
 */
export type KeeperToGuard =
  /** The signed settings in force and the public key that they are signed with, both in base64. */
  | { readonly t: "settings"; readonly signer: string; readonly site: string }
  /** What was told under this number is written down. */
  | { readonly t: "heard"; readonly n: number };

export type GuardToKeeper =
  | GuardState
  | {
      readonly t: "seen";
      readonly n: number;
      readonly sightings: readonly NamedSighting[];
      /** So many more found no room. */
      readonly left: number;
    }
  /** All that is known. */
  | { readonly t: "neighbours"; readonly neighbours: readonly Neighbour[] };

/** How the guard is doing. */
export interface GuardState {
  readonly t: "state";
  /** `in-path`, `beside` (only the box itself is looked at), `idle` (the settings say nothing of the network). */
  readonly place: GuardPlace;
  /** SHA-256 of the signed settings whose rules are in force, as hex; "" for none. */
  readonly site: string;
  /** Why what is in force is not what should be; "" when all is well. */
  readonly problem: string;
  /** How often somebody else has changed or removed the rules since the guard started. */
  readonly tampered: number;
}

export const GUARD_PLACES = ["in-path", "beside", "idle"] as const;
export type GuardPlace = (typeof GUARD_PLACES)[number];

/** A sighting with the name by which the settings know who it was, or "". */
export interface NamedSighting extends Sighting {
  readonly name: string;
}

/** Characters of a line, at most: from the keeper (signed settings carry flows), and from the guard. */
export const KEEPER_LINE_MAX: number = 24 * 2 ** 20;
export const GUARD_LINE_MAX: number = 2 ** 20;
/** Neighbours in one message, at most. */
export const NEIGHBOURS_MAX = 1024;

/** Reads a line of the keeper. Throws WardError `WARD_GUARD_MESSAGE`. */
export function readKeeperLine(line: string): KeeperToGuard {
  const value = parsed(line);
  const { t, signer, site, n } = value;
  if (t === "settings" && isBase64(signer) && isBase64(site)) {
    return { t, signer, site };
  }
  if (t === "heard" && isCount(n)) {
    return { t, n };
  }
  throw unusable();
}

/** Reads a line of the guard. Throws WardError `WARD_GUARD_MESSAGE`. */
export function readGuardLine(line: string): GuardToKeeper {
  const value = parsed(line);
  const { t, n, left, sightings, neighbours, site, problem, tampered } = value;
  const place = GUARD_PLACES.find((known) => known === value["place"]);
  if (t === "state" && place !== undefined && isCount(tampered)) {
    if (typeof site === "string" && /^(?:[0-9a-f]{64})?$/.test(site) && isText(problem)) {
      return { t, place, site, problem, tampered };
    }
  }
  if (t === "seen" && isCount(n) && isCount(left)) {
    return { t, n, left, sightings: listOf(sightings, SIGHTINGS_MAX, isNamedSighting) };
  }
  if (t === "neighbours") {
    return { t, neighbours: listOf(neighbours, NEIGHBOURS_MAX, isNeighbour) };
  }
  throw unusable();
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw unusable();
  }
  if (!isRecord(value)) {
    throw unusable();
  }
  return value;
}

function listOf<Entry>(
  value: unknown,
  most: number,
  isRight: (entry: unknown) => entry is Entry,
): readonly Entry[] {
  if (!Array.isArray(value) || value.length > most) {
    throw unusable();
  }
  const entries: readonly unknown[] = value;
  if (!entries.every(isRight)) {
    throw unusable();
  }
  return entries;
}

function isNamedSighting(value: unknown): value is NamedSighting {
  if (!isRecord(value)) {
    return false;
  }
  const { side, from, to, protocol, port, packets, name } = value;
  return (
    (side === "ward" || side === "own") &&
    isAddress(from) &&
    isAddress(to) &&
    typeof protocol === "string" &&
    /^[a-z0-9-]{1,16}$/.test(protocol) &&
    (port === null || (isCount(port) && port <= 65_535)) &&
    isCount(packets) &&
    typeof name === "string" &&
    /^[a-z0-9.-]{0,253}$/.test(name)
  );
}

function isNeighbour(value: unknown): value is Neighbour {
  return (
    isRecord(value) &&
    isAddress(value["address"]) &&
    typeof value["hardware"] === "string" &&
    /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(value["hardware"])
  );
}

function isAddress(value: unknown): value is string {
  return typeof value === "string" && isIP(value) > 0 && !value.includes("%");
}

function isBase64(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9+/]+={0,2}$/.test(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= TEXT_MAX;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unusable(): WardError {
  return new WardError("WARD_GUARD_MESSAGE", "Cannot use a message about the guard: unknown form.");
}

const TEXT_MAX = 600;
