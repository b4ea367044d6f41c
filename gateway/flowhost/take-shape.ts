import { isItem } from "../item-shape.ts";
import { CLASSES, isDeviceId, TAKE_ITEMS_MAX } from "../reading.ts";
import type { ClassName, Item, Take } from "../reading.ts";
import type { TakeGap } from "../rooms.ts";

/**
 * True for a well-formed take: 1-50 well-formed items of its own device, boot, number and kind, numbered from 0 without holes.
 */
export function isTake(value: unknown): value is Take {
  return (
    isRecord(value) &&
    isSource(value) &&
    isNumber(value["take"], 1) &&
    isClass(value["class"]) &&
    isDigest(value["digest"]) &&
    Array.isArray(value["items"]) &&
    value["items"].length >= 1 &&
    value["items"].length <= TAKE_ITEMS_MAX &&
    value["items"].every((item, place) => belongs(item, place, value))
  );
}

/** True for a well-formed gap between takes. */
export function isTakeGap(value: unknown): value is TakeGap {
  return (
    isRecord(value) &&
    isSource(value) &&
    isText(value["id"]) &&
    isNumber(value["from"], 1) &&
    isNumber(value["to"], 1) &&
    isText(value["reason"]) &&
    typeof value["atMost"] === "boolean" &&
    isNumber(value["start"], 0) &&
    isNumber(value["end"], 0)
  );
}

const KINDS = { notice: "notice", vital: "reading", trend: "reading", wave: "waveform" } as const;
const BOOT = /^[0-9a-f]{16}$/;
const TEXT_MAX = 512;
const DIGEST_MAX = 0xff_ff_ff_ff;

type Fields = Readonly<Record<string, unknown>>;

function belongs(item: unknown, place: number, take: Fields): item is Item {
  return (
    isItem(item) &&
    item.index === place &&
    item.device === take["device"] &&
    item.boot === take["boot"] &&
    item.take === take["take"] &&
    isClass(take["class"]) &&
    item.kind === KINDS[take["class"]]
  );
}

function isSource(value: Fields): boolean {
  const { device, boot } = value;
  return (
    typeof device === "string" && isDeviceId(device) && typeof boot === "string" && BOOT.test(boot)
  );
}

function isClass(value: unknown): value is ClassName {
  return CLASSES.some((name) => name === value);
}

function isDigest(value: unknown): boolean {
  return isNumber(value, 0) && Number(value) <= DIGEST_MAX;
}

function isNumber(value: unknown, minimum: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= minimum;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.length <= TEXT_MAX && value.isWellFormed();
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
