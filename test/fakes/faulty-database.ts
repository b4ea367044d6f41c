import {
  openLevel,
  type Database,
  type OpenDatabase,
  type StoreWrite,
} from "../../gateway/outbox/store.ts";

/** What the disk does to one write: takes it, says no, or says no and has it all the same. */
export type WriteFate = "ok" | "fails" | "fails but is there";

/**
 * A database on a bad disk. As LevelDB does, an open one that has seen a write fail takes later ones and has forgotten them
 * at the next start: only closing and opening it again helps.
 */
export class FaultyDisk {
  /** Decides on the next write. */
  fate: (writes: readonly StoreWrite[]) => WriteFate | Promise<WriteFate> = () => "ok";
  /** Waited for before a range is read; what it throws the reader gets. */
  beforeRange: () => Promise<void> = () => Promise.resolve();
  /** What a failed write says. */
  message = "IO error: 000007.log: Input/output error";
  /** True: the database cannot be opened either. */
  cannotOpen = false;
  opened = 0;

  readonly open: OpenDatabase = async (directory) => {
    if (this.cannotOpen) {
      throw this.#error();
    }
    const level = await openLevel(directory);
    this.opened += 1;
    return this.#wrap(level);
  };

  #wrap(level: Database): Database {
    let isSpoilt = false;
    return {
      ...level,
      range: async (range) => {
        await this.beforeRange();
        return await level.range(range);
      },
      batch: async (writes) => {
        const fate = await this.fate(writes);
        if (!isSpoilt && fate !== "fails") {
          await level.batch(writes);
        }
        if (fate !== "ok") {
          isSpoilt = true;
          throw this.#error();
        }
      },
    };
  }

  #error(): Error {
    return new Error("Database failed", { cause: new Error(this.message) });
  }
}
