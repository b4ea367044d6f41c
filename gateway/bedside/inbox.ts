import { OPTION_TEXT_MAX } from "../devices/device.ts";
import { WardError } from "../errors.ts";
import { CLASSES, isDeviceId } from "../reading.ts";
import type { FlowhostToBedside, Outcome, Probe, Subscription } from "../rooms.ts";
import { SCAN_COUNT_MAX } from "../rooms.ts";

/** Entries in one list from the flow host, at most. */
const LIST_MAX = 100_000;
const SUBSCRIPTIONS_MAX = 500;
const OPTIONS_MAX = 64;
const TEXT_MAX = 512;
const REGISTER_MAX = 0xff_ff;

/**
 * Checks a message of the flow host to bedside. The flow host runs other people's flows: nothing it says is trusted beyond
 * its form. Throws WardError `WARD_ROOM_MESSAGE`.
 */
export function parseFlowhostToBedside(value: unknown): FlowhostToBedside {
  if (isRecord(value)) {
    if (value["t"] === "hello" && isCount(value["version"])) {
      return { t: "hello", version: value["version"] };
    }
    const { generation, subscriptions, outcomes, gaps, id, probe } = value;
    if (value["t"] === "probe" && isCount(id) && isProbe(probe)) {
      return { t: "probe", id, probe };
    }
    if (value["t"] === "probe-end" && isCount(id)) {
      return { t: "probe-end", id };
    }
    if (
      value["t"] === "flows" &&
      isCount(generation) &&
      isListOf(subscriptions, isSubscription, SUBSCRIPTIONS_MAX)
    ) {
      return { t: "flows", generation, subscriptions };
    }
    if (
      value["t"] === "settled" &&
      isListOf(outcomes, isOutcome, LIST_MAX) &&
      isListOf(gaps, isText, LIST_MAX)
    ) {
      return { t: "settled", outcomes, gaps };
    }
  }
  throw new WardError(
    "WARD_ROOM_MESSAGE",
    "Cannot use a message of the flow host to bedside: unknown form.",
  );
}

function isProbe(value: unknown): value is Probe {
  if (!isRecord(value)) {
    return false;
  }
  switch (value["kind"]) {
    case "read":
      return isSubscription(value["subscription"]);
    case "scan":
      return (
        isText(value["line"]) &&
        isUnit(value["unit"]) &&
        isFunction(value["function"]) &&
        isCount(value["address"]) &&
        value["address"] <= REGISTER_MAX &&
        isCount(value["count"]) &&
        value["count"] >= 1 &&
        value["count"] <= SCAN_COUNT_MAX &&
        value["address"] + value["count"] <= REGISTER_MAX + 1
      );
    case "browse":
      return isText(value["line"]) && isText(value["node"]);
    default:
      return false;
  }
}

function isSubscription(value: unknown): value is Subscription {
  return (
    isRecord(value) &&
    typeof value["device"] === "string" &&
    isDeviceId(value["device"]) &&
    isText(value["model"]) &&
    isText(value["line"]) &&
    isUnit(value["unit"]) &&
    isOptions(value["options"])
  );
}

function isUnit(value: unknown): value is number | null {
  return value === null || (isCount(value) && value <= 255);
}

function isFunction(value: unknown): boolean {
  return value === 1 || value === 2 || value === 3 || value === 4;
}

function isOptions(value: unknown): value is Subscription["options"] {
  return (
    isRecord(value) &&
    !Array.isArray(value) &&
    Object.keys(value).length <= OPTIONS_MAX &&
    Object.values(value).every(
      (option) => isOptionText(option) || typeof option === "boolean" || Number.isFinite(option),
    )
  );
}

function isOutcome(value: unknown): value is Outcome {
  return (
    isRecord(value) &&
    isText(value["device"]) &&
    isText(value["boot"]) &&
    isCount(value["take"]) &&
    CLASSES.some((name) => name === value["class"]) &&
    isCount(value["stored"]) &&
    isCount(value["withheld"]) &&
    isCount(value["refused"]) &&
    isCount(value["dropped"])
  );
}

function isListOf<T>(
  value: unknown,
  each: (entry: unknown) => entry is T,
  most: number,
): value is T[] {
  return Array.isArray(value) && value.length <= most && value.every((entry) => each(entry));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= TEXT_MAX;
}

function isOptionText(value: unknown): value is string {
  return typeof value === "string" && value.length <= OPTION_TEXT_MAX;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
