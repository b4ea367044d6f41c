/** CRC-32C (Castagnoli), rotated and shifted as LevelDB stores it. */
export function crc32c(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let crc = CRC_START;
  let at = 0;
  // Eight bytes at a time, each by the table of its distance from the end: this reads every table there is.
  for (; at + 8 <= bytes.length; at += 8) {
    const first = crc ^ view.getInt32(at, true);
    const last = view.getInt32(at + 4, true);
    crc =
      tableAt(7, first) ^
      tableAt(6, first >>> 8) ^
      tableAt(5, first >>> 16) ^
      tableAt(4, first >>> 24) ^
      tableAt(3, last) ^
      tableAt(2, last >>> 8) ^
      tableAt(1, last >>> 16) ^
      tableAt(0, last >>> 24);
  }
  // By index: an iterator takes ten times as long.
  for (; at < bytes.length; at += 1) {
    crc = crcStep(crc, bytes[at] ?? 0);
  }
  return crcEnd(crc);
}

/** The same byte by byte: begin with CRC_START, and end with `crcEnd`. */
export function crcStep(crc: number, byte: number): number {
  return (crc >>> 8) ^ tableAt(0, crc ^ byte);
}

export function crcEnd(crc: number): number {
  const whole = ~crc;
  return (((whole >>> 15) | (whole << 17)) + 0xa282ead8) >>> 0;
}

export const CRC_START = -1;

/** What a byte does to the checksum when so many others follow it. */
function tableAt(followers: number, byte: number): number {
  return TABLES[256 * followers + (byte & 0xff)] ?? 0;
}

const TABLES = new Int32Array(8 * 256);
for (let place = 0; place < TABLES.length; place += 1) {
  // A byte, or what the byte before did, moved on by a byte of zeros.
  let crc = place < 256 ? place : (TABLES[place - 256] ?? 0);
  for (let bit = 0; bit < 8; bit += 1) {
    crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  TABLES[place] = crc;
}
