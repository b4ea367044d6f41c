import { WardError } from "../errors.ts";
import { isDeviceId } from "../reading.ts";
import type { TakeGap } from "../rooms.ts";

/**
 * How far bedside has counted, written down so that the next bedside can account for what a crash lost.
 *
 * Bedside reserves take numbers before it hands them out: no take leaves bedside whose number is not covered by a
 * checkpoint that is on disk (power cut) and known to main (crash of bedside alone, where main's copy names the exact number).
 */
export interface Checkpoint {
  readonly boot: string;
  readonly at: number;
  readonly devices: readonly CheckpointDevice[];
  /** Gaps that are not committed yet. */
  readonly gaps: readonly TakeGap[];
}

export interface CheckpointDevice {
  readonly device: string;
  /** Every take up to here is settled. */
  readonly settled: number;
  /** No take above this number has been handed out. */
  readonly reserved: number;
}

/** Devices and gaps in one checkpoint, at most. */
const DEVICES_MAX = 2000;
const GAPS_MAX = 10_000;

/** Reads a checkpoint; throws WardError `WARD_CHECKPOINT` on anything that is not one. */
export function parseCheckpoint(text: string): Checkpoint {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new WardError("WARD_CHECKPOINT", "Cannot read the checkpoint: not JSON.", {
      cause: error,
    });
  }
  if (!isCheckpoint(value)) {
    throw new WardError(
      "WARD_CHECKPOINT",
      "Cannot read the checkpoint: fields are missing or out of range.",
    );
  }
  return value;
}

/**
 * What the next bedside has to account for: one gap per device for the takes that were counted and of which nobody knows
 * whether they were settled. Those that were are subtracted by the hub, hence "at most".
 */
export function gapsAfterCrash(checkpoint: Checkpoint, now: number): TakeGap[] {
  const lost = checkpoint.devices
    .filter((device) => device.reserved > device.settled)
    .map((device) =>
      namedGap({
        device: device.device,
        boot: checkpoint.boot,
        from: device.settled + 1,
        to: device.reserved,
        reason: "lost-in-bedside",
        atMost: true,
        start: Math.min(checkpoint.at, now),
        end: now,
      }),
    );
  return [...checkpoint.gaps, ...lost];
}

/** A gap with its id. The id names all that the gap covers, so that a gap that grew is another gap. */
export function namedGap(gap: Omit<TakeGap, "id">): TakeGap {
  const { boot, device, reason, from, to } = gap;
  return {
    id: `${boot}:${device}:${reason}:${from}-${to}`,
    device,
    boot,
    from,
    to,
    reason,
    atMost: gap.atMost,
    start: gap.start,
    end: gap.end,
  };
}

/** Take numbers reserved ahead of the last one used: twice what was taken over the last two checkpoints. */
export function headroom(takesLately: number): number {
  return Math.max(HEADROOM_MIN, takesLately * 2);
}

const HEADROOM_MIN = 16;

/** True for a well-formed TakeGap. */
export function isTakeGap(value: unknown): value is TakeGap {
  return (
    isRecord(value) &&
    typeof value["id"] === "string" &&
    value["id"].length <= 200 &&
    isDevice(value["device"]) &&
    isBoot(value["boot"]) &&
    isCount(value["from"]) &&
    isCount(value["to"]) &&
    value["from"] <= value["to"] &&
    typeof value["reason"] === "string" &&
    value["reason"].length <= 64 &&
    typeof value["atMost"] === "boolean" &&
    isCount(value["start"]) &&
    isCount(value["end"])
  );
}

function isCheckpoint(value: unknown): value is Checkpoint {
  return (
    isRecord(value) &&
    isBoot(value["boot"]) &&
    isCount(value["at"]) &&
    Array.isArray(value["devices"]) &&
    value["devices"].length <= DEVICES_MAX &&
    value["devices"].every(isCheckpointDevice) &&
    Array.isArray(value["gaps"]) &&
    value["gaps"].length <= GAPS_MAX &&
    value["gaps"].every(isTakeGap)
  );
}

function isCheckpointDevice(value: unknown): value is CheckpointDevice {
  return (
    isRecord(value) &&
    isDevice(value["device"]) &&
    isCount(value["settled"]) &&
    isCount(value["reserved"])
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isDevice(value: unknown): value is string {
  return typeof value === "string" && isDeviceId(value);
}

function isBoot(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{16}$/.test(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
