import { mkdirSync, readFileSync } from "node:fs";
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { ClassicLevel } from "classic-level";

import { syncDatabase } from "./disk-sync.ts";
import { errorCode, errorText, WardError } from "../errors.ts";
import { hasTornLog } from "./log-tail.ts";
import { salvageTable, scrubTables } from "./scrub.ts";
import { noteStart } from "./starts.ts";

/**
 * LevelDB as the outbox sees it: an ordered map with atomic, durable writes. The only file that knows LevelDB, and how it
 * breaks.
 */

/** A value to put under a key, or null to delete the key. */
export type StoreWrite = readonly [key: Uint8Array, value: Uint8Array | null];

export interface StoreRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
  readonly limit?: number;
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
  close(): Promise<void>;
}

export type OpenDatabase = (directory: string) => Promise<Database>;

export interface Opened {
  readonly database: Database;
  /** True when the database had to be repaired or replaced, or part of its log was dropped or torn off. */
  readonly suspect: boolean;
}

/** How long to wait before the next try to open a database (milliseconds). */
export const RETRY_MS: readonly number[] = [50, 100, 250, 500, 1000, 2000];
const OPEN_TRIES = 5;
/** After so many starts without a good end, the tables are checked before they are opened. */
const FAILURES_MAX = 3;
const PUT_BACK_ENTRIES = 256;

/**
 * Opens or creates a database. A damaged one is repaired or, failing that, moved aside and kept as
 * `<path>.damaged-<time>`. Throws WardError `WARD_OUTBOX_OPEN` when it cannot be opened at all.
 */
export async function openAtStart(path: string, open: OpenDatabase): Promise<Opened> {
  if (await hasLostItsRoot(path)) {
    return { database: await openDamaged(path, open, scrub(path)), suspect: true };
  }
  const torn = hasTornLog(path);
  const failures = noteStart(startsFile(path));
  const aside = torn || failures >= FAILURES_MAX ? scrub(path) : [];
  if (aside.length > 0) {
    return { database: await openDamaged(path, open, aside), suspect: true };
  }
  for (let attempt = 0; ; attempt += 1) {
    try {
      const database = await open(path);
      return { database, suspect: torn || recoveryDroppedData(path) };
    } catch (error) {
      if (isDamage(error)) {
        return { database: await openDamaged(path, open, scrub(path)), suspect: true };
      }
      if (attempt + 1 >= OPEN_TRIES || errorCode(causeOf(error)) === "LEVEL_LOCKED") {
        throw new WardError(
          "WARD_OUTBOX_OPEN",
          `Cannot open the store ${path}: ${errorText(causeOf(error))}. Check the disk and that no other gateway runs on it.`,
          { cause: error },
        );
      }
      await sleep(RETRY_MS[attempt]);
    }
  }
}

/** The file in which starts of a store are counted. */
export function startsFile(path: string): string {
  return `${path}.starts`;
}

/** Moves damaged tables aside; returns where they are. */
function scrub(path: string): string[] {
  return scrubTables(path, `${path}.damaged-${Date.now()}`);
}

async function openDamaged(
  path: string,
  open: OpenDatabase,
  aside: readonly string[],
): Promise<Database> {
  try {
    await ClassicLevel.repair(path);
    const database = await open(path);
    for (const table of aside) {
      await putBack(database, salvageTable(readFileSync(table)));
    }
    return database;
  } catch {
    await rename(path, `${path}.damaged-${Date.now()}-whole`);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return open(path);
  }
}

/** Writes what a damaged table still held, unless the database knows a newer value. */
async function putBack(
  database: Database,
  entries: readonly (readonly [Uint8Array, Uint8Array])[],
): Promise<void> {
  for (let at = 0; at < entries.length; at += PUT_BACK_ENTRIES) {
    const some = entries.slice(at, at + PUT_BACK_ENTRIES);
    const known = await Promise.all(some.map(([key]) => database.get(key)));
    await database.batch(some.filter((_, place) => known[place] === undefined));
  }
}

/** Without the file CURRENT, LevelDB would take the directory for a new one and delete the data files in it. */
async function hasLostItsRoot(path: string): Promise<boolean> {
  const names = await readdir(path);
  return !names.includes("CURRENT") && names.some((name) => /\.(ldb|sst|log)$/.test(name));
}

/** LevelDB opens in spite of a damaged log and says so only in its own LOG file. */
function recoveryDroppedData(path: string): boolean {
  try {
    return /dropping \d+ bytes|ignoring error/i.test(readFileSync(join(path, "LOG"), "utf8"));
  } catch {
    return false;
  }
}

/** True when a database cannot be opened because of what its files hold, as against a disk that is full or gone. */
export function isDamage(error: unknown): boolean {
  const cause = causeOf(error);
  return (
    errorCode(cause) === "LEVEL_CORRUPTION" ||
    /corruption|no such file|does not exist/i.test(errorText(cause))
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
  return {
    batch: (writes) =>
      level.batch(
        writes.map(([key, value]) =>
          value === null ? { type: "del", key } : { type: "put", key, value },
        ),
        { sync: true },
      ),
    get: (key) => level.get(key),
    range: (range) => level.iterator({ ...range }).all(),
    compact: (start, end) => level.compactRange(start, end),
    close: () => level.close(),
  };
}
