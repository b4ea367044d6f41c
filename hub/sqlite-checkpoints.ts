import type { DatabaseSync, SQLInputValue } from "node:sqlite";

import { errorText, WardError } from "../gateway/errors.ts";
import {
  CHECKPOINTS_STEP,
  type CheckpointStore,
  type KeptCheckpoint,
  type NewCheckpoint,
} from "./checkpoint-store.ts";
import { checkpointIn } from "./row.ts";

/** Checkpoints in a hub's SQLite file. */
export class SqliteCheckpoints implements CheckpointStore {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async add(checkpoint: NewCheckpoint): Promise<void> {
    const { gateway, line, size, root, verdict, seenAt, note } = checkpoint;
    try {
      this.#database
        .prepare(
          `INSERT INTO checkpoints (gateway, line, size, root, verdict, seen_at, note) VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET verdict = excluded.verdict WHERE verdict = 'unproven'`,
        )
        .run(gateway, line, size, root, verdict, seenAt, note);
    } catch (error) {
      throw new WardError(
        "WARD_HUB_STORE",
        `Cannot write hub database: ${errorText(error)}. Check the disk.`,
        { cause: error },
      );
    }
  }

  async head(gateway: string): Promise<KeptCheckpoint | null> {
    const [row] = this.#all(
      `SELECT * FROM checkpoints WHERE gateway = ? AND verdict <> 'unproven'
       ORDER BY line DESC, size DESC LIMIT 1`,
      [gateway],
    );
    return row ?? null;
  }

  async has({
    gateway,
    line,
    size,
    root,
  }: Pick<NewCheckpoint, "gateway" | "line" | "size" | "root">): Promise<boolean> {
    const rows = this.#all(
      `SELECT * FROM checkpoints WHERE gateway = ? AND line = ? AND size = ? AND root = ?
       AND verdict <> 'unproven'`,
      [gateway, line, size, root],
    );
    return rows.length > 0;
  }

  async list(gateway: string | null, after: number): Promise<readonly KeptCheckpoint[]> {
    return this.#all(
      "SELECT * FROM checkpoints WHERE no > ? AND (? IS NULL OR gateway = ?) ORDER BY no LIMIT ?",
      [after, gateway, gateway, CHECKPOINTS_STEP],
    );
  }

  #all(sql: string, values: readonly SQLInputValue[]): readonly KeptCheckpoint[] {
    return this.#database
      .prepare(sql)
      .all(...values)
      .map(checkpointIn);
  }
}
