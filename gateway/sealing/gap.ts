import { WardError } from "../errors.ts";
import {
  ColumnReader,
  ColumnWriter,
  isTableText,
  readStrings,
  StringTable,
  unreadable,
} from "../columns.ts";
import {
  classNumber,
  fromHex,
  HASH_BYTES,
  isHex,
  RECORD_CLASSES,
  RECORD_ITEMS_MAX,
  SALT_BYTES,
  STORE_ID_BYTES,
  TIME_MAX,
  toHex,
} from "./envelope.ts";
import type { RecordClass } from "./envelope.ts";
import { pick } from "./sources.ts";

/** One record that was given up. */
export interface GapRecord {
  readonly sequence: number;
  /** SHA-256 of the signed record as hex, so that the chain can be followed across it. */
  readonly hash: string;
  /** Its salt as hex, which the tally of its put names. */
  readonly salt: string;
  readonly items: number;
}

/** Records of one class that the keeper had to give up: evicted, quarantined, rejected, or unreadable. */
export interface BatchGap {
  readonly version: 1;
  /** Store id, 8 bytes as hex. */
  readonly store: string;
  readonly class: RecordClass;
  /** Sequence numbers, both included. */
  readonly from: number;
  readonly to: number;
  /** Stable word: `evicted`, `expired`, `rejected`, `corrupted`, ... */
  readonly reason: string;
  /** What is still known of them; may be fewer than `from` to `to` when the store was damaged. */
  readonly records: readonly GapRecord[];
  /** Epoch milliseconds. */
  readonly at: number;
}

/** The bytes of a gap record; README.md specifies them. Throws WardError `WARD_SEAL_INPUT`. */
export function encodeGap(gap: BatchGap): Uint8Array {
  const problem = gapProblem(gap);
  if (problem !== null) {
    throw new WardError("WARD_SEAL_INPUT", `Cannot seal gap record: ${problem}.`);
  }
  const strings = new StringTable();
  const reason = strings.place(gap.reason);
  const writer = new ColumnWriter();
  writer.byte(GAP_VERSION);
  strings.write(writer);
  writer.raw(fromHex(gap.store));
  writer.byte(classNumber(gap.class));
  writer.uint(gap.from);
  writer.uint(gap.to);
  writer.uint(reason);
  writer.uint(gap.at);
  writer.uint(gap.records.length);
  for (const record of gap.records) {
    writer.uint(record.sequence - gap.from);
  }
  for (const record of gap.records) {
    writer.uint(record.items);
  }
  for (const record of gap.records) {
    writer.raw(fromHex(record.salt));
    writer.raw(fromHex(record.hash));
  }
  return writer.finish();
}

/** Reads what `encodeGap` wrote. Throws WardError `WARD_OPEN`. */
export function decodeGap(bytes: Uint8Array): BatchGap {
  const reader = new ColumnReader(bytes);
  if (reader.byte("gap version", GAP_VERSION) !== GAP_VERSION) {
    throw unreadable("gap version");
  }
  const text = readStrings(reader);
  const store = toHex(reader.raw("store id", STORE_ID_BYTES));
  const recordClass = pick(RECORD_CLASSES, reader.byte("class", RECORD_CLASSES.length - 1));
  const from = reader.uint("sequence", Number.MAX_SAFE_INTEGER);
  const to = reader.uint("sequence", Number.MAX_SAFE_INTEGER);
  const reason = text(reader, "reason");
  const at = reader.uint("time", TIME_MAX);
  const records = readRecords(reader, from, to);
  reader.end();
  const gap: BatchGap = {
    version: GAP_VERSION,
    store,
    class: recordClass,
    from,
    to,
    reason,
    records,
    at,
  };
  const problem = gapProblem(gap);
  if (problem !== null) {
    throw unreadable(`gap record (${problem})`);
  }
  return gap;
}

function readRecords(reader: ColumnReader, from: number, to: number): GapRecord[] {
  const count = reader.count("records", RECORD_ITEMS_MAX);
  const column = <T>(readOne: () => T): T[] => Array.from({ length: count }, () => readOne());
  const sequences = column(() => from + reader.uint("sequence", Math.max(0, to - from)));
  const items = column(() => reader.uint("items", RECORD_ITEMS_MAX));
  const names = column(() => ({
    salt: toHex(reader.raw("salt", SALT_BYTES)),
    hash: toHex(reader.raw("hash", HASH_BYTES)),
  }));
  return names.map(({ salt, hash }, row) => ({
    sequence: pick(sequences, row),
    hash,
    salt,
    items: pick(items, row),
  }));
}

function gapProblem(gap: BatchGap): string | null {
  if (!isHex(gap.store, STORE_ID_BYTES) || !RECORD_CLASSES.includes(gap.class)) {
    return "store or class is impossible";
  }
  if (!isWhole(gap.from, Number.MAX_SAFE_INTEGER) || !isWhole(gap.to, Number.MAX_SAFE_INTEGER)) {
    return "a sequence number is impossible";
  }
  if (gap.from > gap.to || !isWhole(gap.at, TIME_MAX)) {
    return "range or time is impossible";
  }
  if (!isTableText(gap.reason) || gap.records.length > RECORD_ITEMS_MAX) {
    return `reason is not text, or there are more than ${RECORD_ITEMS_MAX} records`;
  }
  const isRight = (record: GapRecord): boolean =>
    isWhole(record.sequence, gap.to) &&
    record.sequence >= gap.from &&
    isHex(record.hash, HASH_BYTES) &&
    isHex(record.salt, SALT_BYTES) &&
    isWhole(record.items, RECORD_ITEMS_MAX);
  return gap.records.every(isRight) ? null : "a record is impossible";
}

function isWhole(value: unknown, maximum: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= maximum;
}

const GAP_VERSION = 1;
