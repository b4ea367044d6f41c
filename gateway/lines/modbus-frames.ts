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

/**
 * Reads back an RTU request frame and makes sure that it is a read request, whoever encoded it. This is the gate that
 * every byte on the way to a device passes. Throws WardError `WARD_MODBUS_NOT_A_READ`.
 */
export function parseReadRequest(frame: Uint8Array): ReadRequest {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length !== REQUEST_BYTES || crc16(frame.subarray(0, 6)) !== view.getUint16(6, true)) {
    throw notARead(`it is ${frame.length} bytes long or its checksum is wrong`);
  }
  const code = view.getUint8(1);
  const request = {
    unit: view.getUint8(0),
    function: readFunction(code),
    address: view.getUint16(2),
    count: view.getUint16(4),
  };
  if (request.count < 1 || request.count > countMax(request.function)) {
    throw notARead(`it asks for ${request.count} values`);
  }
  return request;
}

/** Bytes of values that the reply to a request carries. */
export function replyDataBytes({ function: code, count }: RegisterBlock): number {
  return code <= 2 ? Math.ceil(count / 8) : 2 * count;
}

/** Values in one request of a function, at most. */
export function countMax(code: RegisterBlock["function"]): number {
  return code <= 2 ? BITS_MAX : REGISTERS_MAX;
}

/** Wraps an RTU request frame (with its CRC) for the line. `transaction` counts on TCP only. */
export function wrapRequest(frame: Uint8Array, framing: Framing, transaction: number): Uint8Array {
  const pdu = frame.subarray(0, -2);
  switch (framing) {
    case "rtu":
      return frame;
    case "ascii":
      return Buffer.from(`:${toHex(pdu)}${toHex(Uint8Array.of(lrc(pdu)))}\r\n`, "latin1");
    case "tcp": {
      const wrapped = Buffer.alloc(MBAP_BYTES + pdu.length);
      wrapped.writeUInt16BE(transaction, 0);
      wrapped.writeUInt16BE(pdu.length, 4);
      wrapped.set(pdu, MBAP_BYTES);
      return wrapped;
    }
  }
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

export const MBAP_BYTES = 6;
const REQUEST_BYTES = 8;

function readFunction(code: number): RegisterBlock["function"] {
  if (code === 1 || code === 2 || code === 3 || code === 4) {
    return code;
  }
  throw notARead(`its function is ${code}`);
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
