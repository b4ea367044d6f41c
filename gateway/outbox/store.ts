import { readdirSync } from "node:fs";

import { ClassicLevel } from "classic-level";

import { syncDatabase } from "./disk-sync.ts";
import { errorCode, errorText } from "../errors.ts";
import { LogNames } from "./log-names.ts";

/**
 * LevelDB as the outbox sees it: an ordered map with atomic, durable writes. The only file that knows LevelDB, and how it
 * breaks.
 */

/** A value to put under a key, or null to delete the key. */
export type StoreWrite = readonly [key: Uint8Array, value: Uint8Array | null];

export interface StoreRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
  /** Entries at most. */
  readonly limit?: number;
  /** Bytes of keys and values after which no further entry is read. */
  readonly bytesMax?: number;
  /** From the end. */
  readonly reverse?: boolean;
}

export type StoreEntry = [key: Uint8Array, value: Uint8Array];

/** An open database. */
export interface Database {
  batch(writes: readonly StoreWrite[]): Promise<void>;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  range(range: StoreRange): Promise<StoreEntry[]>;
  compact(start: Uint8Array, end: Uint8Array): Promise<void>;
  /** Roughly how many bytes of the disk a range of keys takes, deleted ones included. */
  size(start: Uint8Array, end: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

export type OpenDatabase = (directory: string) => Promise<Database>;

/** How long to wait before the next try to open a database (milliseconds). */
export const RETRY_MS: readonly number[] = [50, 100, 250, 500, 1000, 2000];

/** The file in which starts of a store are counted. */
export function startsFile(path: string): string {
  return `${path}.starts`;
}

/** Without the file CURRENT, LevelDB would take the directory for a new one and delete the data files in it. */
export function hasLostItsRoot(path: string): boolean {
  const names = readdirSync(path);
  return !names.includes("CURRENT") && names.some((name) => /\.(ldb|sst|log)$/.test(name));
}

/** True when a database cannot be opened because of what its files hold, as against a disk that is full or gone. */
export function isDamage(error: unknown): boolean {
  const cause = causeOf(error);
  return (
    errorCode(cause) === "LEVEL_CORRUPTION" ||
    /corruption|no such file|does not exist/i.test(errorText(cause))
  );
}

/** True when a write failed for want of space: the disk, a quota, or the largest file there may be. */
export function isNoSpace(error: unknown): boolean {
  return /no space left|quota exceeded|file too large|ENOSPC|EDQUOT|EFBIG/i.test(
    errorText(causeOf(error)),
  );
}

/** What LevelDB itself said. */
export function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}

/** Opens or creates the database in a directory. */
export async function openLevel(directory: string): Promise<Database> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
    keyEncoding: "view",
    valueEncoding: "view",
    compression: false,
  });
  await level.open();
  try {
    syncDatabase(directory);
  } catch (error) {
    await level.close();
    throw error;
  }
  const names = new LogNames(directory);
  return {
    batch: async (writes) => {
      await level.batch(
        writes.map(([key, value]) =>
          value === null ? { type: "del", key } : { type: "put", key, value },
        ),
        { sync: true },
      );
      await names.settle(writes);
    },
    get: (key) => level.get(key),
    range: (range) => readRange(level, range),
    compact: async (start, end) => {
      names.expect();
      await level.compactRange(start, end);
    },
    size: (start, end) => level.approximateSize(start, end),
    close: () => level.close(),
  };
}

/** Rebuilds what a database needs to be opened from the files that are there. What it cannot use it moves to `lost`. */
export async function repairLevel(directory: string): Promise<void> {
  await ClassicLevel.repair(directory);
}

/**
 * Takes a store for this process until it is let go, or the process ends; fails when another one has it. LevelDB locks a
 * database only while it is open, and the files of one are looked at and moved before that: so the lock is that of an empty
 * database beside it.
 */
export async function lockStore(path: string): Promise<() => Promise<void>> {
  const directory = `${path}.lock`;
  const level = new ClassicLevel(directory, { writeBufferSize: LOCK_BYTES, cacheSize: LOCK_BYTES });
  try {
    await level.open();
  } catch (error) {
    if (!isDamage(error)) {
      throw error;
    }
    await ClassicLevel.destroy(directory);
    await level.open();
  }
  return () => level.close();
}

/** Stops at the last entry that is wanted: one step further may be a walk over a million deleted ones. */
async function readRange(
  level: ClassicLevel<Uint8Array, Uint8Array>,
  { gte, lt, reverse = false, limit = Number.POSITIVE_INFINITY, bytesMax }: StoreRange,
): Promise<StoreEntry[]> {
  const highWaterMarkBytes = Math.min(bytesMax ?? READ_BYTES, READ_BYTES);
  const iterator = level.iterator({ gte, lt, reverse, highWaterMarkBytes });
  try {
    const entries: StoreEntry[] = [];
    for (let bytes = 0; entries.length < limit && bytes < (bytesMax ?? Number.POSITIVE_INFINITY);) {
      const some = await iterator.nextv(Math.min(limit - entries.length, READ_ENTRIES));
      if (some.length === 0) {
        break;
      }
      bytes += some.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
      entries.push(...some);
    }
    return entries;
  } finally {
    await iterator.close();
  }
}

const LOCK_BYTES = 2 ** 16;
/** What one step of an iterator brings at most, within one entry. */
const READ_ENTRIES = 1024;
const READ_BYTES = 2 ** 20;
