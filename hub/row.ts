import { toHex } from "../gateway/sealing/envelope.ts";
import type { Link } from "./linked-runs.ts";
import { CHECKPOINT_VERDICTS, type KeptCheckpoint } from "./checkpoint-store.ts";
import type { StoredRecord } from "./store.ts";

/** One row of an answer of a database; read its columns with the functions below. */
export type Row = Readonly<Record<string, unknown>>;

/** An integer column. Throws TypeError when it is something else: the caller's statement is wrong. */
export function numberIn(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== "number") {
    throw new TypeError(`column ${column} is not a number`);
  }
  return value;
}

/** A text column. Throws TypeError when it is something else. */
export function textIn(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== "string") {
    throw new TypeError(`column ${column} is not text`);
  }
  return value;
}

/** A byte string column. Throws TypeError when it is something else. */
export function bytesIn(row: Row, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(`column ${column} is not bytes`);
  }
  return value;
}

/** A record's place in its chain. */
export function linkIn(row: Row): Link {
  return {
    sequence: numberIn(row, "sequence"),
    hash: toHex(bytesIn(row, "hash")),
    previous: row["previous"] === null ? null : toHex(bytesIn(row, "previous")),
  };
}

export function storedRecordIn(row: Row): StoredRecord {
  const backlog = row["backlog"];
  return {
    id: numberIn(row, "id"),
    gateway: textIn(row, "gateway"),
    committedAt: numberIn(row, "committed_at"),
    backlog: backlog === 1 || backlog === true,
    bytes: bytesIn(row, "bytes"),
    marks: row["marks"] === null ? null : textIn(row, "marks"),
  };
}

/** A checkpoint of a gateway's journal. */
export function checkpointIn(row: Row): KeptCheckpoint {
  return {
    no: numberIn(row, "no"),
    gateway: textIn(row, "gateway"),
    line: numberIn(row, "line"),
    size: numberIn(row, "size"),
    root: bytesIn(row, "root"),
    verdict: CHECKPOINT_VERDICTS.find((known) => known === row["verdict"]) ?? "unproven",
    seenAt: numberIn(row, "seen_at"),
    note: textIn(row, "note"),
  };
}
