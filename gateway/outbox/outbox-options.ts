import { dirname } from "node:path";

import type { WardError } from "../errors.ts";
import { freeBytesOf } from "./caretaker.ts";
import type { ClassPolicies } from "./policy.ts";
import type { EpochRecord, Loss, LossReason, RecordCodec, StoredRecord } from "./records.ts";
import type { OpenDatabase } from "./store.ts";
import type { RecordClass } from "../sealing/envelope.ts";

/** What an outbox is opened with. */
export interface OutboxOptions {
  readonly directory: string;
  readonly codec: RecordCodec;
  /** Bytes of records that may wait; what becomes of more is a matter of `classes`. */
  readonly bytesMax: number;
  /** What each class of data is sure of, and what it gives up (default: nothing; a full outbox refuses what comes). */
  readonly classes?: ClassPolicies;
  /** Free space of the disk that is left to others (bytes, default 0); `ballastBytes`: see Ballast (default 0: none). */
  readonly reserveBytes?: number;
  readonly ballastBytes?: number;
  /** Milliseconds, bytes; see StoreOptions. */
  readonly commitMs: number;
  readonly commitBytes?: number;
  /** Gateway time, epoch milliseconds. */
  readonly now: () => number;
  readonly events: OutboxEvents;
  /** Only tests give these: faults, monotonic milliseconds, free bytes of the disk. */
  readonly openDatabase?: OpenDatabase;
  readonly monotonic?: () => number;
  readonly freeBytes?: () => number | null;
}

/** What the outbox tells, after it is true on disk. */
export interface OutboxEvents {
  committed(records: readonly StoredRecord[], epochs: readonly EpochRecord[]): void;
  /** Records left the outbox: named by a receipt, or lost. */
  forgotten(className: RecordClass, batches: number, why: "receipted" | LossReason): void;
  lost(loss: Loss): void;
  /** Writing stopped (error) or goes on (null). */
  trouble(error: WardError | null): void;
}

/** Where to look for the free space of the disk. */
export function freeOf({ freeBytes, directory }: OutboxOptions): () => number | null {
  return freeBytes ?? (() => freeBytesOf(dirname(directory)));
}

/** How long a record of a class may wait (milliseconds), null for ever, undefined when there are no policies. */
export function ttlOf(
  classes: ClassPolicies | undefined,
  name: RecordClass,
): number | null | undefined {
  return name === "tally" || name === "gap" ? null : classes?.[name].ttlMs;
}
