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

/** Writes one element: its tag and the content, given in parts. */
export function writeDer(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts);
  const octets: number[] = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) {
    octets.unshift(rest % 256);
  }
  const length = content.length < 0x80 ? [content.length] : [0x80 + octets.length, ...octets];
  return Buffer.concat([Uint8Array.from([tag, ...length]), content]);
}

/** r and s of an ECDSA signature, of the same length, as X.509 has them (RFC 3279 section 2.2.3). */
export function writeSignature(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2;
  const numbers = [signature.subarray(0, half), signature.subarray(half)].map((bytes) => {
    const digits = bytes.subarray(
      Math.max(
        0,
        bytes.findIndex((byte) => byte !== 0),
      ),
    );
    const sign = (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array();
    return writeDer(DER_INTEGER, sign, digits);
  });
  return writeDer(DER_SEQUENCE, ...numbers);
}

/** An object identifier as an element, from its dotted text (two arcs or more). */
export function writeObjectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc % 128];
    for (let more = Math.floor(arc / 128); more > 0; more = Math.floor(more / 128)) {
      digits.unshift(0x80 + (more % 128));
    }
    return digits;
  });
  return writeDer(DER_OBJECT_ID, Uint8Array.from(bytes));
}

/** True when an element is this object identifier. */
export function isObjectId(element: DerElement | undefined, dotted: string): boolean {
  return element !== undefined && Buffer.from(element.whole).equals(writeObjectId(dotted));
}

export const DER_INTEGER = 0x02;
export const DER_BIT_STRING = 0x03;
export const DER_OBJECT_ID = 0x06;
export const DER_UTF8_STRING = 0x0c;
export const DER_SEQUENCE = 0x30;
export const DER_SET = 0x31;
/** The context tag [0], constructed. */
export const DER_CONTEXT_0 = 0xa0;

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
