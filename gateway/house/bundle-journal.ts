import type { BundleEvent } from "../bundles/record.ts";
import type { JournalEvent } from "../journal/event.ts";
import type { HouseJournal } from "./house-journal.ts";

/**
 * Writes down what is about to happen to a bundle. What lets something new run is on disk when this resolves, and rejected with
 * the journal's WardError otherwise; what goes back to what ran before must not wait for a full disk, and is written down when
 * that can be.
 */
export async function recordBundle(
  journal: Pick<HouseJournal, "append" | "note">,
  event: BundleEvent,
): Promise<void> {
  const entry = bundleEntry(event);
  try {
    await journal.append(entry);
  } catch (error) {
    if (!isBad(event)) {
      throw error;
    }
    journal.note(entry);
  }
}

/** What happened to a bundle, as the journal says it. */
export function bundleEntry(told: BundleEvent): JournalEvent {
  const { event, version, sha256, code } = told;
  const outcome = isBad(told) ? "refused" : "accepted";
  if (version === null || sha256 === null) {
    return {
      kind: "bundle-refused",
      who: "gateway",
      outcome,
      what: { reason: reasonOf(code === "" ? event : code) },
    };
  }
  const what = { step: event, version, bundle: sha256 };
  return { kind: "bundle", who: "gateway", outcome, what };
}

function isBad({ event }: BundleEvent): boolean {
  return event === "rolled-back" || event === "refused" || event === "damaged";
}

/** A code of an error as a word of the journal: `ward-bundle-expired`. */
export function reasonOf(code: string): string {
  const word = code.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return word.slice(0, WORD_MAX) || "none";
}

const WORD_MAX = 64;
