import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

import type { JournalEntry } from "../../gateway/journal/entry.ts";
import { decodeEntry } from "../../gateway/journal/entry.ts";
import type { JournalEvent } from "../../gateway/journal/event.ts";
import { JournalFiles } from "../../gateway/journal/journal-files.ts";
import { Journal, type JournalOptions } from "../../gateway/journal/journal.ts";
import { SegmentSeal, type SegmentOwner } from "../../gateway/journal/segment.ts";

export const OWNER: SegmentOwner = {
  gateway: "gw-001",
  key: createSecretKey(Buffer.alloc(32, 7)),
};
export const SIGNING = generateKeyPairSync("ed25519");
const BOOT = "0011223344556677";

/** A fresh directory for a journal, which is removed in the end; the journal's own is not made yet. */
export function freshJournal(): string {
  const root = mkdtempSync(join(tmpdir(), "ward-journal-"));
  after(() => rmSync(root, { recursive: true, force: true }));
  return join(root, "journal");
}

export function openJournal(directory: string, more: Partial<JournalOptions> = {}): Journal {
  return Journal.open({
    directory,
    owner: OWNER,
    boot: BOOT,
    bytesMax: 2 ** 25,
    now: () => 1_700_000_000_000,
    clock: () => "holdover",
    ...more,
  });
}

/** Something small to write down, told apart by a number. */
export function rejected(number: number): JournalEvent {
  const what = { class: "vital", store: BOOT, from: number, to: number, reason: "open" };
  return { kind: "record-rejected", who: "hub", outcome: "accepted", what };
}

/** All entries that are there, in order. */
export function entriesIn(directory: string, owner: SegmentOwner = OWNER): JournalEntry[] {
  const files = new JournalFiles(directory, owner);
  return files.segments().flatMap((number) => {
    const bytes = files.read(number) ?? new Uint8Array();
    return SegmentSeal.read(bytes, number, owner).open(bytes).entries.map(decodeEntry);
  });
}

/** The numbers of those made by `rejected`. */
export function numbersIn(directory: string): number[] {
  return entriesIn(directory).flatMap(({ kind, what }) =>
    kind === "record-rejected" ? [(what as { from: number }).from] : [],
  );
}
