import { CRC_START, crcEnd, crcStep } from "./crc32c.ts";

/** Where a block of a table lies, and how long it is without its trailer (bytes). */
interface FoundBlock {
  readonly offset: number;
  readonly size: number;
  readonly end: number;
}

/**
 * The blocks of a LevelDB table in the order in which they lie, found without its index: each is followed by a zero byte and its
 * checksum. Damaged ones are passed over while the next one is not far.
 */
export function findBlocks(table: Buffer): FoundBlock[] {
  const blocks: FoundBlock[] = [];
  for (let from = 0, misses = 0; from < table.length && misses <= MISSES_MAX;) {
    const size = sizeAt(table, from, misses === 0 ? BLOCK_BYTES_MAX : NEAR_BYTES);
    if (size === null) {
      misses += 1;
      from += 1;
    } else {
      const end = from + size + TRAILER_BYTES;
      blocks.push({ offset: from, size, end });
      from = end;
      misses = 0;
    }
  }
  return blocks;
}

/** The size of the block that begins at a place, or null when none does. */
function sizeAt(table: Buffer, from: number, sizeMax: number): number | null {
  const last = Math.min(from + sizeMax, table.length - TRAILER_BYTES);
  let crc = CRC_START;
  for (let at = from; at <= last; at += 1) {
    const byte = table[at] ?? 0;
    crc = crcStep(crc, byte);
    if (byte === 0 && crcEnd(crc) === table.readUInt32LE(at + 1)) {
      return at - from;
    }
  }
  return null;
}

const TRAILER_BYTES = 5;
/** A block ends after 4 KiB, and the entry that reaches beyond that: a record of 1 MiB at most. */
const BLOCK_BYTES_MAX = 2 ** 20 + 2 ** 14;
/** Behind a damaged block the next one is looked for so far, among blocks of this size. */
const MISSES_MAX = 8192;
const NEAR_BYTES = 8192;
