import type { BundleEvent } from "../bundles/record.ts";
import type { JournalEvent } from "../journal/event.ts";

/** What happened to a bundle, as the journal says it. */
export function bundleEntry({ event, version, sha256, code }: BundleEvent): JournalEvent {
  const isBad = event === "rolled-back" || event === "refused" || event === "damaged";
  const outcome = isBad ? "refused" : "accepted";
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

/** A code of an error as a word of the journal: `ward-bundle-expired`. */
export function reasonOf(code: string): string {
  const word = code.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return word.slice(0, WORD_MAX) || "none";
}

const WORD_MAX = 64;
