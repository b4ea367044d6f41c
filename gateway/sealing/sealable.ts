import {
  CLOCK_QUALITIES,
  isDeviceId,
  isSameQuality,
  QUALITIES,
  TAKE_ITEMS_MAX,
  WAVE_SAMPLES_MAX,
} from "../reading.ts";
import type { Item, Notice, Reading, Waveform } from "../reading.ts";
import { isTableText } from "../columns.ts";
import { TIME_MAX } from "./envelope.ts";
import { isBoot } from "./sources.ts";

/**
 * Why the seal cannot take an item exactly as it is, or null when it can. Items come out of flows, so their types are only
 * a claim. The answer names the field and never its content. `before` and `like` were found good: what is the very same in this one
 * is not looked at again.
 */
export function sealProblem(item: Item, before: Origin | null, like: Item | null): string | null {
  if (typeof item !== "object" || item === null) {
    return "item is not an object";
  }
  return identityProblem(item, before) ?? contentProblem(item, like);
}

/** Where an item comes from. */
export type Origin = Pick<Item, "device" | "boot">;

function contentProblem(item: Item, like: Item | null): string | null {
  switch (item.kind) {
    case "reading":
      return readingProblem(item) ?? seriesProblem(item, like);
    case "waveform":
      return waveformProblem(item) ?? seriesProblem(item, like);
    case "notice":
      return noticeProblem(item);
    default:
      return "kind is unknown";
  }
}

function identityProblem(item: Item, before: Origin | null): string | null {
  if (item.device !== before?.device || item.boot !== before.boot) {
    if (typeof item.device !== "string" || !isDeviceId(item.device)) {
      return "device is not a device id";
    }
    if (!isBoot(item.boot)) {
      return "boot is not 16 hex digits";
    }
  }
  if (!isIntegerIn(item.take, 0, TIME_MAX)) {
    return "take is not a number from 0 to 2^52 - 1";
  }
  if (!isIntegerIn(item.index, 0, TAKE_ITEMS_MAX - 1)) {
    return `index is not a number from 0 to ${TAKE_ITEMS_MAX - 1}`;
  }
  return CLOCK_QUALITIES.includes(item.clock) ? null : "clock is unknown";
}

function readingProblem(item: Reading): string | null {
  const { value } = item;
  if (typeof value === "number" ? !Number.isFinite(value) : value !== null && !isTableText(value)) {
    return "value is not a finite number, text or null";
  }
  if (!isTableText(item.text)) {
    return "text is not text";
  }
  if (!isIntegerIn(item.at, 0, TIME_MAX)) {
    return "at is not a time";
  }
  if (item.deviceAt !== null && !isIntegerIn(item.deviceAt, -TIME_MAX, TIME_MAX)) {
    return "deviceAt is not a time";
  }
  return null;
}

function waveformProblem(item: Waveform): string | null {
  if (!isIntegerIn(item.start, 0, TIME_MAX)) {
    return "start is not a time";
  }
  const { period } = item;
  if (typeof period !== "object" || period === null || !(period.ms > 0) || !(period.samples > 0)) {
    return "period is not a ratio";
  }
  if (
    ![period.ms, period.samples, item.scale, item.offset].every((part) => Number.isFinite(part))
  ) {
    return "period, scale or offset is not a finite number";
  }
  if (typeof item.gap !== "boolean") {
    return "gap is not true or false";
  }
  const { samples } = item;
  if (!Array.isArray(samples) || samples.length < 1 || samples.length > WAVE_SAMPLES_MAX) {
    return `samples are not 1 to ${WAVE_SAMPLES_MAX}`;
  }
  for (const sample of item.samples) {
    if (sample !== null && !isIntegerIn(sample, -TIME_MAX, TIME_MAX)) {
      return "a sample is not an integer within 2^52, or null";
    }
  }
  return null;
}

function noticeProblem(item: Notice): string | null {
  if (!isTableText(item.notice) || !isTableText(item.text)) {
    return "notice or text is not text";
  }
  if (!isIntegerIn(item.at, 0, TIME_MAX)) {
    return "at is not a time";
  }
  if (item.since !== null && !isIntegerIn(item.since, -TIME_MAX, TIME_MAX)) {
    return "since is not a time";
  }
  return null;
}

function seriesProblem(item: Reading | Waveform, like: Item | null): string | null {
  if (like !== null && like.kind !== "notice" && hasSameFields(item, like)) {
    return null;
  }
  if (!isTableText(item.code) || !isTableText(item.unit) || !isTableText(item.path)) {
    return "code, unit or path is not text";
  }
  if (item.mdc !== null && !isIntegerIn(item.mdc, 0, MDC_MAX)) {
    return "mdc is not a nomenclature code";
  }
  const { quality } = item;
  if (!Array.isArray(quality) || quality.length > QUALITY_MAX) {
    return `quality is not a list of up to ${QUALITY_MAX}`;
  }
  return item.quality.every((word) => QUALITIES.includes(word)) ? null : "quality is unknown";
}

function hasSameFields(item: Reading | Waveform, like: Reading | Waveform): boolean {
  return (
    item.code === like.code &&
    item.unit === like.unit &&
    item.path === like.path &&
    item.mdc === like.mdc &&
    Array.isArray(item.quality) &&
    isSameQuality(item.quality, like.quality)
  );
}

/** Minus zero is taken for the zero that it is: sums of integers give it now and then. */
function isIntegerIn(value: unknown, minimum: number, maximum: number): value is number {
  return (
    typeof value === "number" && Number.isSafeInteger(value) && value >= minimum && value <= maximum
  );
}

/** Words of quality on one item, at most. */
export const QUALITY_MAX = 32;
export const MDC_MAX: number = 2 ** 32 - 1;
