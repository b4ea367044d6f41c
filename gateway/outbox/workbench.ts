import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setImmediate as immediate } from "node:timers/promises";

import { errorCode } from "../errors.ts";
import { syncDirectory } from "./disk-sync.ts";
import { linkOrCopy } from "./link-or-copy.ts";
import { batchesOf, salvageLog } from "./log-salvage.ts";
import { isTorn } from "./log-tail.ts";
import { hasWholeIndex, isWholeTable, salvageTable, tablesIn, withoutLeftovers } from "./scrub.ts";
import type { Database, StoreWrite } from "./store.ts";

/**
 * A directory beside a store, `<store>.repair`, for files that LevelDB must not take from us while it opens: its logs, which it
 * deletes whatever it could read of them, and damaged tables. It is there from before the open until what it holds is in the
 * database again: a start that was cut short leaves it to the next one.
 */
export class Workbench {
  readonly #store: string;
  readonly #path: string;

  constructor(store: string) {
    this.#store = store;
    this.#path = `${store}.repair`;
  }

  /** True when an earlier start did not come to its end. */
  get isInUse(): boolean {
    return existsSync(this.#path);
  }

  get hasTables(): boolean {
    return this.#files(TABLE).length > 0;
  }

  /** Keeps the logs of the store under a second name. On a disk that has no room even for that they are not kept. */
  keepLogs(): void {
    try {
      mkdirSync(this.#path, { recursive: true, mode: 0o700 });
      for (const name of readdirSync(this.#store).filter((each) => LOG.test(each))) {
        rmSync(join(this.#path, name), { force: true });
        linkOrCopy(join(this.#store, name), join(this.#path, name));
      }
    } catch (error) {
      if (errorCode(error) !== "ENOSPC" && errorCode(error) !== "EDQUOT") {
        throw error;
      }
    }
  }

  /**
   * Takes damaged tables out of the store: LevelDB would end the process on some of them, and not find what others hold. Looks
   * at their indices, or `all` of them, which takes seconds for a large store; in between others get their turn.
   */
  async takeDamaged(how: "indices" | "all"): Promise<void> {
    const names = tablesIn(this.#store);
    const pathOf = (name: string): string => join(this.#store, name);
    if (how === "indices") {
      const damaged = names.filter((name) => !hasWholeIndex(pathOf(name)));
      this.#take(this.#store, withoutLeftovers(this.#store, damaged));
      return;
    }
    for (const name of withoutLeftovers(this.#store, names)) {
      if (!isWholeTable(readFileSync(pathOf(name)))) {
        this.#take(this.#store, [name]);
      }
      await immediate();
    }
  }

  /** Takes what LevelDB's repair could not use. */
  takeLost(): void {
    const lost = join(this.#store, "lost");
    if (existsSync(lost)) {
      this.#take(
        lost,
        readdirSync(lost).filter((name) => TABLE.test(name)),
      );
      rmSync(lost, { recursive: true, force: true });
    }
  }

  /** True when a log was kept that the store does not have any more: nobody knows how much of it LevelDB has read. */
  get hasOldLogs(): boolean {
    const there = new Set(readdirSync(this.#store));
    return this.#files(LOG).some((name) => !there.has(name));
  }

  /**
   * True when a log that seems to end within a write is whole: then the length of a write is damaged, and LevelDB leaves it and
   * all behind it out without a word.
   */
  get hasHiddenWrites(): boolean {
    return this.#files(LOG).some((name) => {
      const log = readFileSync(join(this.#path, name));
      return isTorn(log) && [...batchesOf(log)].every(({ isWhole }) => isWhole);
    });
  }

  /**
   * Writes back what the files hold: of tables what the database does not know better, of logs everything, in order. To be
   * called before anything else is written, and for the same reason at most once more after a crash.
   */
  async putBack(database: Database): Promise<void> {
    for (const name of this.#files(TABLE)) {
      await putUnknown(database, salvageTable(readFileSync(join(this.#path, name))));
    }
    for (const name of this.#files(LOG)) {
      await putAll(database, salvageLog(readFileSync(join(this.#path, name))));
    }
  }

  /** It is done: damaged tables are kept as `<store>.damaged-<time>`. Durable when it returns. */
  finish(now: number): void {
    if (!this.isInUse) {
      return;
    }
    if (this.hasTables) {
      renameSync(this.#path, `${this.#store}.damaged-${now}`);
    } else {
      rmSync(this.#path, { recursive: true, force: true });
    }
    // Put back once more after a power cut, old values would take the place of new ones.
    syncDirectory(dirname(this.#store), []);
  }

  #take(directory: string, names: readonly string[]): void {
    for (const name of names) {
      mkdirSync(this.#path, { recursive: true, mode: 0o700 });
      renameSync(join(directory, name), join(this.#path, name));
    }
  }

  /** In the order in which they were written. */
  #files(kind: RegExp): string[] {
    return this.isInUse
      ? readdirSync(this.#path)
          .filter((name) => kind.test(name))
          .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
      : [];
  }
}

const LOG = /^\d+\.log$/;
const TABLE = /^\d+\.(ldb|sst)$/;
const PIECE_WRITES = 256;

async function putUnknown(
  database: Database,
  entries: readonly (readonly [Uint8Array, Uint8Array])[],
): Promise<void> {
  for (let at = 0; at < entries.length; at += PIECE_WRITES) {
    const some = entries.slice(at, at + PIECE_WRITES);
    const known = await Promise.all(some.map(([key]) => database.get(key)));
    await database.batch(some.filter((_, place) => known[place] === undefined));
  }
}

async function putAll(database: Database, writes: readonly StoreWrite[]): Promise<void> {
  const last = new Map(writes.map((write) => [Buffer.from(write[0]).toString("latin1"), write]));
  const all = [...last.values()];
  for (let at = 0; at < all.length; at += PIECE_WRITES) {
    await database.batch(all.slice(at, at + PIECE_WRITES));
  }
}
