import { singleText } from "../devices/decimal.ts";
import type { OpcuaChange } from "../devices/device.ts";
import { DataType } from "./opcua-library.ts";

/** What the type of a value says beyond the value itself: a Float, an Int64, or neither. */
export type ValueKind = "single" | "signed-64" | "other";

/**
 * A decoded OPC-UA value as JSON carries it: numbers (a Float as its shortest decimal), booleans, strings, the text of a
 * LocalizedText, a NodeId as `nsu=<uri>;i=5025`, a 64-bit integer that fits, a DateTime as ISO text. Null for everything else, NaN
 * and infinities included. Never throws.
 */
export function plainValue(
  value: unknown,
  kind: ValueKind,
  namespaces: readonly string[],
): OpcuaChange["value"] {
  if (typeof value === "number") {
    return Number.isFinite(value) ? (kind === "single" ? Number(singleText(value)) : value) : null;
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
    return wholeNumber(value, kind);
  }
  return typeof value === "object" && value !== null ? fromObject(value, namespaces) : null;
}

export function kindOf(dataType: DataType): ValueKind {
  switch (dataType) {
    case DataType.Float:
      return "single";
    case DataType.Int64:
      return "signed-64";
    default:
      return "other";
  }
}

/** A node id as `nsu=<uri>;i=5025`; null for what is none, or of a namespace that is not known. */
export function nodeText(value: object, namespaces: readonly string[]): string | null {
  if ("identifierType" in value && "namespace" in value && "value" in value) {
    const letter = LETTERS[Number(value.identifierType)];
    const namespace = namespaces[Number(value.namespace)];
    const id = Buffer.isBuffer(value.value) ? value.value.toString("base64") : value.value;
    if (letter !== undefined && namespace !== undefined && isIdentifier(id)) {
      return `nsu=${namespace};${letter}=${id}`.slice(0, NODE_TEXT_MAX);
    }
  }
  return null;
}

/** The UNECE unit id in an EUInformation (OPC 10000-8); null for what is none, or of another list of units. */
export function unitOf(value: unknown): number | null {
  if (typeof value !== "object" || value === null || !("unitId" in value)) {
    return null;
  }
  const isUnece = "namespaceUri" in value && value.namespaceUri === UNECE;
  return isUnece && typeof value.unitId === "number" ? value.unitId : null;
}

function fromObject(value: object, namespaces: readonly string[]): string | null {
  return "text" in value && typeof value.text === "string"
    ? value.text.slice(0, TEXT_MAX)
    : nodeText(value, namespaces);
}

function isIdentifier(id: unknown): id is string | number {
  return typeof id === "string" || typeof id === "number";
}

/** A 64-bit integer comes as its high and low half, both without sign. */
function wholeNumber(halves: readonly unknown[], kind: ValueKind): number | null {
  const [high, low] = halves;
  if (halves.length !== 2 || typeof high !== "number" || typeof low !== "number") {
    return null;
  }
  const upper = kind === "signed-64" ? high | 0 : high;
  const whole = upper * 2 ** 32 + (low >>> 0);
  return Number.isSafeInteger(whole) ? whole : null;
}

/** By NodeIdType: numeric, string, GUID, opaque. */
const LETTERS: Readonly<Record<number, string>> = { 1: "i", 2: "s", 3: "g", 4: "b" };
const UNECE = "http://www.opcfoundation.org/UA/units/un/cefact";
const TEXT_MAX = 500;
const NODE_TEXT_MAX = 1100;
