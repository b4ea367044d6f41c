import assert from "node:assert/strict";
import { test } from "node:test";

import type { BundleEvent } from "../../../gateway/bundles/record.ts";
import { recordBundle } from "../../../gateway/house/bundle-journal.ts";
import type { JournalEvent } from "../../../gateway/journal/event.ts";

/** A journal whose disk is full or not. */
class FakeJournal {
  isFull = false;
  readonly written: string[] = [];
  readonly waiting: string[] = [];

  async append({ kind, outcome }: JournalEvent): Promise<void> {
    if (this.isFull) {
      throw new Error("the disk is full");
    }
    this.written.push(`${kind} ${outcome}`);
  }

  note({ kind, outcome }: JournalEvent): void {
    this.waiting.push(`${kind} ${outcome}`);
  }
}

function eventOf(event: BundleEvent["event"]): BundleEvent {
  const isKnown = event !== "refused" && event !== "damaged";
  return {
    event,
    version: isKnown ? 3 : null,
    sha256: isKnown ? "ab".repeat(32) : null,
    code: isKnown ? "" : "WARD_BUNDLE_TAMPERED",
    text: "",
  };
}

test("what lets something new run waits for the journal; what goes back does not", async () => {
  const journal = new FakeJournal();
  for (const event of [
    "staged",
    "trial",
    "trial-resumed",
    "kept",
    "rolled-back",
    "refused",
  ] as const) {
    await recordBundle(journal, eventOf(event));
  }
  assert.equal(journal.written.length, 6);
  journal.isFull = true;
  for (const event of ["staged", "trial", "trial-resumed", "kept"] as const) {
    await assert.rejects(recordBundle(journal, eventOf(event)), { message: /disk is full/ }, event);
  }
  assert.deepEqual(journal.waiting, []);
  for (const event of ["rolled-back", "refused", "damaged"] as const) {
    await recordBundle(journal, eventOf(event));
  }
  assert.deepEqual(journal.waiting, [
    "bundle refused",
    "bundle-refused refused",
    "bundle-refused refused",
  ]);
});
