import type { FlowhostToBedside, Outcome } from "../rooms.ts";

/** What bedside may forget, in messages that are well within what it reads at once. */
export function settledMessages(
  outcomes: readonly Outcome[],
  gaps: readonly string[],
): FlowhostToBedside[] {
  const count = Math.max(outcomes.length, gaps.length);
  return Array.from({ length: Math.ceil(count / ENTRIES_MAX) }, (_, place) => {
    const [from, to] = [place * ENTRIES_MAX, (place + 1) * ENTRIES_MAX];
    return { t: "settled", outcomes: outcomes.slice(from, to), gaps: gaps.slice(from, to) };
  });
}

/** Outcomes, and gap ids, in one message: some 250 and at most 512 bytes each. */
const ENTRIES_MAX = 1000;
