import type { ReadVerb } from "../device.ts";
import { encodeFrame } from "./dri-frames.ts";
import { WAVE_TYPES } from "./dri-waves.ts";

/** The waveforms that can be wanted, by the name of the set; each set fits the 600 samples a second of older monitors. */
export const WAVE_SETS: Readonly<Record<string, readonly number[]>> = {
  none: [],
  monitoring: [1, 8, 9, 15],
  pressures: [1, 4, 5, 8],
  anaesthesia: [8, 4, 9, 10, 11, 12, 13, 14],
};

/** A request to start sending what the monitor displays, of all four classes, every so many seconds. */
export function encodeValuesRequest(seconds: number, level: number): Uint8Array {
  const record = new DataView(new ArrayBuffer(VALUES_BYTES));
  putHeader(record, level, 0);
  record.setUint8(HEADER_BYTES, DISPLAYED);
  record.setInt16(HEADER_BYTES + 1, seconds, true);
  record.setUint32(HEADER_BYTES + 3, ALL_CLASSES, true);
  return encodeFrame(new Uint8Array(record.buffer));
}

/** A request to start sending waveforms. */
export function encodeWavesRequest(types: readonly number[], level: number): Uint8Array {
  const record = new DataView(new ArrayBuffer(WAVES_BYTES));
  putHeader(record, level, 1);
  types.forEach((type, place) => record.setUint8(HEADER_BYTES + 4 + place, type));
  if (types.length < WAVES_MAX) {
    record.setUint8(HEADER_BYTES + 4 + types.length, NO_MORE);
  }
  return encodeFrame(new Uint8Array(record.buffer));
}

/**
 * All that may ever be sent: two requests to start sending. The checks here read the bytes back, byte for byte; a request to stop,
 * a request for alarms or for anything else matches neither.
 */
export const VERBS: readonly ReadVerb[] = [
  {
    verb: "start-values",
    doc: "Asks the monitor to send what it displays every few seconds; nothing on the monitor changes.",
    matches: (bytes) => {
      const record = plainRecord(bytes, 0, VALUES_BYTES);
      if (record === null) {
        return false;
      }
      const [type, low = 0, high, classes, ...rest] = record.slice(HEADER_BYTES);
      const isInterval = low >= SECONDS_MIN && low <= SECONDS_MAX && high === 0;
      return type === 1 && isInterval && classes === 14 && rest.every((byte) => byte === 0);
    },
  },
  {
    verb: "start-waves",
    doc: "Asks the monitor to send up to eight of the waveforms it has; nothing on the monitor changes.",
    matches: (bytes) => {
      const record = plainRecord(bytes, 1, WAVES_BYTES);
      if (record === null) {
        return false;
      }
      const request = record.slice(HEADER_BYTES);
      const types = request.slice(4, 12);
      const end = types.includes(255) ? types.indexOf(255) : types.length;
      const others = [...request.slice(0, 4), ...types.slice(end + 1), ...request.slice(12)];
      return (
        end > 0 &&
        types.slice(0, end).every((type) => WAVE_TYPES[type] !== undefined) &&
        others.every((byte) => byte === 0)
      );
    },
  },
];

export const SECONDS_MIN = 5;
export const SECONDS_MAX = 20;
const HEADER_BYTES = 40;
const VALUES_BYTES = 49;
const WAVES_BYTES = 72;
const WAVES_MAX = 8;
const NO_MORE = 0xff;
const DISPLAYED = 1;
/** Ext1, ext2 and ext3; basic is denied by bit 0, which is not set. */
const ALL_CLASSES = 0x0e;
const LEVEL_MAX = 15;

function putHeader(record: DataView, level: number, mainType: number): void {
  record.setInt16(0, record.byteLength, true);
  record.setUint8(3, level);
  record.setInt16(14, mainType, true);
  // The one subrecord is a request (type 0, at offset 0); then there are no more.
  record.setUint8(21, NO_MORE);
}

/** The record in a frame whose header is that of a request of this main type and length; null for every other. */
function plainRecord(bytes: Uint8Array, mainType: number, length: number): number[] | null {
  if (bytes[0] !== 0x7e || bytes.at(-1) !== 0x7e || bytes.length > 2 * length + 4) {
    return null;
  }
  const plain: number[] = [];
  for (let place = 1; place < bytes.length - 1; place += 1) {
    const byte = bytes[place] ?? 0;
    const next = bytes[place + 1];
    if (byte === 0x7e || (byte === 0x7d && next !== 0x5e && next !== 0x5d)) {
      return null;
    }
    plain.push(byte === 0x7d ? (next ?? 0) + 0x20 : byte);
    place += byte === 0x7d ? 1 : 0;
  }
  const check = plain.pop();
  const sum = plain.reduce((total, byte) => total + byte, 0) % 256;
  const isHeader = plain.slice(0, HEADER_BYTES).every((byte, place) => {
    switch (place) {
      case 0:
        return byte === length;
      case 3:
        return byte <= LEVEL_MAX;
      case 14:
        return byte === mainType;
      case 21:
        return byte === 255;
      default:
        return byte === 0;
    }
  });
  return plain.length === length && check === sum && isHeader ? plain : null;
}
