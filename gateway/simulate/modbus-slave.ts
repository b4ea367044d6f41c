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
  readonly #timers = new Set<NodeJS.Timeout>();
  #bytes: Buffer = Buffer.alloc(0);
  /** When the last of what is to be sent goes out (performance.now()). */
  #busyUntil = 0;

  constructor(options: SlaveOptions, write: (bytes: Uint8Array) => void) {
    this.#options = options;
    this.#write = write;
  }

  push(bytes: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (let used = this.#take(); used > 0; used = this.#take()) {
      this.#bytes = this.#bytes.subarray(used);
    }
  }

  /** Forgets what was to be sent. */
  end(): void {
    for (const timer of this.#timers) {
      clearTimeout(timer);
    }
    this.#timers.clear();
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

  /** Bytes keep their order, as on a wire. */
  #send(bytes: Uint8Array, afterMs: number): void {
    const now = performance.now();
    this.#busyUntil = Math.max(this.#busyUntil, now + afterMs);
    if (this.#busyUntil <= now && this.#timers.size === 0) {
      this.#write(bytes);
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#write(bytes);
    }, this.#busyUntil - now);
    this.#timers.add(timer);
  }
}

/** A slave's registers: the words from `address` on, or a Modbus exception code. */
export type ReadRegisters = (
  code: number,
  address: number,
  count: number,
) => readonly number[] | number;

/**
 * The reply of one unit that has registers (functions 3 and 4) and nothing else: every other function is refused with
 * exception 1, as a device without writable registers does. Null for a request to another unit.
 */
export function answerRegisters(
  request: Uint8Array,
  unit: number,
  read: ReadRegisters,
): Uint8Array | null {
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
  const code = view.getUint8(1);
  if (view.getUint8(0) !== unit) {
    return null;
  }
  if ((code !== 3 && code !== 4) || request.length !== 6) {
    return Uint8Array.of(unit, code | 0x80, 1);
  }
  const words = read(code, view.getUint16(2), view.getUint16(4));
  if (typeof words === "number") {
    return Uint8Array.of(unit, code | 0x80, words);
  }
  const reply = Buffer.alloc(3 + 2 * words.length);
  reply.set([unit, code, 2 * words.length]);
  for (const [place, word] of words.entries()) {
    reply.writeUInt16BE(word & 0xff_ff, 3 + 2 * place);
  }
  return reply;
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
