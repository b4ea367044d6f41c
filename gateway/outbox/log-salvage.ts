import { crc32c } from "./crc32c.ts";
import { BLOCK_BYTES, FIRST, FULL, HEADER_BYTES, LAST, MIDDLE } from "./log-tail.ts";
import { chainOf, headKey, slotOf } from "./keys.ts";
import type { StoreWrite } from "./store.ts";
import { openRow, readHead, readRecord, type Head } from "./values.ts";

/**
 * Reads what a LevelDB log holds, past damage. LevelDB itself drops the rest of a block (32 KiB) at the first wrong byte, and
 * all that follows when the disk fails for a moment while it reads; then it deletes the log.
 *
 * Writes in good records count as they are. Of a damaged record, records and rows of the outbox count, because these carry
 * checks of their own; one whose key is right and whose value is not counts too, so that it is found damaged and accounted
 * for. A record that was cut off was never acknowledged, and is left out.
 */
export function salvageLog(log: Buffer): StoreWrite[] {
  const heads = new Map<string, Head>();
  return acknowledged([...batchesOf(log)]).flatMap(({ bytes, isWhole }) => {
    const writes = isWhole ? wholeWrites(bytes) : damagedWrites(bytes);
    for (const [key, value] of writes) {
      const head = value === null ? null : headIn(key, value);
      if (head !== null) {
        heads.set(nameOf(key), head);
      }
    }
    return isWhole ? writes : writes.filter((write) => isCredible(write, heads));
  });
}

/** Without what lies at the end and never came to the disk as a whole: only the last write can be such. */
function acknowledged(batches: readonly Batch[]): readonly Batch[] {
  const end = batches.findLastIndex(({ isWhole }) => isWhole) + 1;
  return batches.slice(end).some(({ isCut }) => isCut) ? batches.slice(0, end) : batches;
}

/** A log record: one batch of writes. */
interface Batch {
  readonly bytes: Buffer;
  /** False when some byte of it is not what was written. */
  readonly isWhole: boolean;
  /** True when part of it was never written. */
  readonly isCut: boolean;
}

/** The records of a log, damaged ones too, in order. */
export function* batchesOf(log: Buffer): Generator<Batch> {
  let open: Part[] = [];
  for (const part of partsOf(log)) {
    const { type } = part;
    if (open.length > 0 && (type === FIRST || type === FULL)) {
      yield joined(open);
      open = [];
    }
    open.push(part);
    if (type !== FIRST && type !== MIDDLE) {
      yield joined(open);
      open = [];
    }
  }
  if (open.length > 0) {
    const last = joined(open);
    // Good as far as it goes: its end was never written.
    yield { ...last, isCut: last.isCut || open.every(({ isWhole }) => isWhole) };
  }
}

function joined(parts: readonly Part[]): Batch {
  const begins = parts[0]?.type === FIRST || parts[0]?.type === FULL;
  const ends = parts.at(-1)?.type === LAST || parts.at(-1)?.type === FULL;
  return {
    bytes: Buffer.concat(parts.map(({ bytes }) => bytes)),
    isWhole: begins && ends && parts.every(({ isWhole }) => isWhole),
    isCut: parts.some(({ isCut }) => isCut),
  };
}

/** What lies between two headers of a log. */
interface Part {
  readonly type: number;
  readonly bytes: Buffer;
  readonly isWhole: boolean;
  readonly isCut: boolean;
}

function* partsOf(log: Buffer): Generator<Part> {
  for (let block = 0; block < log.length; block += BLOCK_BYTES) {
    const end = Math.min(block + BLOCK_BYTES, log.length);
    for (let at = block; end - at >= HEADER_BYTES;) {
      const next = isPartAt(log, at, end) ? endOf(log, at) : nextPart(log, at, end);
      const bytes = log.subarray(at + HEADER_BYTES, next);
      const type = log.readUInt8(at + TYPE_AT);
      const isWhole = type >= FULL && type <= LAST && isRight(log, at, next);
      const isCut =
        !isWhole && (endOf(log, at) > log.length || isBlank(bytes, next === log.length));
      yield { type, bytes, isWhole, isCut };
      at = next;
    }
  }
}

/** True when some of it was never written: what a power cut leaves is zeros, and sealed bytes never hold so many. */
function isBlank(bytes: Buffer, isLast: boolean): boolean {
  return bytes.includes(BLANK) || (isLast && bytes.subarray(-LAST_BLANK.length).equals(LAST_BLANK));
}

/** Where a damaged part most likely ends: before the next one that is right. */
function nextPart(log: Buffer, at: number, end: number): number {
  const told = endOf(log, at);
  if (told <= end && (end - told < HEADER_BYTES || isPartAt(log, told, end))) {
    return told;
  }
  for (let next = at + HEADER_BYTES; end - next >= HEADER_BYTES; next += 1) {
    if (isPartAt(log, next, end)) {
      return next;
    }
  }
  return end;
}

function endOf(log: Buffer, at: number): number {
  return at + HEADER_BYTES + log.readUInt16LE(at + LENGTH_AT);
}

function isPartAt(log: Buffer, at: number, end: number): boolean {
  const type = log.readUInt8(at + TYPE_AT);
  const next = endOf(log, at);
  return type >= FULL && type <= LAST && next <= end && isRight(log, at, next);
}

/** The checksum covers type and content, not the length. */
function isRight(log: Buffer, at: number, next: number): boolean {
  return crc32c(log.subarray(at + TYPE_AT, next)) === log.readUInt32LE(at);
}

function wholeWrites(batch: Buffer): StoreWrite[] {
  const writes: StoreWrite[] = [];
  for (let at = BATCH_HEADER_BYTES; at < batch.length;) {
    const entry = entryAt(batch, at);
    if (entry === null) {
      break;
    }
    writes.push(entry.write);
    at = entry.end;
  }
  return writes;
}

/** What looks like a write of the outbox, from any byte on. */
function damagedWrites(batch: Buffer): StoreWrite[] {
  const writes: StoreWrite[] = [];
  for (let at = 0; at < batch.length;) {
    const entry = batch[at] === PUT ? entryAt(batch, at) : null;
    if (entry !== null && (isVerified(entry.write) || isRecord(entry.write[0]))) {
      writes.push(entry.write);
      at = isVerified(entry.write) ? entry.end : at + 1;
    } else {
      at += 1;
    }
  }
  return writes;
}

function entryAt(
  batch: Buffer,
  at: number,
): { readonly write: StoreWrite; readonly end: number } | null {
  const keyBytes = varintAt(batch, at + 1);
  const keyEnd = keyBytes === null ? 0 : keyBytes.end + keyBytes.value;
  if (keyBytes === null || keyBytes.value === 0 || keyEnd > batch.length) {
    return null;
  }
  const key = batch.subarray(keyBytes.end, keyEnd);
  if (batch[at] === DELETE) {
    return { write: [key, null], end: keyEnd };
  }
  const valueBytes = varintAt(batch, keyEnd);
  if (batch[at] !== PUT || valueBytes === null) {
    return null;
  }
  const end = valueBytes.end + valueBytes.value;
  return end > batch.length ? null : { write: [key, batch.subarray(valueBytes.end, end)], end };
}

function varintAt(
  bytes: Buffer,
  at: number,
): { readonly value: number; readonly end: number } | null {
  let value = 0;
  for (let place = 0; place < VARINT_BYTES_MAX && at + place < bytes.length; place += 1) {
    const byte = bytes.readUInt8(at + place);
    value += (byte % 128) * 128 ** place;
    if (byte < 128) {
      return { value, end: at + place + 1 };
    }
  }
  return null;
}

/** True when a write carries the proof that it is what was written. */
function isVerified([key, value]: StoreWrite): boolean {
  return (
    value !== null &&
    (isRecord(key) ? readRecord(key, value) !== null : openRow(key, value) !== null)
  );
}

/** A record whose value proves nothing is believed where the head of its chain says that it was just made. */
function isCredible(write: StoreWrite, heads: ReadonlyMap<string, Head>): boolean {
  const slot = isRecord(write[0]) ? slotOf(write[0]) : null;
  if (slot === null || isVerified(write)) {
    return true;
  }
  const head = heads.get(nameOf(headKey(slot)));
  return (
    head !== undefined && slot.sequence < head.next && slot.sequence >= head.next - RECENT_RECORDS
  );
}

function isRecord(key: Uint8Array): boolean {
  return key[0] === RECORD_KIND && slotOf(key) !== null;
}

function headIn(key: Uint8Array, value: Uint8Array): Head | null {
  const chain = chainOf(key);
  if (chain === null || nameOf(key) !== nameOf(headKey(chain))) {
    return null;
  }
  const content = openRow(key, value);
  return content === null ? null : readHead(content);
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}

const LENGTH_AT = 4;
const TYPE_AT = 6;
const BATCH_HEADER_BYTES = 12;
const PUT = 1;
const DELETE = 0;
/** Lengths in a log record stay below 2^28. */
const VARINT_BYTES_MAX = 4;
/** The first byte of a record's key (keys.ts). */
const RECORD_KIND = 0x72;
/** So far behind its chain's head a record of the same write can lie. */
const RECENT_RECORDS = 65_536;
const BLANK = Buffer.alloc(48);
/** At the end of a log fewer tell. */
const LAST_BLANK = Buffer.alloc(4);
