import type { RegisterBlock } from "../devices/device.ts";
import { WardError } from "../errors.ts";

/**
 * The bytes of Modbus, for reading only (MODBUS Application Protocol V1.1b3 §6.1-6.4; MODBUS over Serial Line V1.02 §2.5;
 * MODBUS Messaging on TCP/IP V1.0b §3.1). Nothing here can express a request other than functions 1 to 4.
 */

/** How a request is wrapped: MBAP header on TCP, CRC-16 on RTU, hexadecimal with LRC on ASCII. */
export type Framing = "tcp" | "rtu" | "ascii";

/** One read request to one unit. */
export interface ReadRequest extends RegisterBlock {
  /** 1-247 on a serial bus, 0-255 on TCP. Never 0 on a serial bus: nobody answers a broadcast. */
  readonly unit: number;
}

/** Registers, or bits, in one request, at most (V1.1b3 §6.1, §6.3). */
export const REGISTERS_MAX = 125;
export const BITS_MAX = 2000;

/** True for the functions that read bits: 1 coils, 2 discrete inputs. */
export function isBits(code: RegisterBlock["function"]): boolean {
  return code <= 2;
}

/**
 * Reads back an RTU request frame and makes sure that it is a read request, whoever encoded it. With `readTcpRequests` it is the gate that
 * every byte on the way to a device passes. Throws WardError `WARD_MODBUS_NOT_A_READ`.
 */
export function parseReadRequest(frame: Uint8Array): ReadRequest {
  const view = viewOf(frame);
  if (frame.length !== RTU_BYTES || crc16(frame.subarray(0, 6)) !== view.getUint16(6, true)) {
    throw notARead(`it is ${frame.length} bytes long or its checksum is wrong`);
  }
  return readPdu(view, 0);
}

/** The same gate for Modbus TCP: reads back all requests in the bytes that are to leave. Throws WardError `WARD_MODBUS_NOT_A_READ`. */
export function readTcpRequests(bytes: Uint8Array): ReadRequest[] {
  if (bytes.length === 0 || bytes.length % TCP_REQUEST_BYTES !== 0) {
    throw notARead(`${bytes.length} bytes are no whole requests`);
  }
  const view = viewOf(bytes);
  const requests: ReadRequest[] = [];
  for (let at = 0; at < bytes.length; at += TCP_REQUEST_BYTES) {
    if (view.getUint16(at + 2) !== 0 || view.getUint16(at + 4) !== PDU_BYTES) {
      throw notARead("its header is not that of a read");
    }
    requests.push(readPdu(view, at + MBAP_BYTES));
  }
  return requests;
}

/** Writes a Modbus TCP request with its transaction number. */
export function writeTcpRequest(
  target: Buffer,
  at: number,
  transaction: number,
  { unit, function: code, address, count }: ReadRequest,
): void {
  target.writeUInt16BE(transaction, at);
  target.writeUInt16BE(0, at + 2);
  target.writeUInt16BE(PDU_BYTES, at + 4);
  target.writeUInt8(unit, at + 6);
  target.writeUInt8(code, at + 7);
  target.writeUInt16BE(address, at + 8);
  target.writeUInt16BE(count, at + 10);
}

/** Bytes of values that the reply to a request carries. */
export function replyDataBytes({ function: code, count }: RegisterBlock): number {
  return isBits(code) ? Math.ceil(count / 8) : 2 * count;
}

/** Values in one request of a function, at most. */
export function countMax(code: RegisterBlock["function"]): number {
  return isBits(code) ? BITS_MAX : REGISTERS_MAX;
}

/** The registers or bits from `from` to before `end` in the data bytes of a reply, which begin at `at`. */
export function readValues(
  bytes: Uint8Array,
  at: number,
  code: RegisterBlock["function"],
  from: number,
  end: number,
): number[] {
  const values: number[] = [];
  for (let place = from; place < end; place += 1) {
    if (isBits(code)) {
      values.push(((bytes[at + (place >>> 3)] ?? 0) >>> (place & 7)) & 1);
    } else {
      const high = at + 2 * place;
      values.push(((bytes[high] ?? 0) << 8) | (bytes[high + 1] ?? 0));
    }
  }
  return values;
}

/** Wraps an RTU request frame (with its CRC) for a serial line. */
export function wrapRequest(frame: Uint8Array, framing: "rtu" | "ascii"): Uint8Array {
  if (framing === "rtu") {
    return frame;
  }
  const pdu = frame.subarray(0, -2);
  return Buffer.from(`:${toHex(pdu)}${toHex(Uint8Array.of(lrc(pdu)))}\r\n`, "latin1");
}

/** The bytes of a PDU with unit, as an RTU frame with CRC. */
export function rtuFrame(pdu: Uint8Array): Buffer {
  const frame = Buffer.alloc(pdu.length + 2);
  frame.set(pdu);
  frame.writeUInt16LE(crc16(pdu), pdu.length);
  return frame;
}

/** CRC-16/MODBUS: polynomial 8005 reflected, start FFFF (Serial Line V1.02 §6.2.2). "123456789" gives 4B37. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xff_ff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xa0_01 : crc >>> 1;
    }
  }
  return crc;
}

/** Longitudinal redundancy check: two's complement of the sum of the bytes (Serial Line V1.02 §6.2.1). */
export function lrc(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) {
    sum += byte;
  }
  return -sum & 0xff;
}

/** Transaction number, protocol and length. */
export const MBAP_BYTES = 6;
/** The bit that a reply sets in the function when it refuses. */
export const EXCEPTION = 0x80;
/** Unit, function, address and count. */
const PDU_BYTES = 6;
export const TCP_REQUEST_BYTES: number = MBAP_BYTES + PDU_BYTES;
const RTU_BYTES = PDU_BYTES + 2;

function readPdu(view: DataView, at: number): ReadRequest {
  const code = readFunction(view.getUint8(at + 1));
  const count = view.getUint16(at + 4);
  if (count < 1 || count > countMax(code)) {
    throw notARead(`it asks for ${count} values`);
  }
  return { unit: view.getUint8(at), function: code, address: view.getUint16(at + 2), count };
}

function readFunction(code: number): RegisterBlock["function"] {
  if (code === 1 || code === 2 || code === 3 || code === 4) {
    return code;
  }
  throw notARead(`its function is ${code}`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}

function notARead(why: string): WardError {
  return new WardError(
    "WARD_MODBUS_NOT_A_READ",
    `Cannot send Modbus request: ${why}. Devices are only read, with functions 1 to 4.`,
  );
}
