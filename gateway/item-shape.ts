import type { Item } from "./reading.ts";
import {
  CLOCK_QUALITIES,
  isDeviceId,
  QUALITIES,
  TAKE_ITEMS_MAX,
  WAVE_SAMPLES_MAX,
} from "./reading.ts";

/**
 * Says whether something is a well-formed reading, waveform or notice: every field there, of the right type, within its
 * bound. Returns null, or what is wrong in plain words without any value of the device. Whether a number is possible is
 * another question: check.ts.
 */
export function itemProblem(item: unknown): string | null {
  if (!isRecord(item)) {
    return "it is not an object";
  }
  if (isPlainReading(item)) {
    return null;
  }
  const rules = isKind(item["kind"]) ? SHAPES[item["kind"]] : null;
  if (rules === null) {
    return "kind is not reading, waveform or notice";
  }
  for (const [field, rule] of rules) {
    if (!rule(item[field])) {
      return `${field} is missing or not as specified`;
    }
  }
  return null;
}

/**
 * The usual case at a fraction of the cost of the walk over the rules, since every reading is looked at several times on its
 * way: true only where the rules find nothing either.
 */
function isPlainReading(item: Readonly<Record<string, unknown>>): boolean {
  const { kind, device, boot, take, index, clock, code, mdc, unit, path, quality } = item;
  const { value, text, at, deviceAt } = item;
  return (
    kind === "reading" &&
    isSource(device, boot) &&
    isWholeIn(take, 1, Number.MAX_SAFE_INTEGER) &&
    isWholeIn(index, 0, TAKE_ITEMS_MAX - 1) &&
    isWholeIn(at, 0, Number.MAX_SAFE_INTEGER) &&
    (mdc === null || isWholeIn(mdc, 0, MDC_MAX)) &&
    (deviceAt === null || isWholeIn(deviceAt, 0, Number.MAX_SAFE_INTEGER)) &&
    (value === null || typeof value === "number" || isTextIn(value, 0, TEXT_CHARS_MAX)) &&
    isTextIn(code, 1, CODE_CHARS_MAX) &&
    isTextIn(text, 0, TEXT_CHARS_MAX) &&
    isTextIn(unit, 0, UNIT_CHARS_MAX) &&
    isTextIn(path, 0, PATH_CHARS_MAX) &&
    isClock(clock) &&
    Array.isArray(quality) &&
    quality.length === 1 &&
    isQuality(quality[0])
  );
}

/** True for a device id and the id of a run of bedside. What was found good lately need not be matched again. */
export function isSource(device: unknown, boot: unknown): boolean {
  if (typeof device !== "string" || typeof boot !== "string") {
    return false;
  }
  if (good.get(device) === boot) {
    return true;
  }
  if (!isDeviceId(device) || !isBoot(boot)) {
    return false;
  }
  if (good.size >= GOOD_MAX) {
    good.clear();
  }
  good.set(device, boot);
  return true;
}

const good = new Map<string, string>();
const GOOD_MAX = 1024;

/** True for a well-formed item. */
export function isItem(item: unknown): item is Item {
  return itemProblem(item) === null;
}

/** Characters in a code, a text, a unit and a path, at most. */
const CODE_CHARS_MAX = 128;
const TEXT_CHARS_MAX = 512;
const UNIT_CHARS_MAX = 64;
const PATH_CHARS_MAX = 128;
/** Samples or milliseconds in the ratio of a period, at most: one day. */
const PERIOD_MAX = 86_400_000;
const MDC_MAX = 0xff_ff_ff_ff;

type Rule = (value: unknown) => boolean;
type Shape = readonly (readonly [field: string, rule: Rule])[];

const text =
  (charsMin: number, charsMax: number): Rule =>
  (value) =>
    isTextIn(value, charsMin, charsMax);
const whole =
  (minimum: number, maximum: number): Rule =>
  (value) =>
    isWholeIn(value, minimum, maximum);
const finite: Rule = (value) => Number.isFinite(value);
const orNull =
  (rule: Rule): Rule =>
  (value) =>
    value === null || rule(value);
const oneOf =
  (words: readonly string[]): Rule =>
  (value) =>
    typeof value === "string" && words.includes(value);

const instant: Rule = (value) => Number.isFinite(value) && Number(value) >= 0;
const isWord = text(0, TEXT_CHARS_MAX);
const isQuality = oneOf(QUALITIES);
const isClock = oneOf(CLOCK_QUALITIES);
const isSample = orNull(whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER));
const isPeriodPart = whole(1, PERIOD_MAX);

const IDENTITY: Shape = [
  ["device", (value) => typeof value === "string" && isDeviceId(value)],
  ["boot", isBoot],
  ["take", whole(1, Number.MAX_SAFE_INTEGER)],
  ["index", whole(0, TAKE_ITEMS_MAX - 1)],
  ["clock", isClock],
];

const MEASURED: Shape = [
  ...IDENTITY,
  ["code", text(1, CODE_CHARS_MAX)],
  ["mdc", orNull(whole(0, MDC_MAX))],
  ["unit", text(0, UNIT_CHARS_MAX)],
  ["path", text(0, PATH_CHARS_MAX)],
  [
    "quality",
    (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.length <= QUALITIES.length &&
      value.every(isQuality),
  ],
];

const SHAPES = {
  reading: [
    ...MEASURED,
    ["value", (value) => value === null || typeof value === "number" || isWord(value)],
    ["text", text(0, TEXT_CHARS_MAX)],
    ["at", instant],
    ["deviceAt", orNull(finite)],
  ],
  waveform: [
    ...MEASURED,
    ["start", instant],
    [
      "period",
      (value) => isRecord(value) && isPeriodPart(value["ms"]) && isPeriodPart(value["samples"]),
    ],
    ["scale", finite],
    ["offset", finite],
    [
      "samples",
      (value) =>
        Array.isArray(value) &&
        value.length > 0 &&
        value.length <= WAVE_SAMPLES_MAX &&
        value.every(isSample),
    ],
    ["gap", (value) => typeof value === "boolean"],
  ],
  notice: [
    ...IDENTITY,
    ["notice", text(1, CODE_CHARS_MAX)],
    ["text", text(0, TEXT_CHARS_MAX)],
    ["at", instant],
    ["since", orNull(instant)],
  ],
} as const satisfies Readonly<Record<Item["kind"], Shape>>;

function isTextIn(value: unknown, charsMin: number, charsMax: number): boolean {
  return typeof value === "string" && value.length >= charsMin && value.length <= charsMax;
}

function isWholeIn(value: unknown, minimum: number, maximum: number): boolean {
  return (
    typeof value === "number" && Number.isSafeInteger(value) && value >= minimum && value <= maximum
  );
}

function isBoot(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{16}$/.test(value);
}

function isKind(kind: unknown): kind is Item["kind"] {
  return kind === "reading" || kind === "waveform" || kind === "notice";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
