import { WardError } from "../gateway/errors.ts";
import type { ClassName } from "../gateway/reading.ts";
import type { RecordPlace, SealedHeader } from "../gateway/sealing/envelope.ts";
import type { BatchGap } from "../gateway/sealing/gap.ts";
import type { ItemColumns } from "../gateway/sealing/item-columns.ts";
import { openColumns, openGap, openTally, type ReadRecord } from "../gateway/sealing/open.ts";
import type { Tally } from "../gateway/sealing/tally.ts";
import type { OpenedEpoch } from "./keyring.ts";

/** What was inside a sealed record. */
export type Opened =
  | { readonly kind: "items"; readonly class: ClassName; readonly items: ItemColumns }
  | { readonly kind: "tally"; readonly tally: Tally }
  | { readonly kind: "gap"; readonly gap: BatchGap };

/** A committed record with what was inside it: what the views are made of. */
export interface OpenedRecord {
  /** Its place in the order of commits, from 1 without a hole. */
  readonly id: number;
  /** Hub time, epoch milliseconds. */
  readonly committedAt: number;
  readonly backlog: boolean;
  readonly place: RecordPlace;
  readonly header: SealedHeader;
  readonly hash: string;
  readonly opened: Opened;
}

/**
 * Opens a verified record. Throws WardError `WARD_ENVELOPE` or `WARD_OPEN`: with the right epoch key both mean that it can
 * never be opened.
 */
export function openRecord(record: ReadRecord, epoch: OpenedEpoch): Opened {
  const { class: name } = record.place;
  // A gap record is the keeper's own word; everything else is the flow host's.
  if ((name === "gap") !== (epoch.origin === "keeper")) {
    throw new WardError("WARD_OPEN", `Cannot open record: a ${name} sealed by ${epoch.origin}.`);
  }
  switch (name) {
    case "tally":
      return { kind: "tally", tally: openTally(record.encrypt0, epoch.key) };
    case "gap":
      return { kind: "gap", gap: openGap(record.encrypt0, epoch.key) };
    case "notice":
    case "vital":
    case "trend":
    case "wave":
      return { kind: "items", class: name, items: openColumns(record.encrypt0, epoch.key) };
  }
}
