import {
  CHECKPOINTS_STEP,
  type CheckpointStore,
  type KeptCheckpoint,
  type NewCheckpoint,
} from "./checkpoint-store.ts";
import type { Postgres } from "./postgres.ts";
import { checkpointIn } from "./row.ts";

/** Checkpoints in PostgreSQL; several hubs may add the same one. */
export class PostgresCheckpoints implements CheckpointStore {
  readonly #database: Postgres;

  constructor(database: Postgres) {
    this.#database = database;
  }

  async add(checkpoint: NewCheckpoint): Promise<void> {
    const { gateway, line, size, root, verdict, seenAt, note } = checkpoint;
    await this.#database.rows(
      `INSERT INTO wardgate.checkpoints AS kept (gateway, line, size, root, verdict, seen_at, note)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (gateway, line, size, root)
       DO UPDATE SET verdict = excluded.verdict WHERE kept.verdict = 'unproven'`,
      [gateway, line, size, root, verdict, seenAt, note],
    );
  }

  async head(gateway: string): Promise<KeptCheckpoint | null> {
    const [row] = await this.#database.rows(
      `SELECT * FROM wardgate.checkpoints WHERE gateway = $1 AND verdict <> 'unproven'
       ORDER BY line DESC, size DESC LIMIT 1`,
      [gateway],
    );
    return row === undefined ? null : checkpointIn(row);
  }

  async has({
    gateway,
    line,
    size,
    root,
  }: Pick<NewCheckpoint, "gateway" | "line" | "size" | "root">): Promise<boolean> {
    const rows = await this.#database.rows(
      `SELECT no FROM wardgate.checkpoints WHERE gateway = $1 AND line = $2 AND size = $3 AND root = $4
       AND verdict <> 'unproven'`,
      [gateway, line, size, root],
    );
    return rows.length > 0;
  }

  async list(gateway: string | null, after: number): Promise<readonly KeptCheckpoint[]> {
    const rows = await this.#database.rows(
      `SELECT * FROM wardgate.checkpoints WHERE no > $1 AND ($2::text IS NULL OR gateway = $2)
       ORDER BY no LIMIT $3`,
      [after, gateway, CHECKPOINTS_STEP],
    );
    return rows.map(checkpointIn);
  }
}
