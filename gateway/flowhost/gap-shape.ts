import { isDeviceId } from "../reading.ts";
import type { TakeGap } from "../rooms.ts";
import { isCount, isRecord, isText } from "./message-shape.ts";

/** True for a well-formed gap between takes. */
export function isTakeGap(value: unknown): value is TakeGap {
  return (
    isRecord(value) &&
    typeof value["device"] === "string" &&
    isDeviceId(value["device"]) &&
    isText(value["boot"], TEXT_MAX) &&
    BOOT.test(value["boot"]) &&
    isText(value["id"], TEXT_MAX) &&
    isNumber(value["from"]) &&
    isNumber(value["to"]) &&
    isText(value["reason"], TEXT_MAX) &&
    typeof value["atMost"] === "boolean" &&
    isCount(value["start"]) &&
    isCount(value["end"])
  );
}

const BOOT = /^[0-9a-f]{16}$/;
const TEXT_MAX = 512;

/** A take's number: from 1. */
function isNumber(value: unknown): boolean {
  return isCount(value) && value >= 1;
}
