/**
 * CRC-16 with polynomial 1021, high bit first, nothing inverted at the end, over the bytes from `from` up to `to`. With
 * `initial` FFFF it is called CRC-16/CCITT-FALSE, with 0 CRC-16/XMODEM.
 */
export function crc16(bytes: Uint8Array, initial: number, from = 0, to = bytes.length): number {
  let crc = initial;
  for (let place = from; place < to; place += 1) {
    crc = ((crc << 8) & 0xff_ff) ^ (TABLE[(crc >> 8) ^ (bytes[place] ?? 0)] ?? 0);
  }
  return crc;
}

const POLYNOMIAL = 0x10_21;

/** What each value of the high byte adds after its eight bits have been shifted out. */
const TABLE = Uint16Array.from({ length: 256 }, (_, high) => {
  let crc = high << 8;
  for (let bit = 0; bit < 8; bit += 1) {
    crc = (crc & 0x80_00) === 0 ? crc << 1 : (crc << 1) ^ POLYNOMIAL;
  }
  return crc & 0xff_ff;
});
