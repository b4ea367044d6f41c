/**
 * The frame check sequence of PPP and X.25: polynomial 8408 (reflected), started with FFFF, sent complemented, low byte
 * first. Over a good frame with its check the register ends at F0B8.
 */
export function fcsOf(bytes: Uint8Array, length: number = bytes.length): number {
  return ~register(bytes, length) & 0xff_ff;
}

/** True when the bytes, the last two of them the check, are as they were sent. */
export function isIntact(bytes: Uint8Array, length: number): boolean {
  return length > 2 && register(bytes, length) === GOOD;
}

const GOOD = 0xf0_b8;
const POLYNOMIAL = 0x84_08;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  }
  return value;
});

function register(bytes: Uint8Array, length: number): number {
  let value = 0xff_ff;
  for (let place = 0; place < length; place += 1) {
    value = (value >>> 8) ^ (TABLE[(value ^ (bytes[place] ?? 0)) & 0xff] ?? 0);
  }
  return value;
}
