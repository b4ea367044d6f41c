import type { BadBytes, Measured } from "../device.ts";
import type { Quality } from "../../reading.ts";
import type { Field, NumberContent, SeparatedForm, WordContent } from "./line-field.ts";
import type { Message } from "./line-protocol.ts";
import { Pattern } from "./pattern.ts";

/** What one line gives. */
export interface LineContent {
  readonly readings: readonly Measured[];
  /** The serial number that it tells, or null. */
  readonly serial: string | null;
  /** Fields that could not be read, in a line that was sent as it came. */
  readonly faults: readonly BadBytes[];
}

/**
 * Reads a line of one kind of message: null when it is none. `isProven` says that a checksum has shown the line to be whole: then a field
 * that is not as described costs that field only. Otherwise it costs the line, since nothing tells which of its characters were damaged;
 * the result then is why, in plain words.
 */
export function readLine(
  text: string,
  message: Message,
  isProven: boolean,
): LineContent | string | null {
  const parts = partsOf(text, message);
  if (parts === null) {
    return null;
  }
  const read: ReadField[] = [];
  const wrong: Field[] = [];
  for (const field of message.fields) {
    const found = readField(field, parts);
    read.push({ field, found });
    if (found.kind === "wrong") {
      wrong.push(field);
    }
  }
  const [first] = wrong;
  if (first !== undefined && !isProven) {
    return whyWrong(message, first);
  }
  const quality = qualityOf(read);
  const readings: Measured[] = [];
  let serial: string | null = null;
  for (const { field, found } of read) {
    if (field.content.kind !== "serial-number") {
      readings.push(measured(field.content, found, quality));
    } else if (found.kind === "serial-number") {
      serial = found.raw;
    }
  }
  const faults = wrong.map((field) => unknownField(message, field));
  return { readings, serial, faults };
}

interface ReadField {
  readonly field: Field;
  readonly found: Found;
}

/** What was found in the place of a field. */
type Found =
  | { readonly kind: "none" }
  | { readonly kind: "wrong" }
  | { readonly kind: "number"; readonly text: string }
  | {
      readonly kind: "word";
      readonly raw: string;
      readonly word: string;
      readonly quality: Quality | undefined;
    }
  | { readonly kind: "serial-number"; readonly raw: string };

const NONE: Found = { kind: "none" };
const WRONG: Found = { kind: "wrong" };
/** More than this is no serial number. */
const SERIAL = /^[A-Za-z0-9][A-Za-z0-9 ._/-]{0,31}$/;

/** The texts of a line's parts or groups; null when the line is not of this form. */
function partsOf(text: string, { form, starts }: Message): readonly string[] | null {
  if (!text.startsWith(starts)) {
    return null;
  }
  if (form === null) {
    return [];
  }
  if (form instanceof Pattern) {
    return form.match(text);
  }
  const parts = split(text, form);
  return parts.length >= form.parts.low && parts.length <= form.parts.high ? parts : null;
}

function split(text: string, { separator }: SeparatedForm): string[] {
  return separator === " " ? text.trim().split(/[ \t]+/) : text.split(separator);
}

function readField(field: Field, parts: readonly string[]): Found {
  const whole = textOf(field, parts);
  if (whole === null) {
    return WRONG;
  }
  if (whole === "" || field.invalid.has(whole)) {
    return NONE;
  }
  const raw = within(whole, field);
  if (raw === null) {
    return WRONG;
  }
  return raw === "" || field.invalid.has(raw) ? NONE : contentOf(field, raw);
}

/** The text in the place of a field; "" where there is no such part, null where there are several. */
function textOf({ where }: Field, parts: readonly string[]): string | null {
  switch (where.kind) {
    case "place":
      return (parts[where.place] ?? "").trim();
    case "group":
      return (parts[where.group] ?? "").trim();
    case "key": {
      const found = parts.map((part) => part.trim()).filter((part) => part.startsWith(where.key));
      return found.length > 1 ? null : (found[0] ?? "").slice(where.key.length).trim();
    }
  }
}

function within(text: string, { prefix, suffix }: Field): string | null {
  if (prefix === "" && suffix === "") {
    return text;
  }
  const isAround =
    text.length >= prefix.length + suffix.length &&
    text.startsWith(prefix) &&
    text.endsWith(suffix);
  return isAround ? text.slice(prefix.length, text.length - suffix.length).trim() : null;
}

function contentOf({ content }: Field, raw: string): Found {
  switch (content.kind) {
    case "number": {
      const text = content.read(raw);
      return text === null ? WRONG : { kind: "number", text };
    }
    case "word": {
      const word = content.words.get(raw);
      return word === undefined
        ? WRONG
        : { kind: "word", raw, word, quality: content.qualities.get(raw) };
    }
    case "serial-number":
      return SERIAL.test(raw) ? { kind: "serial-number", raw } : WRONG;
  }
}

/**
 * What the words of a line say about its numbers; ["valid"] when they say nothing. A word that is not described, where others are known to
 * say something about the numbers, makes them questionable.
 */
function qualityOf(read: readonly ReadField[]): readonly Quality[] {
  let told: Set<Quality> | null = null;
  for (const { field, found } of read) {
    const quality = toldBy(field, found);
    if (quality !== null) {
      told ??= new Set();
      told.add(quality);
    }
  }
  return told === null ? VALID : [...told];
}

function toldBy({ content }: Field, found: Found): Quality | null {
  if (content.kind !== "word") {
    return null;
  }
  if (found.kind === "word") {
    return found.quality ?? null;
  }
  return found.kind === "wrong" && content.qualities.size > 0 ? "questionable" : null;
}

function measured(
  content: NumberContent | WordContent,
  found: Found,
  quality: readonly Quality[],
): Measured {
  switch (found.kind) {
    case "number":
      return measuredNumber(content, found.text, quality);
    case "word":
      return reading(content, found.word, found.raw, wordQuality(quality));
    case "wrong":
      return reading(content, null, "", INVALID);
    default:
      return reading(content, null, "", UNAVAILABLE);
  }
}

function measuredNumber(
  content: NumberContent | WordContent,
  text: string,
  quality: readonly Quality[],
): Measured {
  const value = Number(text);
  const range = content.kind === "number" ? content.range : null;
  if (range !== null && (value < range.low || value > range.high)) {
    return reading(content, null, "", INVALID);
  }
  return quality.includes("invalid") || quality.includes("unavailable")
    ? reading(content, null, "", quality)
    : reading(content, value, text, quality);
}

/** What is said about numbers is not said about words, but whether all of it is real is. */
function wordQuality(quality: readonly Quality[]): readonly Quality[] {
  const told = quality.filter((word) => word === "demo" || word === "test");
  return told.length === 0 ? VALID : told;
}

function reading(
  { code, mdc, unit }: NumberContent | WordContent,
  value: Measured["value"],
  text: string,
  quality: readonly Quality[],
): Measured {
  return { code, mdc, value, text, unit, quality, path: "", deviceAt: null };
}

const VALID: readonly Quality[] = ["valid"];
const INVALID: readonly Quality[] = ["invalid"];
const UNAVAILABLE: readonly Quality[] = ["unavailable"];

function unknownField(message: Message, field: Field): BadBytes {
  return { kind: "fault", fault: "unknown-field", bytes: 0, text: whyWrong(message, field) };
}

function whyWrong({ name }: Message, field: Field): string {
  return `message "${name}", field "${field.name}" is not as described`;
}
