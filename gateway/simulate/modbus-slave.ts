import type { Framing } from "../lines/modbus-frames.ts";
import { crc16, lrc, MBAP_BYTES, rtuFrame } from "../lines/modbus-frames.ts";

/** Bytes that a slave sends, some time after the request came, and never before what it has to send already. */
export interface SlaveBytes {
  readonly afterMs: number;
  readonly bytes: Uint8Array;
}

export interface SlaveOptions {
  readonly framing: Framing;
  /** One whole request (unit and PDU, no checksum) in, the reply (likewise) out; null for no reply. */
  readonly answer: (request: Uint8Array) => Uint8Array | null;
  /** Turns the framed reply into what is really sent; by default just that, at once. */
  readonly deliver?: (frame: Buffer) => readonly SlaveBytes[];
}

/**
 * The slave's end of one Modbus connection: bytes of requests in, bytes of replies out, in any of the three framings. It
 * understands the length of write requests too, so that a test can see whether one ever comes.
 */
export class ModbusSlave {
  readonly #options: SlaveOptions;
  readonly #write: (bytes: Uint8Array) => void;
  /** What is to be sent, in this order, and when at the earliest (performance.now()). */
  readonly #queue: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #timer: NodeJS.Timeout | null = null;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(options: SlaveOptions, write: (bytes: Uint8Array) => void) {
    this.#options = options;
    this.#write = write;
  }

  push(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (let used = this.#take(); used > 0; used = this.#take()) {
      this.#bytes = this.#bytes.subarray(used);
    }
    if (this.#bytes.length > REQUEST_BYTES_MAX) {
      this.#bytes = Buffer.alloc(0);
    }
  }

  /** Forgets what was to be sent. */
  end(): void {
    clearTimeout(this.#timer ?? undefined);
    this.#queue.length = 0;
  }

  /** Handles one request at the start of the bytes and returns its length; 0 when more bytes are needed. */
  #take(): number {
    switch (this.#options.framing) {
      case "rtu":
        return this.#takeRtu();
      case "ascii":
        return this.#takeAscii();
      case "tcp":
        return this.#takeTcp();
    }
  }

  #takeRtu(): number {
    const length = rtuRequestBytes(this.#bytes);
    if (length === 0 || this.#bytes.length < length) {
      return 0;
    }
    const frame = this.#bytes.subarray(0, length);
    if (crc16(frame.subarray(0, -2)) !== frame.readUInt16LE(length - 2)) {
      return 1;
    }
    this.#reply(frame.subarray(0, -2), (pdu) => rtuFrame(pdu));
    return length;
  }

  #takeAscii(): number {
    const end = this.#bytes.indexOf("\r\n");
    if (end === -1) {
      return 0;
    }
    const text = this.#bytes.toString("latin1", 0, end);
    const binary = Buffer.from(text.slice(text.indexOf(":") + 1), "hex");
    if (binary.length >= 3 && lrc(binary.subarray(0, -1)) === binary.at(-1)) {
      this.#reply(binary.subarray(0, -1), asciiFrame);
    }
    return end + 2;
  }

  #takeTcp(): number {
    if (this.#bytes.length < MBAP_BYTES) {
      return 0;
    }
    const length = MBAP_BYTES + this.#bytes.readUInt16BE(4);
    if (this.#bytes.length < length) {
      return 0;
    }
    const transaction = this.#bytes.readUInt16BE(0);
    this.#reply(this.#bytes.subarray(MBAP_BYTES, length), (pdu) => tcpFrame(pdu, transaction));
    return length;
  }

  #reply(request: Uint8Array, frame: (pdu: Uint8Array) => Buffer): void {
    const reply = this.#options.answer(request);
    if (reply === null) {
      return;
    }
    const framed = frame(reply);
    const pieces = this.#options.deliver?.(framed) ?? [{ afterMs: 0, bytes: framed }];
    for (const { afterMs, bytes } of pieces) {
      this.#send(bytes, afterMs);
    }
  }

  /** Bytes keep their order, as on a wire: nothing overtakes what is late. */
  #send(bytes: Uint8Array, afterMs: number): void {
    this.#queue.push({ at: performance.now() + afterMs, bytes });
    if (this.#timer === null) {
      this.#drain();
    }
  }

  #drain(): void {
    this.#timer = null;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const waitMs = next.at - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#drain(), waitMs);
        return;
      }
      this.#queue.shift();
      this.#write(next.bytes);
    }
  }
}

/** More than any request: with so many bytes and no end of one, what comes is none. */
const REQUEST_BYTES_MAX = 70_000;

/** A slave's registers: the words from `address` on, or a Modbus exception code. */
export type ReadRegisters = (
  code: number,
  address: number,
  count: number,
) => readonly number[] | number;

/**
 * The reply of one unit that can only be read (functions 1 to 4): every other function is refused with exception 1, as a device without
 * writable registers does. Null for a request to another unit.
 */
export function answerRegisters(
  request: Uint8Array,
  unit: number,
  read: ReadRegisters,
): Uint8Array | null {
  const [to, code] = request;
  if (to !== unit || code === undefined) {
    return null;
  }
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
  if (code < 1 || code > 4 || request.length !== 6) {
    return Uint8Array.of(unit, code | 0x80, 1);
  }
  const words = read(code, view.getUint16(2), view.getUint16(4));
  if (typeof words === "number") {
    return Uint8Array.of(unit, code | 0x80, words);
  }
  const data =
    code <= 2 ? bitBytes(words) : words.flatMap((word) => [(word >> 8) & 0xff, word & 0xff]);
  return Uint8Array.of(unit, code, data.length, ...data);
}

/** Bits as a reply carries them: eight to a byte, the first the lowest. */
function bitBytes(bits: readonly number[]): number[] {
  const bytes = Array.from({ length: Math.ceil(bits.length / 8) }, () => 0);
  for (const [place, bit] of bits.entries()) {
    bytes[place >>> 3] = (bytes[place >>> 3] ?? 0) | ((bit & 1) << (place & 7));
  }
  return bytes;
}

function rtuRequestBytes(bytes: Buffer): number {
  const [, code, , , , , count] = bytes;
  if (code === 15 || code === 16) {
    return count === undefined ? 0 : 9 + count;
  }
  return bytes.length < 2 ? 0 : 8;
}

function asciiFrame(pdu: Uint8Array): Buffer {
  const hex = Buffer.from([...pdu, lrc(pdu)])
    .toString("hex")
    .toUpperCase();
  return Buffer.from(`:${hex}\r\n`, "latin1");
}

function tcpFrame(pdu: Uint8Array, transaction: number): Buffer {
  const frame = Buffer.alloc(MBAP_BYTES + pdu.length);
  frame.writeUInt16BE(transaction, 0);
  frame.writeUInt16BE(pdu.length, 4);
  frame.set(pdu, MBAP_BYTES);
  return frame;
}
