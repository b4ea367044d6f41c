import type { RegisterBlock, RegisterLimits } from "../device.ts";
import type { MapObject, TextRule } from "../map-object.ts";
import { Scale } from "../scale.ts";
import { ENUMERATION_WORD, readCode, readUnit } from "../site-map.ts";
import type { Order, RawForm, RawType } from "../raw-value.ts";
import { ORDERS, RAW_TYPES, TYPE_REGISTERS } from "../raw-value.ts";

/** One point of a register map: registers that belong together, and what they say. */
export interface MapPoint {
  /** For people; may be "". */
  readonly name: string;
  readonly block: RegisterBlock;
  readonly form: RawForm;
  readonly present: Presence;
  readonly poll: PollClass;
  /** Its text tells one device from another of the same model: a serial number. */
  readonly isIdentity: boolean;
  /** Values before scaling that mean "no value", as text. */
  readonly invalid: ReadonlySet<string>;
  /** What is read from it: one value, and one for each field of bits. */
  readonly values: readonly PointValue[];
}

/** One value of a point. */
export interface PointValue {
  readonly code: string;
  readonly mdc: number | null;
  readonly path: string;
  readonly unit: string;
  /** Null for characters and words. */
  readonly scale: Scale | null;
  /** Words of an enumeration by value before scaling. */
  readonly words: ReadonlyMap<string, string> | null;
  /** The bits that it is made of, or null for all of them. */
  readonly bits: { readonly first: number; readonly width: number } | null;
}

/** What a zero means: a value, no value, or that the point is not read at all. */
export const PRESENCES = ["present", "auto", "absent"] as const;
export type Presence = (typeof PRESENCES)[number];

export const POLL_CLASSES = ["fast", "normal", "slow"] as const;
export type PollClass = (typeof POLL_CLASSES)[number];

/** What the map says about all its points. */
export interface PointContext {
  /** 0 or 1: the number of the first register. */
  readonly base: number;
  readonly wordOrder: Order;
  readonly byteOrder: Order;
  readonly limits: RegisterLimits;
}

/** Reads one point; what is wrong with it is told by the object. */
export function readPoint(point: MapObject, context: PointContext): MapPoint {
  const name = point.text("name", NAME, "");
  const code = readFunction(point);
  const [isOfBits, type] = [code <= 2, readType(point, code)];
  const block = {
    function: code,
    address: readAddress(point, context.base),
    count: readCount(point, type, isOfBits),
  };
  const form: RawForm = {
    type,
    wordOrder: point.choice("wordOrder", ORDERS, context.wordOrder),
    byteOrder: point.choice("byteOrder", ORDERS, context.byteOrder),
    isOfBits,
  };
  const read = {
    name,
    block,
    form,
    present: point.choice("present", PRESENCES, "present"),
    poll: point.choice("poll", POLL_CLASSES, "normal"),
    isIdentity: type === "string" && point.flag("identity", false),
    invalid: readInvalid(point, type),
    values: readValues(point, type, isOfBits ? block.count : WORD_BITS * block.count),
  };
  point.end();
  tellUnreadable(point, block, context);
  return read;
}

/** The Modbus function that registers are read with. */
export function readFunction(object: MapObject): RegisterBlock["function"] {
  const code = object.whole("function", { low: 1, high: 4 });
  return code === 1 || code === 2 || code === 3 ? code : 4;
}

function readType(point: MapObject, code: number): RawType {
  const type = point.choice("type", RAW_TYPES);
  if (code <= 2 && type !== "bits") {
    point.problem("type", `function ${code} reads single bits`, 'Write "bits", or function 3 or 4');
  }
  return type;
}

function readAddress(point: MapObject, base: number): number {
  return point.whole("address", { low: base, high: ADDRESS_MAX + base }) - base;
}

/** How many registers, or bits for functions 1 and 2. */
function readCount(point: MapObject, type: RawType, isOfBits: boolean): number {
  const given = TYPE_REGISTERS[type];
  if (given !== undefined) {
    refuse(point, type, ["count"]);
    return given;
  }
  const most = isOfBits ? BITS_MAX : (COUNT_MAX[type] ?? 1);
  return point.whole("count", { low: 1, high: most }, type === "string" ? undefined : 1);
}

/** Tells fields that a type does not have. */
function refuse(point: MapObject, type: RawType, names: readonly string[]): void {
  for (const name of names) {
    if (point.has(name)) {
      point.problem(name, `a point of type "${type}" has none here`, "Leave it out");
    }
  }
}

function readInvalid(point: MapObject, type: RawType): Set<string> {
  const invalid = new Set<string>();
  for (const value of point.list("invalid", { low: 0, high: INVALID_MAX })) {
    const text = type === "string" ? textOf(value) : numberText(value, type);
    if (text === null) {
      const write =
        type === "string"
          ? "Write texts in quotes"
          : "Write values as the device sends them, before scaling";
      point.problem("invalid", `${JSON.stringify(value).slice(0, 40)} is no ${type}`, write);
    } else {
      invalid.add(text);
    }
  }
  return invalid;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value.length <= 2 * REGISTERS_MAX ? value : null;
}

/** A raw number as it is compared. Whole numbers that JSON cannot hold are written as text. */
function numberText(value: unknown, type: RawType): string | null {
  if (type === "float32" || type === "float64") {
    return typeof value === "number" ? String(value) : null;
  }
  if (typeof value === "string") {
    return /^-?\d{1,20}$/.test(value) ? String(BigInt(value)) : null;
  }
  return Number.isSafeInteger(value) ? String(value) : null;
}

function readValues(point: MapObject, type: RawType, bits: number): PointValue[] {
  const isText = type === "string";
  const isFraction = type === "float32" || type === "float64";
  if (type !== "bits") {
    refuse(point, type, ["fields"]);
  }
  const hasWords = point.has("words");
  if (isText || isFraction) {
    refuse(point, type, ["words"]);
  }
  if (isText || type === "bits" || hasWords) {
    refuse(point, type, ["scale", "unit"]);
  }
  const fields = type === "bits" && point.has("fields") ? readFields(point, bits) : [];
  if (fields.length > 0 && !point.has("code")) {
    refuse(point, "bits", ["words"]);
    return fields;
  }
  const isPlain = isText || type === "bits" || hasWords;
  const whole: PointValue = {
    ...readCode(point),
    path: point.text("path", PATH, ""),
    unit: isPlain ? "1" : readUnit(point),
    scale: isText ? null : isPlain ? ONE : readScale(point),
    words: isText || isFraction ? null : point.words("words", WORD_KEY, ENUMERATION_WORD),
    bits: null,
  };
  return [whole, ...fields];
}

function readFields(point: MapObject, bits: number): PointValue[] {
  return point.objects("fields", { low: 1, high: FIELDS_MAX }).map((field) => {
    field.text("name", NAME, "");
    const first = field.whole("bit", { low: 0, high: BITS_MAX - 1 });
    const width = field.whole("width", { low: 1, high: WORD_BITS }, 1);
    if (first + width > bits) {
      field.problem("bit", `there are only ${bits} bits`, `Write 0 to ${bits - width}`);
    }
    const value: PointValue = {
      ...readCode(field),
      path: field.text("path", PATH, ""),
      unit: "1",
      scale: ONE,
      words: field.words("words", WORD_KEY, ENUMERATION_WORD),
      bits: { first, width },
    };
    field.end();
    return value;
  });
}

function readScale(point: MapObject): Scale | null {
  const scale = point.object("scale");
  const whole = { low: 1, high: RATIO_MAX };
  const numerator = scale.whole("numerator", { low: -RATIO_MAX, high: RATIO_MAX }, 1);
  const denominator = scale.whole("denominator", whole, 1);
  const offset = scale.number("offset") ?? 0;
  scale.end();
  if (numerator === 0) {
    scale.problem("numerator", "zero leaves no value", "Write a whole number other than 0");
  }
  if (Math.abs(offset) > RATIO_MAX || !/^-?\d+(?:\.\d{1,9})?$/.test(String(offset))) {
    scale.problem("offset", `${offset} has too many digits`, "Write up to 9 places, and up to 1e9");
    return null;
  }
  const read = Scale.of(numerator, denominator, offset);
  if (read === null) {
    const write =
      "Write a ratio that does, or leave scale out and name the unit that the device counts in";
    scale.problem("", `${numerator}/${denominator} has no finite decimal`, write);
  }
  return read;
}

/** Tells blocks that may not be read as they stand. */
function tellUnreadable(
  point: MapObject,
  block: RegisterBlock,
  { base, limits }: PointContext,
): void {
  const { address, count, function: code } = block;
  const last = address + count - 1;
  if (last > ADDRESS_MAX) {
    const write = `Write at most ${ADDRESS_MAX + base - count + 1}`;
    point.problem("address", `its last register would be ${last + base}`, write);
  }
  const most = code <= 2 ? (limits.bitsMax ?? 0) : (limits.registersMax ?? 0);
  if (count > most) {
    const what = code <= 2 ? "bits" : "registers";
    const write = "Make largestBlock larger, or read less";
    point.problem("", `${count} ${what} are more than largestBlock allows`, write);
  }
  const forbidden = limits.forbidden?.find(
    (range) => range.function === code && range.first <= last && range.last >= address,
  );
  if (forbidden !== undefined) {
    const range = `${forbidden.first + base} to ${forbidden.last + base}`;
    point.problem(
      "address",
      `it lies in the forbidden ${range}`,
      "Leave the point or the range out",
    );
  }
}

/** The raw value itself. */
const ONE: Scale | null = Scale.of(1, 1);
const ADDRESS_MAX = 0xff_ff;
const REGISTERS_MAX = 125;
const WORD_BITS = 16;
const BITS_MAX = 32;
const COUNT_MAX: Readonly<Partial<Record<RawType, number>>> = {
  string: REGISTERS_MAX,
  bcd: 4,
  bits: 2,
};
/** Values that mean "no value", and fields of one point, at most. */
const INVALID_MAX = 20;
const FIELDS_MAX = 32;
const RATIO_MAX = 1_000_000_000;

const NAME: TextRule = { charactersMax: 80, write: "Write what the value is called on the device" };
const PATH: TextRule = {
  charactersMax: 40,
  form: /^\d+(?:\.\d+){0,3}$/,
  write: 'Write up to four numbers, for example "1.1.2"',
};
const WORD_KEY: TextRule = {
  charactersMax: 12,
  form: /^(?:0|-?[1-9]\d*)$/,
  write: 'Write the value as the device sends it, in quotes, for example "0"',
};
