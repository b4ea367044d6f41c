import { crc32 } from "node:zlib";

import { CLASS_BYTES, readSequence, SEND_ORDER, writeSequence, type ChainSlot } from "./keys.ts";
import type { RecordFacts } from "./records.ts";
import { isRange, type SequenceRange } from "../sealing/sequence-ranges.ts";

/**
 * The values of the store, byte by byte as README.md lists them. Rows end with a CRC-32, because LevelDB hands out
 * flipped bits without a word. Readers return null for bytes that are no such row.
 */

/** How far one class of one store has come. */
export interface Head {
  /** The sequence number that the next record gets. */
  readonly next: number;
  /** Every record below is gone. */
  readonly low: number;
  /** Records that are not gone, and their bytes. */
  readonly batches: number;
  readonly bytes: number;
  /** Hash of the record before `next`, as hex, or null before the first. */
  readonly hash: string | null;
}

export function writeHead(head: Head): Uint8Array {
  const value = Buffer.alloc(HEAD_BYTES);
  value[0] = VERSION;
  for (const [place, number] of [head.next, head.low, head.batches, head.bytes].entries()) {
    writeSequence(value, number, 1 + 8 * place);
  }
  if (head.hash !== null) {
    value.write(head.hash, HEAD_BYTES - HASH_BYTES, "hex");
  }
  return value;
}

export function readHead(bytes: Uint8Array): Head | null {
  const value = viewOf(bytes);
  if (value.length !== HEAD_BYTES || value[0] !== VERSION) {
    return null;
  }
  const [next, low, batches, size] = [0, 1, 2, 3].map((place) =>
    readSequence(value, 1 + 8 * place),
  );
  const hash = value.toString("hex", HEAD_BYTES - HASH_BYTES);
  if (next === undefined || low === undefined || batches === undefined || size === undefined) {
    return null;
  }
  return low < 1 || low > next || !Number.isSafeInteger(next)
    ? null
    : { next, low, batches, bytes: size, hash: /^0+$/.test(hash) ? null : hash };
}

/** Sequence numbers at or above `low` that are gone. */
export function writeGone(gone: readonly SequenceRange[]): Uint8Array {
  const value = Buffer.alloc(RANGE_BYTES * gone.length);
  for (const [place, [from, to]] of gone.entries()) {
    writeSequence(value, from, RANGE_BYTES * place);
    writeSequence(value, to, RANGE_BYTES * place + 8);
  }
  return value;
}

export function readGone(bytes: Uint8Array): SequenceRange[] | null {
  const value = viewOf(bytes);
  const gone: SequenceRange[] = [];
  let last = 0;
  for (let at = 0; at + RANGE_BYTES <= value.length; at += RANGE_BYTES) {
    const range: SequenceRange = [readSequence(value, at), readSequence(value, at + 8)];
    if (!isRange(range) || range[0] <= last) {
      return null;
    }
    last = range[1];
    gone.push(range);
  }
  return value.length % RANGE_BYTES === 0 ? gone : null;
}

/** Which records an epoch's key is needed for: the last sequence number of each chain that uses it. */
export interface EpochUse {
  /** Grows with every use of any epoch: the order in which epochs were last used. */
  readonly order: number;
  readonly last: readonly (ChainSlot & { readonly sequence: number })[];
}

export function writeUse(use: EpochUse): Uint8Array {
  const value = Buffer.alloc(8 + USE_BYTES * use.last.length);
  writeSequence(value, use.order, 0);
  for (const [place, entry] of use.last.entries()) {
    const at = 8 + USE_BYTES * place;
    value[at] = CLASS_BYTES[entry.class];
    value.writeUInt32BE(entry.store, at + 1);
    writeSequence(value, entry.sequence, at + 5);
  }
  return value;
}

export function readUse(bytes: Uint8Array): EpochUse | null {
  const value = viewOf(bytes);
  if (value.length < 8 || (value.length - 8) % USE_BYTES !== 0) {
    return null;
  }
  const last: (ChainSlot & { sequence: number })[] = [];
  for (let at = 8; at < value.length; at += USE_BYTES) {
    const name = SEND_ORDER.find((candidate) => CLASS_BYTES[candidate] === value[at]);
    if (name === undefined) {
      return null;
    }
    last.push({
      class: name,
      store: value.readUInt32BE(at + 1),
      sequence: readSequence(value, at + 5),
    });
  }
  return { order: readSequence(value, 0), last };
}

/** One run of sequence numbers: a new one is begun when the old numbers can no longer be trusted. */
export interface StoreRow {
  /** 8 random bytes as hex. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

export function writeStoreRow(row: StoreRow): Uint8Array {
  const value = Buffer.alloc(STORE_BYTES);
  value.write(row.id, 0, "hex");
  writeSequence(value, row.createdAt, 8);
  return value;
}

export function readStoreRow(bytes: Uint8Array): StoreRow | null {
  const value = viewOf(bytes);
  return value.length === STORE_BYTES
    ? { id: value.toString("hex", 0, 8), createdAt: readSequence(value, 8) }
    : null;
}

/** When a record was put, in milliseconds that the store had been open (ages.ts). */
export interface AgeMark {
  readonly sequence: number;
  readonly livedMs: number;
}

export function writeMarks(marks: readonly AgeMark[]): Uint8Array {
  const value = Buffer.alloc(MARK_BYTES * marks.length);
  for (const [place, mark] of marks.entries()) {
    writeSequence(value, mark.sequence, MARK_BYTES * place);
    writeSequence(value, mark.livedMs, MARK_BYTES * place + 8);
  }
  return value;
}

export function readMarks(bytes: Uint8Array): AgeMark[] | null {
  const value = viewOf(bytes);
  return value.length % MARK_BYTES === 0
    ? Array.from({ length: value.length / MARK_BYTES }, (_, place) => ({
        sequence: readSequence(value, MARK_BYTES * place),
        livedMs: readSequence(value, MARK_BYTES * place + 8),
      }))
    : null;
}

export function writeLived(livedMs: number): Uint8Array {
  const value = Buffer.alloc(LIVED_BYTES);
  writeSequence(value, livedMs, 0);
  return value;
}

export function readLived(bytes: Uint8Array): number | null {
  return bytes.length === LIVED_BYTES ? readSequence(viewOf(bytes), 0) : null;
}

/** A record's value: its facts with a CRC-32 that covers the key too, then the signed record as it is sent. */
export function writeRecord(key: Uint8Array, facts: RecordFacts, bytes: Uint8Array): Uint8Array {
  const head = Buffer.alloc(RECORD_FACTS_BYTES);
  head[0] = VERSION;
  writeSequence(head, facts.storedAt, 1);
  head.writeUInt32BE(facts.items, 9);
  head.write(facts.salt, 13, "hex");
  head.write(facts.hash, 29, "hex");
  head.writeUInt32BE(crc32(head.subarray(0, RECORD_FACTS_BYTES - CRC_BYTES), crc32(key)), 61);
  return Buffer.concat([head, bytes]);
}

/** The facts of a record's value and its bytes, which may be damaged: compare their hash. Null when the facts are. */
export function readRecord(
  key: Uint8Array,
  value: Uint8Array,
): { readonly facts: RecordFacts; readonly bytes: Uint8Array } | null {
  const head = viewOf(value).subarray(0, RECORD_FACTS_BYTES);
  if (head.length < RECORD_FACTS_BYTES || head[0] !== VERSION) {
    return null;
  }
  const check = crc32(head.subarray(0, RECORD_FACTS_BYTES - CRC_BYTES), crc32(key));
  if (check !== head.readUInt32BE(RECORD_FACTS_BYTES - CRC_BYTES)) {
    return null;
  }
  const facts = {
    storedAt: readSequence(head, 1),
    items: head.readUInt32BE(9),
    salt: head.toString("hex", 13, 29),
    hash: head.toString("hex", 29, 61),
  };
  return { facts, bytes: value.subarray(RECORD_FACTS_BYTES) };
}

/** The value of a record that was taken out of its chain, and why. */
export function writeQuarantine(reason: string, record: Uint8Array): Uint8Array {
  const text = Buffer.from(reason.slice(0, REASON_CHARS_MAX), "utf8").subarray(0, REASON_BYTES_MAX);
  return Buffer.concat([Buffer.from([text.length]), text, record.subarray(0, QUARANTINE_BYTES)]);
}

/** A row's content with a CRC-32 of key and content behind it. */
export function sealRow(
  key: Uint8Array,
  content: Uint8Array,
): [key: Uint8Array, value: Uint8Array] {
  const check = Buffer.alloc(CRC_BYTES);
  check.writeUInt32BE(crc32(content, crc32(key)));
  return [key, Buffer.concat([content, check])];
}

/** The content of a row, or null when key or content are not what was written. */
export function openRow(key: Uint8Array, value: Uint8Array): Uint8Array | null {
  const end = value.length - CRC_BYTES;
  if (end < 0) {
    return null;
  }
  const content = value.subarray(0, end);
  return crc32(content, crc32(key)) === viewOf(value).readUInt32BE(end) ? content : null;
}

/** Bytes before the signed record in a record's value. */
export const RECORD_FACTS_BYTES = 65;

const CRC_BYTES = 4;

/** Bytes of a record's value that quarantine keeps. */
const QUARANTINE_BYTES = 65_536;
const VERSION = 1;
const HASH_BYTES = 32;
const HEAD_BYTES = 1 + 4 * 8 + HASH_BYTES;
const RANGE_BYTES = 16;
const USE_BYTES = 13;
const STORE_BYTES = 16;
const MARK_BYTES = 16;
const LIVED_BYTES = 8;
const REASON_CHARS_MAX = 64;
const REASON_BYTES_MAX = 255;

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
