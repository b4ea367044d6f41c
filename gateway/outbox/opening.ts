import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { errorCode, errorText, WardError } from "../errors.ts";
import { hasTornLog } from "./log-tail.ts";
import { noteStart, noteWell } from "./starts.ts";
import {
  causeOf,
  hasLostItsRoot,
  isDamage,
  isNoSpace,
  repairLevel,
  RETRY_MS,
  startsFile,
  type Database,
  type OpenDatabase,
} from "./store.ts";
import { Workbench } from "./workbench.ts";

export interface Opened {
  readonly database: Database;
  readonly lost: Lost;
}

/**
 * What an opened database may have lost. `writes`: some of the last ones, each as a whole, because its log was torn or
 * damaged. `tables`: anything; it was repaired or replaced, and older values may be back.
 */
export type Lost = "nothing" | "writes" | "tables";

/**
 * Opens or creates a database that nobody else uses. A damaged one is repaired; one that cannot be is moved aside and kept as
 * `<path>.damaged-<time>-whole`. A disk that only fails for now is no damage: then nothing is given up, and WardError
 * `WARD_OUTBOX_OPEN` says so.
 */
export async function openAtStart(path: string, open: OpenDatabase): Promise<Opened> {
  const bench = new Workbench(path);
  const failures = noteStart(startsFile(path));
  const torn = hasTornLog(path);
  let mustRepair = hasLostItsRoot(path);
  const isDoubtful = torn || mustRepair || bench.isInUse || failures >= FAILURES_MAX;
  let unchecked: "indices" | "all" | null = isDoubtful ? "all" : "indices";
  let isRepaired = false;
  for (let attempt = 0; ; attempt += 1) {
    try {
      if (unchecked !== null) {
        await bench.takeDamaged(unchecked);
        mustRepair ||= bench.hasTables;
        unchecked = null;
      }
      bench.keepLogs();
      const isUnfinished = bench.hasOldLogs;
      if (mustRepair && !isRepaired) {
        await repairLevel(path);
        bench.takeLost();
        isRepaired = true;
      }
      const database = await open(path);
      const dropped = recoveryDroppedData(path);
      if (isRepaired || isUnfinished || dropped || (torn && bench.hasHiddenWrites)) {
        await orClose(database, bench.putBack(database));
      }
      bench.finish(Date.now());
      noteWell(unopenedFile(path));
      return { database, lost: isRepaired ? "tables" : torn || dropped ? "writes" : "nothing" };
    } catch (error) {
      if (isDamage(error) && isRepaired) {
        return { database: await openFresh(path, bench, open), lost: "tables" };
      }
      if (isDamage(error) && !mustRepair) {
        mustRepair = true;
        unchecked = "all";
        continue;
      }
      if (attempt + 1 < OPEN_TRIES && !isLocked(error)) {
        await sleep(RETRY_MS[attempt]);
        continue;
      }
      const earlier = noteStart(unopenedFile(path));
      if (earlier < UNOPENED_MAX || isLocked(error) || isNoSpace(error)) {
        throw openError(path, error);
      }
      return { database: await openFresh(path, bench, open), lost: "tables" };
    }
  }
}

/**
 * Opens a database again that was closed because a write had failed: then reading may fail for a moment as well, and what
 * LevelDB does not get to read of its log it forgets.
 */
export async function openAgain(path: string, open: OpenDatabase): Promise<Database> {
  const bench = new Workbench(path);
  bench.keepLogs();
  const isUnfinished = bench.hasOldLogs;
  const database = await open(path);
  if (isUnfinished || recoveryDroppedData(path)) {
    await orClose(database, bench.putBack(database));
  }
  bench.finish(Date.now());
  return database;
}

async function openFresh(path: string, bench: Workbench, open: OpenDatabase): Promise<Database> {
  const now = Date.now();
  renameSync(path, `${path}.damaged-${now}-whole`);
  bench.finish(now);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return await open(path);
}

async function orClose(database: Database, act: Promise<void>): Promise<void> {
  try {
    await act;
  } catch (error) {
    await database.close().catch(() => undefined);
    throw error;
  }
}

/** LevelDB opens in spite of a damaged log and says so only in its own LOG file. */
function recoveryDroppedData(path: string): boolean {
  try {
    return /dropping \d+ bytes|ignoring error/i.test(readFileSync(join(path, "LOG"), "utf8"));
  } catch {
    return false;
  }
}

/** The file in which starts are counted that did not open the store. */
function unopenedFile(path: string): string {
  return `${path}.unopened`;
}

function isLocked(error: unknown): boolean {
  return errorCode(causeOf(error)) === "LEVEL_LOCKED";
}

/** The store does not open, for now. */
export function openError(path: string, cause: unknown): WardError {
  return new WardError(
    "WARD_OUTBOX_OPEN",
    `Cannot open the store ${path}: ${errorText(causeOf(cause))}. Check the disk and that no other gateway runs on it.`,
    { cause },
  );
}

const OPEN_TRIES = 5;
/** After so many starts without a good end, the tables are checked before they are opened. */
const FAILURES_MAX = 3;
/** After so many starts in which it did not open, it is moved aside: what the disk refuses to give may never come back. */
const UNOPENED_MAX = 20;
