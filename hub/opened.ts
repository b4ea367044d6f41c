import type { Item } from "../gateway/reading.ts";
import type { BatchGap } from "../gateway/sealing/gap.ts";
import { openGap, openItems, openTally, type ReadRecord } from "../gateway/sealing/open.ts";
import type { Tally } from "../gateway/sealing/tally.ts";
import { WardError } from "../gateway/errors.ts";
import type { ClassName } from "../gateway/reading.ts";
import type { OpenedEpoch } from "./keyring.ts";

/** What was inside a sealed record. */
export type Opened =
  | { readonly kind: "items"; readonly class: ClassName; readonly items: readonly Item[] }
  | { readonly kind: "tally"; readonly tally: Tally }
  | { readonly kind: "gap"; readonly gap: BatchGap };

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
      return { kind: "items", class: name, items: openItems(record.encrypt0, epoch.key) };
  }
}
