import type { Anonymiser, LineScheme } from "../device.ts";
import { isIntact } from "./fcs.ts";
import { isMdsCreate, PDU_BYTES_MAX, readMessage } from "./message.ts";
import type { Attribute } from "./poll-reply.ts";
import { CLASS_MDS, CLASS_NUMERIC, CLASS_WAVE, readAttributes } from "./poll-reply.ts";
import { serialFrame } from "./serial-frames.ts";

/** Makes the filter for one kind of line: one message a datagram on a LAN, frames elsewhere. */
export function makeAnonymiser(line: LineScheme): Anonymiser {
  return line === "udp" ? new DatagramAnonymiser() : new FrameAnonymiser();
}

class DatagramAnonymiser implements Anonymiser {
  push(bytes: Uint8Array): Uint8Array {
    return masked(bytes) ?? NOTHING;
  }

  end(): Uint8Array {
    return NOTHING;
  }
}

/** Frames whose check sequence is right are masked and framed anew; all else is left out. */
class FrameAnonymiser implements Anonymiser {
  #body = new Uint8Array(BODY_BYTES_MAX);
  #length = 0;
  #isInside = false;
  #isEscaped = false;

  push(bytes: Uint8Array): Uint8Array {
    const kept: Uint8Array[] = [];
    for (const byte of bytes) {
      if (byte === BEGIN) {
        this.#isInside = true;
        this.#isEscaped = false;
        this.#length = 0;
      } else if (byte === END) {
        kept.push(this.#endFrame());
        this.#isInside = false;
      } else if (byte === ESCAPE) {
        this.#isEscaped = true;
      } else if (this.#isInside) {
        this.#add(this.#isEscaped ? byte ^ ESCAPED : byte);
        this.#isEscaped = false;
      }
    }
    return joined(kept);
  }

  end(): Uint8Array {
    this.#isInside = false;
    return NOTHING;
  }

  #add(byte: number): void {
    if (this.#length === this.#body.length) {
      this.#isInside = false;
      return;
    }
    this.#body[this.#length] = byte;
    this.#length += 1;
  }

  #endFrame(): Uint8Array {
    const isWhole = this.#isInside && !this.#isEscaped && isIntact(this.#body, this.#length);
    const pdu = isWhole
      ? masked(this.#body.subarray(HEAD_BYTES, this.#length - CHECK_BYTES))
      : null;
    return pdu === null ? NOTHING : serialFrame(pdu);
  }
}

const BEGIN = 0xc0;
const END = 0xc1;
const ESCAPE = 0x7d;
const ESCAPED = 0x20;
const HEAD_BYTES = 4;
const CHECK_BYTES = 2;
const BODY_BYTES_MAX = HEAD_BYTES + PDU_BYTES_MAX + CHECK_BYTES;
const NOTHING = new Uint8Array(0);

/**
 * The message with who the patient is made zeros: of numerics, waves, alert monitor and the monitor itself the attributes that name a person or
 * bed, of all other objects (patient demographics above all) every attribute. Null for a message of which nobody knows what is in it.
 */
function masked(pdu: Uint8Array): Uint8Array | null {
  const copy = pdu.slice();
  const message = readMessage(copy);
  switch (message?.kind) {
    case "reply": {
      const isKept = KEPT_CLASSES.has(message.poll.objectClass);
      message.poll.objects.forEach(({ attributes }) => mask(attributes, isKept));
      return copy;
    }
    case "event": {
      message.info.part(OBJECT_BYTES);
      const attributes = isMdsCreate(message) ? readAttributes(message.info) : null;
      mask(attributes ?? [], true);
      return attributes === null ? null : copy;
    }
    case "accepted":
    case "refused":
    case "released":
    case "aborted":
    case "error":
      return copy;
    case "other":
    case undefined:
      return null;
  }
}

function mask(attributes: readonly Attribute[], isKept: boolean): void {
  for (const { id, value } of attributes) {
    if (!isKept || PERSONAL.has(id)) {
      value.rest().fill(0);
    }
  }
}

const CLASS_ALERT_MONITOR = 0x00_36;
const KEPT_CLASSES: ReadonlySet<number> = new Set([
  CLASS_NUMERIC,
  CLASS_WAVE,
  CLASS_MDS,
  CLASS_ALERT_MONITOR,
]);
/** Class, context and handle, before the attributes of an event. */
const OBJECT_BYTES = 6;

/** Attributes that tell of a person: Data Export Programming Guide, patient demographics. */
const PERSONAL: ReadonlySet<number> = new Set([
  0x09_1e, // bed label
  0x09_56, // body surface area
  0x09_58, // date of birth
  0x09_5a, // patient id
  0x09_5c, // family name
  0x09_5d, // given name
  0x09_61, // sex
  0x09_d8, // age
  0x09_dc, // height
  0x09_df, // weight
  0xf0_01, // internal patient id
  0xf1_29, // notes
  0xf1_2a, // notes
]);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
