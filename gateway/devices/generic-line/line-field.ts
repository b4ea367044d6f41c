import type { Quality } from "../../reading.ts";
import { QUALITIES } from "../../reading.ts";
import type { MapObject, TextRule } from "../map-object.ts";
import { ENUMERATION_WORD, readCode, readPresent, readRange, readUnit } from "../site-map.ts";
import type { NumberForm, Span } from "./line-number.ts";
import { DIGITS_MAX, makeNumberReader } from "./line-number.ts";
import { Pattern } from "./pattern.ts";

/** A line of parts. The separator " " stands for any number of blanks. */
export interface SeparatedForm {
  readonly separator: string;
  readonly parts: Span;
}

/** One value of a line. */
export interface Field {
  readonly name: string;
  readonly where: FieldPlace;
  /** Text around the value that is no part of it. */
  readonly prefix: string;
  readonly suffix: string;
  /** Texts that stand for "no value". */
  readonly invalid: ReadonlySet<string>;
  readonly content: NumberContent | WordContent | SerialContent;
}

/** Where the text of a field is: the part of this number (from 0), the part that begins with this key, or the group of this number. */
export type FieldPlace =
  | { readonly kind: "place"; readonly place: number }
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "group"; readonly group: number };

interface Coded {
  readonly code: string;
  readonly mdc: number | null;
  readonly unit: string;
}

export interface NumberContent extends Coded {
  readonly kind: "number";
  /** The digits as a number is written, or null. */
  readonly read: (raw: string) => string | null;
  readonly range: { readonly low: number; readonly high: number } | null;
}

export interface WordContent extends Coded {
  readonly kind: "word";
  readonly words: ReadonlyMap<string, string>;
  /** What a text says about the numbers of its line. */
  readonly qualities: ReadonlyMap<string, Quality>;
}

export interface SerialContent {
  readonly kind: "serial-number";
}

/** Reads the fields of a message, without those that are not present. */
export function readFields(message: MapObject, form: SeparatedForm | Pattern | null): Field[] {
  const codes = new Set<string>();
  return message.objects("fields", { low: 1, high: FIELDS_MAX }).flatMap((object) => {
    const isPresent = readPresent(object);
    const field = readField(object, form);
    object.end();
    const code = field.content.kind === "serial-number" ? SERIAL : field.content.code;
    if (isPresent && codes.has(code)) {
      object.problem("code", `"${code}" is there twice in one message`, "Write another code");
    }
    codes.add(isPresent ? code : "");
    return isPresent ? [field] : [];
  });
}

function readField(object: MapObject, form: SeparatedForm | Pattern | null): Field {
  const name = object.text("name", NAME);
  const where = readPlace(object, form);
  const isSeparated = !(form instanceof Pattern);
  const prefix = isSeparated ? object.text("prefix", AROUND, "") : "";
  const suffix = isSeparated ? object.text("suffix", AROUND, "") : "";
  const invalid = new Set(object.texts("invalid", RAW, INVALID_MAX));
  const content = readContent(object);
  return { name, where, prefix, suffix, invalid, content };
}

function readPlace(object: MapObject, form: SeparatedForm | Pattern | null): FieldPlace {
  if (form instanceof Pattern) {
    const [first = "", ...others] = form.groups;
    if (first === "") {
      object.problem("group", "the pattern has no named groups", "Write (?<name> ) in the pattern");
    }
    const name = object.choice("group", [first, ...others]);
    return { kind: "group", group: form.groups.indexOf(name) };
  }
  if (object.has("key")) {
    return { kind: "key", key: object.text("key", KEY) };
  }
  const high = form?.parts.high ?? 1;
  return { kind: "place", place: object.whole("place", { low: 1, high }) - 1 };
}

function readContent(object: MapObject): Field["content"] {
  if (object.has("use")) {
    object.choice("use", [SERIAL]);
    return { kind: SERIAL };
  }
  const coded = readCode(object);
  const words = object.words("enumeration", RAW, ENUMERATION_WORD);
  if (words === null) {
    const read = makeNumberReader(readNumberForm(object.object("number")));
    return { kind: "number", ...coded, unit: readUnit(object), read, range: readRange(object) };
  }
  const unit = object.has("unit") ? readUnit(object) : "1";
  if (object.has("number") || object.has("range")) {
    object.problem("enumeration", "there is a number or range as well", "Use one of the two");
  }
  return { kind: "word", ...coded, unit, words, qualities: readQualities(object, words) };
}

function readQualities(
  object: MapObject,
  words: ReadonlyMap<string, string>,
): ReadonlyMap<string, Quality> {
  const found = new Map<string, Quality>();
  for (const [raw, word] of object.words("quality", RAW, QUALITY) ?? []) {
    const quality = QUALITIES.find((known) => known === word);
    if (quality === undefined || quality === "valid") {
      object.problem(`quality.${raw}`, `"${word}" is no quality to give`, QUALITY.write);
    } else if (!words.has(raw)) {
      object.problem(`quality.${raw}`, "it is not in the enumeration", "Add it there");
    } else {
      found.set(raw, quality);
    }
  }
  return found;
}

function readNumberForm(number: MapObject): NumberForm {
  const base = number.choice("base", ["decimal", "hexadecimal"], "decimal");
  const isHex = base === "hexadecimal";
  const whole = number.span("whole", { low: 1, high: isHex ? 8 : 12 }, null);
  const places = number.span("places", { low: 0, high: 9 }, null);
  const form: NumberForm = {
    base: isHex ? 16 : 10,
    point: number.choice("point", [".", ","], "."),
    whole: whole ?? (isHex ? { low: 1, high: 8 } : { low: 1, high: 9 }),
    places: places ?? { low: 0, high: 6 },
    sign: number.choice("sign", ["allowed", "none", "required"], "allowed"),
    impliedPlaces: number.whole("impliedPlaces", { low: 0, high: 9 }, 0),
  };
  if (form.whole.high + form.places.high > DIGITS_MAX) {
    const write = `Allow at most ${DIGITS_MAX} digits, so that none is lost`;
    number.problem("whole", "with the places there are too many digits", write);
  }
  if (form.impliedPlaces > 0 && (places?.high ?? 0) > 0) {
    number.problem("impliedPlaces", "the device writes a point as well", "Use one of the two");
  }
  number.end();
  return form.impliedPlaces > 0 ? { ...form, places: { low: 0, high: 0 } } : form;
}

const SERIAL = "serial-number";
/** Values of a line, and texts for "no value" of one field, at most. */
const FIELDS_MAX = 50;
const INVALID_MAX = 32;

const NAME: TextRule = {
  charactersMax: 60,
  write: 'Write what people call it, for example "Weight"',
};
const KEY: TextRule = {
  charactersMax: 24,
  write: 'Write what the part begins with, for example "T="',
};
const AROUND: TextRule = {
  charactersMax: 24,
  write: "Write the text around the value, or leave it out",
};
const RAW: TextRule = {
  charactersMax: 40,
  write: 'Write the text as the device sends it, for example "ST"',
};
const QUALITY: TextRule = {
  charactersMax: 20,
  write: `Use one of ${QUALITIES.filter((quality) => quality !== "valid").join(", ")}`,
};
