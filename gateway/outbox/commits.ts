import { mkdirSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { syncDirectory } from "./disk-sync.ts";
import { errorText, WardError } from "../errors.ts";
import { openAgain, openAtStart, openError, type Lost, type Opened } from "./opening.ts";
import { noteBad, noteWell } from "./starts.ts";
import {
  causeOf,
  isDamage,
  isNoSpace,
  lockStore,
  openLevel,
  RETRY_MS,
  startsFile,
  type Database,
  type OpenDatabase,
  type StoreEntry,
  type StoreRange,
  type StoreWrite,
} from "./store.ts";

export interface StoreOptions {
  readonly directory: string;
  /** A commit starts at the earliest this long after the one before it; at once when it is quiet (milliseconds). */
  readonly commitMs: number;
  /** A commit starts at once when this much waits for it, and takes no more than this and one write (bytes; default 4 MiB). */
  readonly commitBytes?: number;
  /** Called before anything else when the disk has no space left: the last chance to make some. */
  readonly onNoSpace?: () => void;
  /**
   * Called with `WARD_OUTBOX_WRITE` when writing stops and with null when it goes on by itself. `WARD_OUTBOX_DAMAGED`
   * means that only a new `open` can help.
   */
  readonly onTrouble?: (error: WardError | null) => void;
  /** Makes the database object; only tests that inject faults give one. */
  readonly open?: OpenDatabase;
}

/** Writes that need not be durable at once wait at most this long for a ride with the next commit. */
const LAZY_MS = 2500;
const COMMIT_BYTES = 4 * 2 ** 20;
/** A store that was open for this long works. */
const WELL_MS = 3_600_000;

interface Group {
  readonly writes: Map<string, StoreWrite>;
  readonly done: PromiseWithResolvers<void>;
  bytes: number;
  since: number;
  urgent: boolean;
}

/**
 * A database whose writes are committed in groups, each with one fsync.
 *
 * LevelDB 1.20 forgets acknowledged writes when one is made after a failed one, so any failed write ends the open
 * database: it is closed, opened again, and the same group is written again under the same keys until it succeeds.
 */
export class Store {
  readonly lost: Lost;
  readonly #options: StoreOptions;
  readonly #path: string;
  readonly #release: Release;
  #database: Database;
  /** In the order of commits; writes go to the last one. Never empty. */
  #waiting: [Group, ...Group[]] = [newGroup()];
  readonly #well: NodeJS.Timeout;
  #committing: Promise<void> | null = null;
  /** When the last commit began. */
  #committedAt = -Infinity;
  #timer: NodeJS.Timeout | null = null;
  #reopened: Promise<void> = Promise.resolve();
  #closing = false;
  #failed = false;
  #distrusted = false;
  #troubled = false;

  private constructor(options: StoreOptions, path: string, opened: Opened, release: Release) {
    this.#options = options;
    this.#path = path;
    this.#release = release;
    this.#database = opened.database;
    this.lost = opened.lost;
    this.#well = setTimeout(() => noteWell(startsFile(path)), WELL_MS).unref();
  }

  /**
   * Opens or creates the store. A damaged database is repaired or, failing that, moved aside and kept as
   * `<directory>.damaged-<time>`. Throws WardError `WARD_OUTBOX_OPEN` when it cannot be opened at all and
   * `WARD_OUTBOX_TWICE` when this process has it open already.
   */
  static async open(options: StoreOptions): Promise<Store> {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
    syncDirectory(dirname(options.directory), []);
    const path = realpathSync.native(options.directory);
    if (openPaths.has(path)) {
      throw new WardError(
        "WARD_OUTBOX_TWICE",
        `Cannot open the store ${path}: this process has it open already.`,
      );
    }
    openPaths.add(path);
    let release: Release | null = null;
    try {
      release = await lock(path);
      const opened = await openAtStart(path, options.open ?? openLevel);
      return new Store(options, path, opened, release);
    } catch (error) {
      await release?.();
      openPaths.delete(path);
      throw error;
    }
  }

  /**
   * Commits writes together, with everything else that waits, in the order of calls. Resolves when they are on disk; a
   * lazy write only promises to be no later than the next commit. Rejects with `WARD_OUTBOX_CLOSED` when the store was
   * closed before it could be written.
   */
  write(writes: readonly StoreWrite[], when: "now" | "lazy" = "now"): Promise<void> {
    if (this.#closing) {
      return Promise.reject(closedError());
    }
    if (writes.length === 0) {
      return Promise.resolve();
    }
    const bytes = writes.reduce((sum, [key, value]) => sum + key.length + (value?.length ?? 0), 0);
    const group = this.#lastGroup();
    for (const write of writes) {
      group.writes.set(Buffer.from(write[0]).toString("latin1"), write);
    }
    group.bytes += bytes;
    if (group.since === 0) {
      group.since = performance.now();
    }
    group.urgent ||= when === "now";
    this.#schedule();
    return group.done.promise;
  }

  /** Bytes that wait for a commit which has not begun: callers bound themselves by it. */
  get waitingBytes(): number {
    return this.#waiting.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#read((database) => database.get(key));
  }

  /** Entries in order of keys. Start at a remembered key: a walk over deleted keys is slow. */
  async range(range: StoreRange): Promise<StoreEntry[]> {
    return this.#read((database) => database.range(range));
  }

  /** Roughly how many bytes of the disk a range of keys takes, deleted ones included. */
  async size(start: Uint8Array, end: Uint8Array): Promise<number> {
    return this.#read((database) => database.size(start, end));
  }

  /** Gives the space of deleted keys back to the disk. */
  async compact(start: Uint8Array, end: Uint8Array): Promise<void> {
    await this.#read((database) => database.compact(start, end));
  }

  /** A part of it cannot be read: the next start checks every table before it opens them. */
  distrust(): void {
    this.#distrusted = true;
    clearTimeout(this.#well);
    noteBad(startsFile(this.#path));
  }

  /** Writes what waits, once, and closes. Writes that do not succeed are rejected with `WARD_OUTBOX_CLOSED`. */
  async close(): Promise<void> {
    if (this.#closing) {
      return;
    }
    this.#closing = true;
    this.#clearTimer();
    await this.#committing;
    while (this.#waiting[0].writes.size > 0) {
      await this.#commit();
    }
    await this.#database.close().catch(() => undefined);
    await this.#release();
    openPaths.delete(this.#path);
    clearTimeout(this.#well);
    if (!this.#distrusted) {
      noteWell(startsFile(this.#path));
    }
  }

  /** The group that takes the next write: a full one is followed by another, so that no commit grows without end. */
  #lastGroup(): Group {
    const last = this.#waiting.at(-1) ?? this.#waiting[0];
    if (last.bytes < this.#commitBytes) {
      return last;
    }
    const next = newGroup();
    this.#waiting.push(next);
    return next;
  }

  get #commitBytes(): number {
    return this.#options.commitBytes ?? COMMIT_BYTES;
  }

  #schedule(): void {
    if (this.#committing !== null || this.#closing) {
      return;
    }
    const [group] = this.#waiting;
    const isFull = group.bytes >= this.#commitBytes;
    const at = isFull
      ? 0
      : group.urgent
        ? this.#committedAt + this.#options.commitMs
        : group.since + LAZY_MS;
    this.#clearTimer();
    this.#timer = setTimeout(
      () => {
        this.#committedAt = performance.now();
        this.#committing = this.#commit().finally(() => {
          this.#committing = null;
          if (this.#waiting[0].writes.size > 0) {
            this.#schedule();
          }
        });
      },
      Math.max(0, at - performance.now()),
    );
  }

  #clearTimer(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
  }

  async #commit(): Promise<void> {
    const [group, next = newGroup(), ...more] = this.#waiting;
    if (group.writes.size === 0) {
      return;
    }
    this.#waiting = [next, ...more];
    try {
      if (this.#failed) {
        // Groups build on each other: after one that was given up, a later one must not be written.
        throw closedError();
      }
      await this.#persist([...group.writes.values()]);
      group.done.resolve();
    } catch (error) {
      this.#failed = true;
      group.done.reject(error instanceof WardError ? error : closedError(error));
    }
  }

  /** True while a write fails again and again. */
  get isTroubled(): boolean {
    return this.#troubled;
  }

  /** Returns when the writes are durable; throws only while closing. */
  async #persist(writes: readonly StoreWrite[]): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.#database.batch(writes);
        if (this.#troubled) {
          this.#troubled = false;
          this.#options.onTrouble?.(null);
        }
        return;
      } catch (error) {
        if (this.#closing) {
          throw closedError(error);
        }
        this.#troubled = true;
        this.#tellTrouble(error, writeError);
        await this.#reopen(attempt);
      }
    }
  }

  async #reopen(attempt: number): Promise<void> {
    const reopened = Promise.withResolvers<void>();
    this.#reopened = reopened.promise;
    try {
      await this.#database.close().catch(() => undefined);
      for (let tries = attempt; ; tries += 1) {
        await sleep(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
        try {
          this.#database = await openAgain(this.#path, this.#options.open ?? openLevel);
          return;
        } catch (error) {
          this.#tellTrouble(error, isDamage(error) ? damageError : writeError);
          if (this.#closing) {
            throw closedError(error);
          }
        }
      }
    } finally {
      reopened.resolve();
    }
  }

  #tellTrouble(error: unknown, make: (path: string, cause: unknown) => WardError): void {
    if (isNoSpace(error)) {
      this.#options.onNoSpace?.();
    }
    this.#options.onTrouble?.(make(this.#path, error));
  }

  /** Reads; again when the database was closed under the reader because a write had failed. */
  async #read<T>(read: (database: Database) => Promise<T>): Promise<T> {
    for (;;) {
      await this.#reopened;
      const database = this.#database;
      try {
        return await read(database);
      } catch (error) {
        if (this.#closing) {
          // Whoever comes too late learns nothing about the disk.
          throw closedError(error);
        }
        await this.#reopened;
        if (database === this.#database) {
          throw readError(this.#path, error);
        }
      }
    }
  }
}

function newGroup(): Group {
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => undefined);
  return { writes: new Map(), done, bytes: 0, since: 0, urgent: false };
}

type Release = () => Promise<void>;

async function lock(path: string): Promise<Release> {
  try {
    return await lockStore(path);
  } catch (error) {
    throw openError(path, error);
  }
}

/** Real paths that this process holds open: a second open in one process would silently drop LevelDB's file lock. */
const openPaths = new Set<string>();

function writeError(path: string, cause: unknown): WardError {
  return new WardError(
    "WARD_OUTBOX_WRITE",
    `Cannot write to the store ${path}: ${errorText(causeOf(cause))}. Check the disk; the store goes on by itself when it can.`,
    { cause },
  );
}

function damageError(path: string, cause: unknown): WardError {
  return new WardError(
    "WARD_OUTBOX_DAMAGED",
    `Cannot go on with the store ${path}: ${errorText(causeOf(cause))}. It is repaired at the next start.`,
    { cause },
  );
}

function readError(path: string, cause: unknown): WardError {
  return new WardError(
    "WARD_OUTBOX_READ",
    `Cannot read the store ${path}: ${errorText(causeOf(cause))}. Check the disk.`,
    { cause },
  );
}

function closedError(cause?: unknown): WardError {
  return new WardError("WARD_OUTBOX_CLOSED", "Cannot use the outbox: it is closed.", { cause });
}
