import type { BadBytes } from "../devices/device.ts";
import type { Framing, ReadRequest } from "./modbus-frames.ts";
import { crc16, lrc, MBAP_BYTES, replyDataBytes, rtuFrame } from "./modbus-frames.ts";

/** What the bytes so far amount to. `reply.frame` is an RTU frame with CRC, whatever the line's framing. */
export type Verdict =
  | { readonly kind: "more" }
  | { readonly kind: "reply"; readonly frame: Buffer }
  | { readonly kind: "bad"; readonly fault: BadBytes };

/**
 * Judges the bytes that come after one request. Only the exact reply to exactly this request passes: right unit, right
 * function, right length, right checksum, right transaction, and not one byte before or after it. Everything else is bad,
 * because on a serial bus nothing else tells a late reply of an earlier request from the right one.
 */
export class ReplyReader {
  readonly #request: ReadRequest;
  readonly #framing: Framing;
  readonly #transaction: number;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(request: ReadRequest, framing: Framing, transaction: number) {
    this.#request = request;
    this.#framing = framing;
    this.#transaction = transaction;
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
    switch (this.#framing) {
      case "rtu":
        return this.#judgeRtu();
      case "ascii":
        return this.#judgeAscii();
      case "tcp":
        return this.#judgeTcp();
    }
  }

  #judgeRtu(): Verdict {
    const wrong = this.#headProblem(this.#bytes);
    if (wrong !== null) {
      return this.#bad("foreign", wrong);
    }
    const needed = this.#pduBytes(this.#bytes) + 2;
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

  #judgeTcp(): Verdict {
    const bytes = this.#bytes;
    if (bytes.length >= 2 && bytes.readUInt16BE(0) !== this.#transaction) {
      return this.#bad("foreign", "it is the reply to another request");
    }
    if (bytes.length >= 4 && bytes.readUInt16BE(2) !== 0) {
      return this.#bad("foreign", "its protocol is not Modbus");
    }
    if (bytes.length < MBAP_BYTES) {
      return MORE;
    }
    const total = MBAP_BYTES + bytes.readUInt16BE(4);
    const longest = MBAP_BYTES + 3 + replyDataBytes(this.#request);
    if (total > longest) {
      return this.#bad("foreign", "the reply is longer than what was asked for");
    }
    if (bytes.length > total) {
      return this.#bad("foreign", "bytes follow the reply");
    }
    return bytes.length < total ? MORE : this.#judgePdu(bytes.subarray(MBAP_BYTES));
  }

  #judgePdu(pdu: Buffer): Verdict {
    const wrong = this.#headProblem(pdu);
    if (wrong !== null) {
      return this.#bad("foreign", wrong);
    }
    return pdu.length >= 3 && pdu.length === this.#pduBytes(pdu)
      ? { kind: "reply", frame: rtuFrame(pdu) }
      : this.#bad("foreign", "the reply is not as long as what was asked for");
  }

  /** What is wrong with the first bytes (unit, function, byte count), as far as they are there. */
  #headProblem(pdu: Buffer): string | null {
    const { unit, function: code } = this.#request;
    const [gotUnit, gotCode, gotCount] = pdu;
    if (gotUnit !== undefined && gotUnit !== unit) {
      return `unit ${gotUnit} answered instead of unit ${unit}`;
    }
    if (gotCode !== undefined && gotCode !== code && gotCode !== (code | EXCEPTION)) {
      return `it answers function ${gotCode} instead of ${code}`;
    }
    const isData = gotCode === code;
    if (isData && gotCount !== undefined && gotCount !== replyDataBytes(this.#request)) {
      return "the reply is not as long as what was asked for";
    }
    return null;
  }

  #pduBytes(pdu: Buffer): number {
    const isException = pdu[1] === (this.#request.function | EXCEPTION);
    return isException ? 3 : 3 + replyDataBytes(this.#request);
  }

  #bad(fault: string, text: string, extra = 0): Verdict {
    const bytes = this.#bytes.length + extra;
    return { kind: "bad", fault: { kind: "fault", fault, bytes, text: `Reply given up: ${text}` } };
  }
}

const MORE: Verdict = { kind: "more" };
const EXCEPTION = 0x80;
/** The longest reply there is: ASCII, 250 bytes of values. */
const REPLY_BYTES_MAX = 520;
