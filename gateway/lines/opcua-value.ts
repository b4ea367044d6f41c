import { singleText } from "../devices/decimal.ts";
import type { OpcuaChange } from "../devices/device.ts";

/**
 * An OPC-UA scalar as JSON carries it: numbers (a Float as its shortest decimal), booleans, strings, the text of a
 * LocalizedText, a NodeId as `nsu=<uri>;i=5025`, a 64-bit integer that fits, a DateTime as ISO text. Null for everything else, NaN
 * and infinities included. Never throws.
 */
export function plainValue(
  value: unknown,
  isFloat: boolean,
  namespaces: readonly string[],
): OpcuaChange["value"] {
  if (typeof value === "number") {
    return Number.isFinite(value) ? (isFloat ? Number(singleText(value)) : value) : null;
  }
  if (typeof value === "boolean") {
    return value;
  }
  if (typeof value === "string") {
    return value.slice(0, TEXT_MAX);
  }
  if (value instanceof Date) {
    return Number.isFinite(value.getTime()) ? value.toISOString() : null;
  }
  if (Array.isArray(value)) {
    return wholeNumber(value);
  }
  return typeof value === "object" && value !== null ? fromObject(value, namespaces) : null;
}

function fromObject(value: object, namespaces: readonly string[]): string | null {
  if ("text" in value && typeof value.text === "string") {
    return value.text.slice(0, TEXT_MAX);
  }
  if ("identifierType" in value && "namespace" in value && "value" in value) {
    const letter = LETTERS[Number(value.identifierType)];
    const namespace = namespaces[Number(value.namespace)];
    const id = value.value;
    if (letter !== undefined && namespace !== undefined && isIdentifier(id)) {
      return `nsu=${namespace};${letter}=${id}`.slice(0, TEXT_MAX);
    }
  }
  return null;
}

function isIdentifier(id: unknown): id is string | number {
  return typeof id === "string" || typeof id === "number";
}

/** A 64-bit integer comes as its high and low half. */
function wholeNumber(halves: readonly unknown[]): number | null {
  const [high, low] = halves;
  if (halves.length !== 2 || typeof high !== "number" || typeof low !== "number") {
    return null;
  }
  const whole = high * 2 ** 32 + (low >>> 0);
  return Number.isSafeInteger(whole) ? whole : null;
}

/** By NodeIdType: numeric, string, GUID. */
const LETTERS: Readonly<Record<number, string>> = { 1: "i", 2: "s", 3: "g" };
const TEXT_MAX = 500;
