import { join } from "node:path";

import { replaceDurably } from "../outbox/disk-sync.ts";
import { readIfThere } from "./read-if-there.ts";
import { VERSION_MAX } from "./manifest.ts";

/** Two bundles fit on a gateway: the one that runs, and the one before it or on trial. */
export const SLOTS = ["a", "b"] as const;
export type SlotName = (typeof SLOTS)[number];

/** How devices and flow did before a new bundle was tried. */
export interface DeliveryBaseline {
  /** Frames a second of every device that delivered. */
  readonly devices: Readonly<Record<string, number>>;
  /** Part of what was taken that ended stored or withheld, 0 to 1; null when nothing was taken. */
  readonly accepted: number | null;
}

export interface Trial {
  readonly slot: SlotName;
  /** Starts of the gateway with this bundle on trial. */
  readonly starts: number;
  readonly before: DeliveryBaseline | null;
}

/** Which slot runs. One small file, replaced whole: at every moment it says one thing. */
export interface SlotState {
  readonly active: SlotName | null;
  readonly trial: Trial | null;
  /** The highest version that was ever kept, 0 for none. */
  readonly highest: number;
  /** Hash of the bundle that was rolled back last, hex, or null: it is not tried again by itself. */
  readonly rejected: string | null;
}

export const NO_SLOTS: SlotState = { active: null, trial: null, highest: 0, rejected: null };

/** The state as it was last written, or null when there is none or it is damaged. */
export function readState(directory: string): SlotState | null {
  const bytes = readIfThere(join(directory, FILE), BYTES_MAX);
  try {
    const value: unknown = bytes === null ? null : JSON.parse(Buffer.from(bytes).toString("utf8"));
    return isState(value) ? value : null;
  } catch {
    return null;
  }
}

/** When this returns the state is on the disk. */
export function writeState(directory: string, state: SlotState): void {
  replaceDurably(join(directory, FILE), Buffer.from(JSON.stringify(state), "utf8"));
}

/** The slot that is not running. */
export function otherSlot(slot: SlotName | null): SlotName {
  return slot === "a" ? "b" : "a";
}

const FILE = "state.json";
const BYTES_MAX = 1024 ** 2;

function isState(value: unknown): value is SlotState {
  if (!isRecord(value)) {
    return false;
  }
  const { active, trial, highest, rejected } = value;
  const isHighest =
    Number.isSafeInteger(highest) && Number(highest) >= 0 && Number(highest) <= VERSION_MAX;
  const isRejected = rejected === null || typeof rejected === "string";
  const isActive = active === null || isSlot(active);
  return isActive && isHighest && isRejected && (trial === null || isTrial(trial));
}

function isTrial(value: unknown): value is Trial {
  return (
    isRecord(value) &&
    isSlot(value["slot"]) &&
    Number.isSafeInteger(value["starts"]) &&
    (value["before"] === null || isBaseline(value["before"]))
  );
}

function isBaseline(value: unknown): value is DeliveryBaseline {
  return (
    isRecord(value) &&
    isRecord(value["devices"]) &&
    Object.values(value["devices"]).every((rate) => typeof rate === "number") &&
    (value["accepted"] === null || typeof value["accepted"] === "number")
  );
}

function isSlot(value: unknown): value is SlotName {
  return value === "a" || value === "b";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
