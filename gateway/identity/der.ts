import { WardError } from "../errors.ts";

/** One element of DER (X.690): its tag byte, its content, and all of its bytes. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** The one element that fills `bytes`. Throws WardError `WARD_DER`. */
export function readDer(bytes: Uint8Array): DerElement {
  const element = elementAt(bytes, 0);
  if (element.whole.length !== bytes.length) {
    throw wrong("bytes are left over");
  }
  return element;
}

/** The elements inside a constructed one. Throws WardError `WARD_DER`. */
export function derChildren(parent: DerElement): DerElement[] {
  const children: DerElement[] = [];
  for (let at = 0; at < parent.content.length;) {
    const child = elementAt(parent.content, at);
    children.push(child);
    at += child.whole.length;
  }
  return children;
}

/** Narrows to an element with the given tag. */
export function derElement(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) {
    throw wrong(`tag ${element?.tag ?? "none"} where ${tag} should be`);
  }
  return element;
}

export const DER_INTEGER = 0x02;
export const DER_BIT_STRING = 0x03;
export const DER_OBJECT_ID = 0x06;
export const DER_SEQUENCE = 0x30;

function elementAt(bytes: Uint8Array, start: number): DerElement {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) {
    throw wrong("it is cut off, or a tag is too long");
  }
  let length = first;
  let at = start + 2;
  if (first >= 0x80) {
    const octets = first - 0x80;
    if (octets < 1 || octets > LENGTH_OCTETS_MAX) {
      throw wrong("a length is not definite");
    }
    length = 0;
    for (const end = at + octets; at < end; at += 1) {
      length = length * 256 + (bytes[at] ?? 0);
    }
  }
  const end = at + length;
  if (end > bytes.length) {
    throw wrong("it is cut off");
  }
  return { tag, content: bytes.subarray(at, end), whole: bytes.subarray(start, end) };
}

function wrong(why: string): WardError {
  return new WardError("WARD_DER", `Cannot read DER: ${why}.`);
}

const LENGTH_OCTETS_MAX = 3;
