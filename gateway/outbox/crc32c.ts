/** CRC-32C (Castagnoli), rotated and shifted as LevelDB stores it. */
export function crc32c(bytes: Uint8Array): number {
  let crc = CRC_START;
  // By index: an iterator takes ten times as long, and this reads every table there is.
  for (let at = 0; at < bytes.length; at += 1) {
    crc = crcStep(crc, bytes[at] ?? 0);
  }
  return crcEnd(crc);
}

/** The same byte by byte: begin with CRC_START, and end with `crcEnd`. */
export function crcStep(crc: number, byte: number): number {
  return (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0);
}

export function crcEnd(crc: number): number {
  const whole = ~crc;
  return (((whole >>> 15) | (whole << 17)) + 0xa282ead8) >>> 0;
}

export const CRC_START = 0xffffffff;

const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, number) => {
  let crc = number;
  for (let bit = 0; bit < 8; bit += 1) {
    crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return crc;
});
