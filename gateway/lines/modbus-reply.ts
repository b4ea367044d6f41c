import type { BadBytes } from "../devices/device.ts";
import type { ReadRequest } from "./modbus-frames.ts";
import { crc16, EXCEPTION, lrc, replyDataBytes, rtuFrame } from "./modbus-frames.ts";

/** What the bytes so far amount to. `reply.frame` is an RTU frame with CRC, whatever the line's framing. */
export type Verdict =
  | { readonly kind: "more" }
  | { readonly kind: "reply"; readonly frame: Buffer }
  | { readonly kind: "bad"; readonly fault: BadBytes };

/** What is wrong with the first bytes of a reply (unit, function, byte count), as far as they are there; null when nothing is. */
export function headProblem(bytes: Uint8Array, request: ReadRequest, at = 0): string | null {
  const { unit, function: code } = request;
  const gotUnit = bytes[at];
  const gotCode = bytes[at + 1];
  const gotCount = bytes[at + 2];
  if (gotUnit !== undefined && gotUnit !== unit) {
    return `unit ${gotUnit} answered instead of unit ${unit}`;
  }
  if (gotCode !== undefined && gotCode !== code && gotCode !== (code | EXCEPTION)) {
    return `it answers function ${gotCode} instead of ${code}`;
  }
  const isData = gotCode === code;
  if (isData && gotCount !== undefined && gotCount !== replyDataBytes(request)) {
    return "the reply is not as long as what was asked for";
  }
  return null;
}

/** How long a reply with these first bytes must be: unit, function and what follows, without a checksum. */
export function pduBytes(bytes: Uint8Array, request: ReadRequest, at = 0): number {
  return bytes[at + 1] === (request.function | EXCEPTION) ? 3 : 3 + replyDataBytes(request);
}

/** A reply that is given up. `unit`: the one that gave it, where that is certain. */
export function badReply(fault: string, bytes: number, why: string, unit?: number): BadBytes {
  const text = `Reply given up: ${why}`;
  return { kind: "fault", fault, bytes, text, ...(unit === undefined ? {} : { unit }) };
}

/**
 * Judges the bytes that come after one request on a serial bus. Only the exact reply to exactly this request passes: right unit,
 * right function, right length, right checksum, and not one byte before or after it. Everything else is bad, because nothing
 * else tells a late reply of an earlier request from the right one.
 */
export class ReplyReader {
  readonly #request: ReadRequest;
  readonly #framing: "rtu" | "ascii";
  #bytes: Buffer = Buffer.alloc(0);

  constructor(request: ReadRequest, framing: "rtu" | "ascii") {
    this.#request = request;
    this.#framing = framing;
  }

  /** Bytes taken so far. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Takes bytes as they came, cut anywhere. Never throws. */
  push(bytes: Uint8Array): Verdict {
    if (this.#bytes.length + bytes.length > REPLY_BYTES_MAX) {
      return this.#bad("foreign", "more bytes than any reply has", bytes.length);
    }
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    return this.#framing === "rtu" ? this.#judgeRtu() : this.#judgeAscii();
  }

  #judgeRtu(): Verdict {
    const wrong = headProblem(this.#bytes, this.#request);
    if (wrong !== null) {
      return this.#bad("foreign", wrong, 0, this.#stranger(isWholeRtu(this.#bytes)));
    }
    const needed = pduBytes(this.#bytes, this.#request) + 2;
    if (this.#bytes.length < 3 || this.#bytes.length < needed) {
      return MORE;
    }
    if (this.#bytes.length > needed) {
      return this.#bad("foreign", "bytes follow the reply");
    }
    return crc16(this.#bytes.subarray(0, -2)) === this.#bytes.readUInt16LE(needed - 2)
      ? { kind: "reply", frame: this.#bytes }
      : this.#bad("checksum", "the reply's checksum is wrong");
  }

  #judgeAscii(): Verdict {
    const text = this.#bytes.toString("latin1");
    const place = text.indexOf("\r\n");
    if (!/^:[0-9A-Fa-f]*\r?\n?$/.test(text)) {
      return this.#bad("foreign", "it is no Modbus ASCII frame");
    }
    if (place === -1) {
      return MORE;
    }
    const binary = Buffer.from(text.slice(1, place), "hex");
    if (place % 2 === 0 || binary.length < 4) {
      return this.#bad("framing", "the reply is too short");
    }
    const pdu = binary.subarray(0, -1);
    if (lrc(pdu) !== binary.at(-1)) {
      return this.#bad("checksum", "the reply's checksum is wrong");
    }
    return this.#judgePdu(pdu);
  }

  #judgePdu(pdu: Buffer): Verdict {
    const wrong = headProblem(pdu, this.#request);
    if (wrong !== null) {
      return this.#bad("foreign", wrong, 0, this.#stranger(true, pdu[0]));
    }
    return pdu.length >= 3 && pdu.length === pduBytes(pdu, this.#request)
      ? { kind: "reply", frame: rtuFrame(pdu) }
      : this.#bad("foreign", "the reply is not as long as what was asked for");
  }

  /** The unit that answered, when it is another one and its frame is whole: noise has a first byte too. */
  #stranger(isWhole: boolean, unit: number | undefined = this.#bytes[0]): number | undefined {
    return isWhole && unit !== this.#request.unit ? unit : undefined;
  }

  #bad(fault: string, why: string, extra = 0, unit?: number): Verdict {
    return { kind: "bad", fault: badReply(fault, this.#bytes.length + extra, why, unit) };
  }
}

/** True for bytes that are a frame with a good checksum, whoever sent it. */
function isWholeRtu(bytes: Buffer): boolean {
  return (
    bytes.length >= RTU_BYTES_MIN &&
    crc16(bytes.subarray(0, -2)) === bytes.readUInt16LE(bytes.length - 2)
  );
}

/** Unit, function, exception code and checksum. */
const RTU_BYTES_MIN = 5;
const MORE: Verdict = { kind: "more" };
/** The longest reply there is: ASCII, 250 bytes of values. */
const REPLY_BYTES_MAX = 520;
